from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from PIL import Image, ImageOps

from export import encoded
from export.graph import export_graph
from export.metadata import describe
from export.pixel_figures import (
    LEAST_PROBABILITY,
    decide_for,
    figures_of_outputs,
    measure_tolerances,
)
from export.pixel_level import PixelLevel
from export.pixel_programs import (
    DRIFT,
    PixelReference,
    decode_pixels,
    preprocess_exactly,
)
from export.raw import embed_preprocessing
from export.same_pixels import compare_pixels
from tests.export.raw_graphs import CONTRACT, MISTAKES, average_colours
from tests.export.small_models import AGE, KIND, POSE, TAGS, label_photos
from tests.export.tiny_networks import make_tiny
from zoo.data.dataset import make_samples
from zoo.errors import DamagedFileError, DeviceError, UnreadableImagesError
from zoo.inputs.image import preprocess
from zoo.model import TrainedModel

TARGETS = (KIND, TAGS, AGE, POSE)
FEW = (
    *("baseline.jpg", "cmyk.jpg", "turned-1.jpg", "turned-6.jpg", "palette-with-hole.png"),
    *("alpha.png", "sixteen-bits.png", "square.png", "odd.png", "upright-odd.png", "tiny.png"),
    *("one-row.png", "wide.png", "tall.png"),
)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A tiny network of all kinds of target, and its graph."""
    folder = tmp_path_factory.mktemp("pixels") / "model"
    model = make_tiny("vit", folder, *TARGETS)
    return model, onnx.load_from_string(export_graph(model, folder).content), folder


def under(exported, contract) -> tuple[TrainedModel, onnx.ModelProto]:
    """The network with some preprocessing, and its raw graph."""
    model, network, folder = exported
    model = replace(model, config=replace(model.config, preprocess=contract))
    raw = embed_preprocessing(network, contract, TARGETS, describe(model, folder))
    return model, raw


@pytest.fixture
def model(exported):
    return under(exported, CONTRACT)[0]


@pytest.fixture
def raw(exported) -> onnx.ModelProto:
    """The raw graph, to be broken."""
    return under(exported, CONTRACT)[1]


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    return label_photos(tmp_path_factory.mktemp("photos"), *TARGETS, count=2)


@pytest.fixture
def _few_probes(monkeypatch):
    """Enough of them to show any mistake, in a third of the time."""
    monkeypatch.setattr(encoded, "PROBES", {name: encoded.PROBES[name] for name in FEW})


def compare(model, raw, samples, **options) -> PixelLevel:
    return compare_pixels(model, raw.SerializeToString(), samples, **options)


def test_a_right_graph_passes_for_every_kind_of_file_and_target(model, raw, samples):
    level = compare(model, raw, samples)
    assert level.verdict == "pass", level.explain()
    assert level.probes == tuple(encoded.PROBES)
    assert level.num_samples == 6
    assert set(level.targets) == {target.name for target in TARGETS}
    assert level.preprocessing_provider == level.network_provider == "CPUExecutionProvider"
    assert not level.errors
    assert not level.note
    for found in level.targets.values():
        assert 0 < found.noise_floor < found.bound < found.spread / 100
        assert found.max_abs_error <= found.bound / 2
    assert level.targets["kind"].agreement == 1
    assert level.targets["age"].agreement is None


@pytest.mark.parametrize(
    "contract",
    [
        replace(CONTRACT, interpolation="bilinear"),
        replace(CONTRACT, crop_mode="squash"),
        replace(CONTRACT, crop_mode="squash", resize=32),
        replace(CONTRACT, resize=64),
    ],
    ids=lambda c: f"{c.crop_mode}-{c.resize}-{c.interpolation}",
)
@pytest.mark.usefixtures("_few_probes")
def test_every_contract_passes(contract, exported, samples):
    """Sizes of powers of two too, where torchvision's float32 shows too little noise."""
    model, raw = under(exported, contract)
    level = compare(model, raw, samples)
    assert level.verdict == "pass", level.explain()


