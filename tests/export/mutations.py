"""Every kind of harm to the bytes and the fields of a model, by seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import onnx
from google.protobuf.message import Message

_NUMBERS = (0, -1, 1, 2, 3, 7, 64, 2**31 - 1, 2**31, 2**32, 2**40, 2**62, 2**63 - 1, -(2**63))
_FLOATS = (0.0, -1.0, 1e30, float("nan"), float("inf"))
_WORDS = (
    *("", "Loop", "If", "Conv", "Relu", "Concat", "Reshape", "ConstantOfShape", "Softmax"),
    *("pixel_values", "logits", "batch_size", "com.microsoft", "a" * 5_000, "../x", "\0"),
)


def mutate(content: bytes, seed: int) -> tuple[str, bytes]:
    """Do one kind of harm, at a place that the seed chooses; its name comes back with it."""
    rng = random.Random(seed)
    kind = rng.choice(list(_KINDS))
    return kind, _KINDS[kind](content, rng)


def _flip_bits(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _flip_bits_of_structure(content: bytes, rng: random.Random) -> bytes:
    """Most bytes are weights: aim at the first and last, where nodes and metadata are."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 2, 4))):
        at = rng.randrange(20_000)
        changed[at if rng.random() < 0.7 else -at - 1] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content))
    return content[: at if rng.random() < 0.5 else len(content) - at % 5_000 - 1]


def _cut_out(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + content[at + rng.choice((1, 2, 7, 1_000)) :]


def _repeat(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + content[max(0, at - 4_000) :]


def _with_graph(change: Callable[[onnx.GraphProto, random.Random], None]) -> Any:
    def apply(content: bytes, rng: random.Random) -> bytes:
        proto = onnx.load_from_string(content)
        change(proto.graph, rng)
        return proto.SerializeToString()

    return apply


def _with_fields(content: bytes, rng: random.Random) -> bytes:
    proto = onnx.load_from_string(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        _change_a_field(proto, rng)
    return proto.SerializeToString()


def _change_a_field(message: Message, rng: random.Random) -> None:
    """Walk down at random; then delete, repeat or replace what is there."""
    fields = message.ListFields()
    if not fields:
        return
    field, value = rng.choice(fields)
    if not isinstance(value, (Message, str, bytes, int, float)):
        _change_a_list(field, value, rng)
    elif isinstance(value, Message) and rng.random() < 0.9:
        _change_a_field(value, rng)
    elif isinstance(value, Message) or rng.random() < 0.2:
        message.ClearField(field.name)
    else:
        setattr(message, field.name, _another(value, rng))


def _change_a_list(field: Any, values: Any, rng: random.Random) -> None:
    at = rng.randrange(len(values))
    if field.message_type and rng.random() < 0.8:
        _change_a_field(values[at], rng)
    elif rng.random() < 0.4:
        del values[at]
    elif field.message_type or rng.random() < 0.3:
        values.append(values[rng.randrange(len(values))])
    else:
        values[at] = _another(values[at], rng)


def _another(value: Any, rng: random.Random) -> Any:
    if isinstance(value, int):
        numbers = [number for number in _NUMBERS if -(2**31) <= number < 2**31]
        return rng.choice(numbers)
    if isinstance(value, float):
        return rng.choice(_FLOATS)
    if isinstance(value, str):
        return rng.choice(_WORDS)
    return value[: rng.randrange(len(value) + 1)]


def _change_dims(graph: onnx.GraphProto, rng: random.Random) -> None:
    tensor = rng.choice([tensor for tensor in graph.initializer if len(tensor.dims)])
    if rng.random() < 0.3:
        dims = list(tensor.dims)[::-1]
        del tensor.dims[:]
        tensor.dims.extend(dims)
    elif rng.random() < 0.3:
        tensor.dims.append(rng.choice(_NUMBERS))
    else:
        tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice(_NUMBERS)


def _change_type(graph: onnx.GraphProto, rng: random.Random) -> None:
    rng.choice(graph.initializer).data_type = rng.randrange(30)


def _change_operator(graph: onnx.GraphProto, rng: random.Random) -> None:
    other = rng.choice(onnx.defs.get_all_schemas())
    node = rng.choice(graph.node)
    node.op_type, node.domain = other.name, other.domain


def _rewire(graph: onnx.GraphProto, rng: random.Random) -> None:
    """Read any tensor instead: of another shape, of what comes later, of oneself."""
    node = rng.choice(graph.node)
    names = [name for other in graph.node for name in (*other.input, *other.output)]
    node.input[rng.randrange(len(node.input))] = rng.choice(names)


def _give_a_name_twice(graph: onnx.GraphProto, rng: random.Random) -> None:
    one, other = rng.choice(graph.node), rng.choice(graph.node)
    one.output[0] = other.output[0]


def _change_order(graph: onnx.GraphProto, rng: random.Random) -> None:
    nodes = list(graph.node)
    rng.shuffle(nodes)
    del graph.node[:]
    graph.node.extend(nodes)


def _change_attribute(graph: onnx.GraphProto, rng: random.Random) -> None:
    attribute = rng.choice([part for node in graph.node for part in node.attribute])
    if attribute.ints:
        attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(_NUMBERS)
    else:
        attribute.i = rng.choice(_NUMBERS)
        attribute.type = rng.choice((onnx.AttributeProto.INT, onnx.AttributeProto.FLOAT))


def _put_weights_outside(graph: onnx.GraphProto, rng: random.Random) -> None:
    tensor = rng.choice(graph.initializer)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    places = ("/dev/zero", "../model.onnx", "model.onnx", "", "/dev/stdin")
    tensor.external_data.add(key="location", value=rng.choice(places))
    if rng.random() < 0.5:
        tensor.external_data.add(key="offset", value=str(rng.choice(_NUMBERS)))


def _add_a_bomb(graph: onnx.GraphProto, rng: random.Random) -> None:
    """Multiply the answer by the largest of a huge tensor of ones; or of a small one."""
    size = onnx.numpy_helper.from_array(onnx.numpy_helper.np.array([rng.choice(_NUMBERS)]), "bomb")
    graph.initializer.append(size)
    graph.node.add(op_type="ConstantOfShape", input=["bomb"], output=["huge"])
    graph.node.add(op_type="ReduceMax", input=["huge"], output=["most"])
    graph.output.add(name="most").type.tensor_type.elem_type = onnx.TensorProto.FLOAT


_KINDS: Mapping[str, Callable[[bytes, random.Random], bytes]] = {
    "bits": _flip_bits,
    "bits of structure": _flip_bits_of_structure,
    "cut": _cut,
    "cut out": _cut_out,
    "repeat": _repeat,
    "fields": _with_fields,
    "more fields": _with_fields,
    "dims": _with_graph(_change_dims),
    "type": _with_graph(_change_type),
    "operator": _with_graph(_change_operator),
    "rewired": _with_graph(_rewire),
    "name": _with_graph(_give_a_name_twice),
    "order": _with_graph(_change_order),
    "attribute": _with_graph(_change_attribute),
    "outside": _with_graph(_put_weights_outside),
    "bomb": _with_graph(_add_a_bomb),
}
