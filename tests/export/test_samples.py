import pytest
import torch

from export.samples import Inputs, choose_samples, gather_inputs
from zoo.data.dataset import make_samples
from zoo.errors import UnreadableImagesError
from zoo.inputs.image import preprocess, read_image, to_tensor
from zoo.progress import Silence


def inputs(num_samples: int, num_edges: int) -> Inputs:
    names = [f"{at}.png" for at in range(num_samples)] + ["(edge)"] * num_edges
    return Inputs(torch.empty(len(names), 0), names, num_samples)


def test_real_images_come_first_as_the_network_sees_them(model, evidence):
    found = gather_inputs(evidence.samples, model.preprocess, 0, Silence())
    assert found.num_samples == len(evidence.samples) < len(found.names)
    for at in (0, found.num_samples - 1):
        path = evidence.samples.path(at)
        wanted = preprocess(to_tensor(read_image(path)), model.preprocess)
        torch.testing.assert_close(found.pixel_values[at], wanted, rtol=0, atol=0)
        assert found.names[at] == f"{path.parent.name}/{path.name}"
    assert all(name.startswith("(") for name in found.names[found.edges])


def test_a_file_that_is_no_image_is_named(model, tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    broken = make_samples(tmp_path, ["a.png"], {})
    with pytest.raises(UnreadableImagesError, match="a.png"):
        gather_inputs(broken, model.preprocess, 0, Silence())


def test_probed_are_real_images_from_all_over_the_data_and_every_edge_input():
    assert inputs(80, 3).probed == [0, 10, 20, 30, 40, 50, 60, 70, 80, 81, 82]
    assert inputs(2, 1).probed == [0, 1, 2]
    assert inputs(0, 2).probed == [0, 1]


def test_chosen_samples_spread_over_the_whole_split(evidence):
    samples = evidence.samples
    third = len(samples) // 3
    assert choose_samples(samples, 3).paths == [samples.path(at * third) for at in range(3)]
    assert choose_samples(samples, 10_000).paths == samples.paths