@pytest.mark.usefixtures("_few_probes")
def test_without_photos_drawn_pictures_serve(model, raw, samples):
    level = compare(model, raw, samples.select([]))
    assert level.verdict == "pass", level.explain()
    assert level.num_samples == 0


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.usefixtures("_few_probes")
def test_wrong_preprocessing_is_caught(mistake, model, raw, samples):
    MISTAKES[mistake](raw)
    level = compare(model, raw, samples)
    assert level.verdict == "fail"
    assert level.targets["kind"].verdict == "fail"
    assert "log-probability of" in level.explain() or level.errors


def answering(raw: onnx.ModelProto, operator: str) -> onnx.NodeProto:
    """Find a node behind the network."""
    behind = (node for node in raw.graph.node if node.name.startswith("answer/"))
    return next(node for node in behind if node.op_type == operator)


def _unsorted(raw):
    node = answering(raw, "TopK")
    node.attribute.append(helper.make_attribute("largest", 0))


def _softer(raw):
    """The temperature, which is part of the weights, once more."""
    node = answering(raw, "Softmax")
    raw.graph.initializer.append(numpy_helper.from_array(np.array(1.1, np.float32), "again"))
    at = list(raw.graph.node).index(node)
    raw.graph.node.insert(at, helper.make_node("Div", [node.input[0], "again"], ["softer"]))
    raw.graph.node[at + 1].input[0] = "softer"


def _another_threshold(raw):
    tensor = next(t for t in raw.graph.initializer if t.name == "answer/tags/cuts")
    cuts = numpy_helper.to_array(tensor)[::-1]
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(cuts), tensor.name))


def _softmax_of_labels(raw):
    answering(raw, "Sigmoid").op_type = "Softmax"


@pytest.mark.parametrize(
    ("mistake", "target"),
    [
        (_unsorted, "kind"),
        (_softer, "kind"),
        (_another_threshold, "tags"),
        (_softmax_of_labels, "tags"),
    ],
)
@pytest.mark.usefixtures("_few_probes")
def test_wrong_answers_are_caught_at_their_target(mistake, target, model, raw, samples):
    mistake(raw)
    level = compare(model, raw, samples)
    assert [name for name, found in level.targets.items() if found.verdict == "fail"] == [target]


