import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from export.preprocessing import LEAST_OPSET, build_preprocess
from tests.export.raw_graphs import CONTRACT
from zoo.errors import ExportError
from zoo.inputs.contract import Preprocess
from zoo.inputs.image import preprocess
from zoo.registry import load_registry

LARGEST = 0.02
"""Grey levels, of 255, on white noise, where every rounding of a coordinate shows most: float32
torchvision is 0.009 from float64 there."""


def distinct_contracts() -> list[Preprocess]:
    """All of the registry's, each once."""
    found = {backbone.preprocess for backbone in load_registry().backbones.values()}
    return sorted(found, key=repr)


def named(contract: Preprocess) -> str:
    return f"{contract.resize}-{contract.size}-{contract.crop_mode}-{contract.interpolation}"


def run(contract: Preprocess, images: np.ndarray, opset: int = 20) -> torch.Tensor:
    proto = build_preprocess(contract, opset, 10)
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return torch.from_numpy(session.run(["pixel_values"], {"images": images})[0])


def distance(contract: Preprocess, height: int, width: int) -> float:
    """How far the graph is from torchvision on a picture of noise, in grey levels."""
    rng = np.random.default_rng([height, width])
    images = rng.integers(0, 256, (1, height, width, 3), dtype=np.uint8)
    ours = preprocess(torch.from_numpy(images[0]).permute(2, 0, 1), contract)
    found = run(contract, images)
    assert found.shape == (1, 3, contract.size, contract.size)
    scale = 255 * torch.tensor(contract.std).view(3, 1, 1)
    return ((found[0] - ours) * scale).abs().max().item()


@pytest.mark.parametrize("contract", distinct_contracts(), ids=named)
@pytest.mark.parametrize("size", [(300, 401), (417, 268), (7, 23)], ids=str)
def test_every_contract_of_the_registry_is_torchvisions(contract, size):
    assert distance(contract, *size) <= LARGEST


SMALL = {
    f"{mode}-{interpolation}-{resize}": Preprocess(
        size=48,
        resize=resize,
        crop_mode=mode,
        interpolation=interpolation,
        mean=(0.5, 0.4, 0.3),
        std=(0.25, 0.2, 0.3),
    )
    for mode in ("center", "squash")
    for interpolation in ("bilinear", "bicubic")
    for resize in (48, 55)
}
SIZES = [
    *[(1, 1), (1, 40), (40, 1), (3, 5), (48, 48), (55, 55), (49, 48), (48, 49), (47, 48)],
    *[(64, 64), (96, 96), (101, 77), (77, 101), (13, 400), (400, 13), (480, 641), (1501, 1100)],
    *[tuple(map(int, np.random.default_rng(seed).integers(2, 300, 2))) for seed in range(30)],
]


@pytest.mark.parametrize("contract", SMALL.values(), ids=SMALL)
def test_any_image_size_is_torchvisions(contract):
    """Square, upright, odd, tiny, huge, of one pixel, and thirty sizes drawn at random."""
    far = {size: off for size in SIZES if not (off := distance(contract, *size)) <= LARGEST}
    assert not far


def test_images_of_a_batch_are_preprocessed_each_for_itself():
    images = np.random.default_rng(0).integers(0, 256, (3, 50, 70, 3), dtype=np.uint8)
    together = run(CONTRACT, images)
    alone = torch.cat([run(CONTRACT, images[at : at + 1]) for at in range(3)])
    torch.testing.assert_close(together, alone, rtol=0, atol=0)


def test_the_graph_is_valid_and_its_axes_are_named():
    proto = build_preprocess(CONTRACT, 20, 10)
    onnx.checker.check_model(proto, full_check=True)
    (given,), (result,) = proto.graph.input, proto.graph.output
    axes = [
        [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in (given, result)
    ]
    assert axes == [["batch_size", "height", "width", 3], ["batch_size", 3, 32, 32]]
    assert (given.name, result.name) == ("images", "pixel_values")
    assert given.type.tensor_type.elem_type == onnx.TensorProto.UINT8


@pytest.mark.parametrize("opset", [18, 21, 23])
def test_any_opset_that_can_antialias_computes_the_same(opset):
    images = np.random.default_rng(0).integers(0, 256, (1, 50, 70, 3), dtype=np.uint8)
    assert build_preprocess(CONTRACT, opset, 10).opset_import[0].version == opset
    torch.testing.assert_close(run(CONTRACT, images, opset), run(CONTRACT, images), rtol=0, atol=0)


def test_an_opset_without_antialias_is_refused():
    with pytest.raises(ExportError, match=r"needs opset 18.*this graph has 17") as caught:
        build_preprocess(CONTRACT, LEAST_OPSET - 1, 10)
    assert "--opset 18" in caught.value.hint
