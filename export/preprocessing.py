"""The preprocessing contract as ONNX nodes: uint8 images of any size to what the network sees.

Built by hand: the exporter freezes the sizes that torchvision computes in Python, and is then
wrong, without a word, for images of every size but the traced one. These nodes compute what
torchvision does, in its order: float32, an antialiased Resize whose kernel leaves out what lies
beyond the border, sizes rounded down, the crop's corner rounded half to even.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, compose, helper, numpy_helper

from export.interface import BATCH, HEIGHT, INPUT, WIDTH
from zoo.errors import ExportError
from zoo.inputs.contract import Interpolation, Preprocess

IMAGES = "images"
"""The input: uint8 [batch_size, height, width, 3], RGB. One batch has images of one size."""
PREFIX = "preprocess/"
"""Of the names of all nodes and tensors here."""
LEAST_OPSET = 18
"""The first whose Resize can antialias."""

_FILTERS: Mapping[Interpolation, str] = {"bilinear": "linear", "bicubic": "cubic"}
_KEYS_A = -0.5
"""The cubic coefficient of Pillow, and of torchvision where it antialiases (Keys 1981)."""


def build_preprocess(contract: Preprocess, opset: int, ir_version: int) -> onnx.ModelProto:
    """Write the contract as a graph of its own, from `images` to `pixel_values`.

    A deployment may run it on the CPU and the network elsewhere.

    Args:
        contract: Sizes, crop, interpolation, mean and std.
        opset: Version of the operator set, that of the network.
        ir_version: Of the file format, that of the network.

    Raises:
        ExportError: The opset's Resize cannot antialias.
    """
    if opset < LEAST_OPSET:
        raise ExportError(
            f"preprocessing inside the graph needs opset {LEAST_OPSET}, where Resize learnt to "
            f"antialias; this graph has {opset}",
            hint=f"--opset {LEAST_OPSET} or above, or leave --embed-preprocessing out",
        )
    size = contract.size
    images = helper.make_tensor_value_info(IMAGES, TensorProto.UINT8, [BATCH, HEIGHT, WIDTH, 3])
    pixels = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [BATCH, 3, size, size])
    constants = [numpy_helper.from_array(value, name) for name, value in _constants(contract)]
    nodes = [*_to_planes(), *_resize(contract), *_crop(), *_normalize()]
    graph = helper.make_graph(nodes, "preprocess", [images], [pixels], constants)
    compose.add_prefix_graph(graph, PREFIX, rename_inputs=False, rename_outputs=False, inplace=True)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version
    )


def _constants(contract: Preprocess) -> list[tuple[str, NDArray[np.generic]]]:
    """List the numbers of the contract by their names in the graph."""
    found: list[tuple[str, NDArray[np.generic]]] = [
        ("size", np.array([contract.size])),
        ("axes", np.array([2, 3])),
        ("two", np.array([2])),
        ("white", np.array(255, np.float32)),
        ("mean", np.array(contract.mean, np.float32).reshape(1, 3, 1, 1)),
        ("std", np.array(contract.std, np.float32).reshape(1, 3, 1, 1)),
    ]
    if contract.crop_mode == "squash":
        return [*found, ("sides", np.array([contract.resize] * 2))]
    return [*found, ("resize", np.array([contract.resize]))]


def _to_planes() -> list[NodeProto]:
    """[B, H, W, 3] uint8 to [B, 3, H, W] float32."""
    return [
        _node("Transpose", [IMAGES], "transposed", perm=[0, 3, 1, 2]),
        _node("Cast", ["transposed"], "planes", to=TensorProto.FLOAT),
    ]


def _resize(contract: Preprocess) -> list[NodeProto]:
    """Bring the short side, or both, to their length; the long one is rounded down."""
    measure = [
        _node("Shape", [IMAGES], "height", start=1, end=2),
        _node("Shape", [IMAGES], "width", start=2, end=3),
        _node("Concat", ["height", "width"], "given", axis=0),
        _node("Min", ["height", "width"], "short"),
        _node("Mul", ["given", "resize"], "scaled"),
        _node("Div", ["scaled", "short"], "sides"),
    ]
    resize = _node(
        "Resize",
        ["planes", "", "", "sides"],
        "resized",
        mode=_FILTERS[contract.interpolation],
        axes=[2, 3],
        antialias=1,
        coordinate_transformation_mode="half_pixel",
        cubic_coeff_a=_KEYS_A,
        exclude_outside=1,
    )
    return [resize] if contract.crop_mode == "squash" else [*measure, resize]


def _crop() -> list[NodeProto]:
    """Cut the centre out: of an odd excess, (excess + excess / 2 mod 2) / 2 goes to the even side.

    In whole numbers, this is Python's round(excess / 2), half to even.
    """
    return [
        _node("Sub", ["sides", "size"], "excess"),
        _node("Div", ["excess", "two"], "half"),
        _node("Mod", ["half", "two"], "odd"),
        _node("Add", ["excess", "odd"], "evened"),
        _node("Div", ["evened", "two"], "start"),
        _node("Add", ["start", "size"], "stop"),
        _node("Slice", ["resized", "start", "stop", "axes"], "cropped"),
    ]


def _normalize() -> list[NodeProto]:
    """Scale to [0, 1] and normalise, in the order that PyTorch does."""
    return [
        _node("Div", ["cropped", "white"], "unit"),
        _node("Sub", ["unit", "mean"], "centred"),
        _node("Div", ["centred", "std"], INPUT),
    ]


def _node(operator: str, inputs: list[str], output: str, **attributes: Any) -> NodeProto:
    return helper.make_node(operator, inputs, [output], name=output, **attributes)