def _as_stored(path):
    """Without turning it."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _over_black(path):
    with Image.open(path) as image:
        if not image.has_transparency_data:
            return decode_pixels(path)
        over = ImageOps.exif_transpose(image).convert("RGBA")
        black = Image.new("RGBA", over.size, (0, 0, 0, 255))
        return np.asarray(Image.alpha_composite(black, over).convert("RGB"))


def _clipped(path):
    """16 bits as Pillow converts them by itself: all above 255 is white."""
    with Image.open(path) as image:
        if not image.mode.startswith("I"):
            return decode_pixels(path)
        return np.asarray(image.point(lambda v: v).convert("RGB"))


def _drafted(path):
    """A JPEG at half its resolution."""
    with Image.open(path) as image:
        if image.format != "JPEG" or image.mode != "RGB":
            return decode_pixels(path)
        image.draft("RGB", (image.width // 2, image.height // 2))
        return np.asarray(ImageOps.exif_transpose(image))


def _bgr(path):
    return np.ascontiguousarray(decode_pixels(path)[..., ::-1])


@pytest.mark.parametrize("decode", [_as_stored, _over_black, _clipped, _drafted, _bgr])
@pytest.mark.usefixtures("_few_probes")
def test_a_deployment_that_decodes_otherwise_is_caught(decode, model, raw, samples):
    level = compare(model, raw, samples, decode=decode)
    assert level.verdict == "fail"


def test_what_does_not_run_fails_and_says_on_which_file(model, raw, samples):
    batch = raw.graph.input[0].type.tensor_type.shape.dim[1]
    batch.dim_value = 40
    level = compare(model, raw, samples)
    assert level.verdict == "fail"
    assert level.explain().startswith("does not run on (baseline.jpg), ")
    assert "(large.jpg)" in level.errors


@pytest.mark.usefixtures("_few_probes")
def test_answers_that_are_no_numbers_fail(model, raw, samples):
    MISTAKES["deviation of nobody"](raw)
    std = next(t for t in raw.graph.initializer if t.name == "preprocess/std")
    nothing = np.full_like(numpy_helper.to_array(std), np.nan)
    std.CopyFrom(numpy_helper.from_array(nothing, std.name))
    level = compare(model, raw, samples)
    assert {found.verdict for found in level.targets.values()} == {"fail"}
    assert np.isnan(level.max_abs_error)


@pytest.mark.usefixtures("_few_probes")
def test_a_network_without_preprocessing_is_no_raw_graph(model, samples):
    level = compare(model, average_colours(*TARGETS), samples)
    assert level.verdict == "fail"
    assert level.errors
    with pytest.raises(DamagedFileError):
        compare_pixels(model, b"hello", samples)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_an_error(model, raw, samples):
    with pytest.raises(DeviceError):
        compare(replace(model, device=torch.device("cuda")), raw, samples)


def test_files_that_cannot_be_decoded_are_named(model, raw, tmp_path):
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    torn = make_samples(tmp_path, ["torn.jpg"], {})
    with pytest.raises(UnreadableImagesError, match=r"torn\.jpg"):
        compare(model, raw, torn)


def test_log_probabilities_differ_as_logits_do_and_end_where_float32_does():
    logits = torch.tensor([[500.0, 0.0, -3.0], [2.0, 1.0, 0.5]])
    figures = figures_of_outputs(KIND, logits)
    assert figures.exp().sum(dim=1).tolist() == pytest.approx([1, 1])
    assert (figures[1, 0] - figures[1, 1]).item() == pytest.approx(1)
    assert figures.min().item() == pytest.approx(np.log(LEAST_PROBABILITY))


@pytest.mark.parametrize("target", [KIND, TAGS])
def test_the_rounding_of_a_probability_near_one_is_permitted(target):
    """float32 rounds 1 - 1e-7 by 6e-8, and so its logarithm, which is next to nothing itself."""
    outputs = torch.full((12, target.num_outputs), 16.0) + torch.rand(12, 1)
    exact = {target.name: outputs.double()}
    reference = PixelReference({target.name: outputs}, list(range(12)), exact, exact)
    (tolerance,) = measure_tolerances(target, reference)
    rounded = outputs.sigmoid() if target is TAGS else outputs.softmax(dim=1)
    off = rounded.double().log() - figures_of_outputs(target, outputs)
    assert off.abs().max().item() <= tolerance.bound


def test_a_label_is_sure_by_its_distance_from_the_threshold():
    logits = torch.tensor([[0.0, 0.4054651]])
    decisions = decide_for(TAGS, logits)
    assert decisions.choices.tolist() == [[True, False]]
    np.testing.assert_allclose(decisions.margins, [[np.log(0.5 / 0.4), 0]], atol=1e-6)


@pytest.mark.parametrize("mode", ["center", "squash"])
@pytest.mark.parametrize("size", [(50, 70), (70, 50), (3, 200), (31, 31)], ids=str)
def test_a_drift_moves_every_pixel_by_next_to_nothing(mode, size):
    contract = replace(CONTRACT, crop_mode=mode)
    image = torch.randint(0, 256, (3, *size), dtype=torch.uint8, generator=torch.manual_seed(0))
    exact, drifted = (preprocess_exactly(image, contract, drift) for drift in (0.0, DRIFT))
    assert exact.dtype == drifted.dtype == torch.float64
    assert exact.shape == drifted.shape == (3, 32, 32)
    assert 0 < (drifted - exact).abs().max().item() < 1e-4
    assert 0 < (preprocess(image, contract) - exact).abs().max().item() < 1e-4
