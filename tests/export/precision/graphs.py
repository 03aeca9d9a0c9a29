"""Graphs of a few nodes, by hand."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

WIDTH = 8


def make_graph(nodes, weights, *, metadata=None) -> onnx.ModelProto:
    """Make a graph from `pixel_values` [N, 8] to `logits` [N, 8]."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["n", WIDTH])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", WIDTH])],
        [numpy_helper.from_array(np.float32(array), name) for name, array in weights.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(proto, metadata or {"zoo.task": "none"})
    return proto


def chain(largest: float = 1.0) -> onnx.ModelProto:
    """Multiply, rectify, multiply, add: with numbers of some size between the products."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, WIDTH, WIDTH))
    nodes = [
        helper.make_node("MatMul", ["pixel_values", "w1"], ["large"], name="first"),
        helper.make_node("Relu", ["large"], ["rectified"], name="relu"),
        helper.make_node("MatMul", ["rectified", "w2"], ["small"], name="second"),
        helper.make_node("Tanh", ["small"], ["bent"], name="tanh"),
        helper.make_node("Add", ["bent", "b"], ["logits"], name="last"),
    ]
    weights = {"w1": first * largest, "w2": second / largest, "b": rng.normal(size=WIDTH)}
    return make_graph(nodes, weights)


def run(content: bytes, count: int = 5) -> np.ndarray:
    """Answer a few rows of noise, on the CPU."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    rows = np.random.default_rng(1).normal(size=(count, WIDTH)).astype(np.float32)
    return session.run(["logits"], {"pixel_values": rows})[0]
