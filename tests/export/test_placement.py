import onnx
import onnxruntime
import pytest

from export.placement import (
    PlacedNode,
    ask_session,
    can_ask,
    count_nodes,
    find_shape_arithmetic,
    split_off,
)

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
GRAPH = """
<ir_version: 10, opset_import: ["": 20]>
g (float[batch_size, 3, 4, 4] pixel_values) => (float[batch_size, k] logits)
<float[16, 8] weight = {0.5}, float[3] channel = {1.0, 2.0, 3.0}, int64[1] one = {1}>
{
  batch = Shape <start = 0, end = 1> (pixel_values)
  more = Add (batch, one)
  less = Sub (more, one)
  rest = Constant <value_ints = [-1]> ()
  shape = Concat <axis = 0> (less, rest)
  scale = Cast <to = 1> (batch)
  bright = Mul (pixel_values, scale)
  twice = Add (bright, bright)
  flat = Reshape (twice, shape)
  grid = Expand (one, shape)
  picked = Gather (weight, one)
  logits = Identity (flat)
}
"""
ON_SIZES = {"batch", "more", "less", "rest", "shape", "scale", "grid"}


@pytest.fixture
def proto() -> onnx.ModelProto:
    """A graph whose nodes are called as what they compute."""
    text = GRAPH.replace("<float[16, 8] weight = {0.5}", "<float[16, 8] weight = {%s}")
    proto = onnx.parser.parse_model(text % ", ".join(["0.5"] * 128))
    for node in proto.graph.node:
        node.name = node.output[0]
    return proto


def placed(name: str, operator: str, provider: str = CPU) -> PlacedNode:
    return PlacedNode(name=name, operator=operator, provider=provider)


def test_arithmetic_on_sizes_is_known_by_its_inputs_and_not_by_its_operator(proto):
    """`more` and `twice` are both sums; one of the two computes."""
    assert find_shape_arithmetic(proto.graph) == ON_SIZES


def test_a_name_that_a_computing_node_bears_too_is_no_proof(proto):
    next(node for node in proto.graph.node if node.name == "twice").name = "more"
    for node in proto.graph.node:
        if node.name == "less":
            node.name = ""
    assert find_shape_arithmetic(proto.graph) == ON_SIZES - {"more", "less"}


def test_what_holds_a_graph_of_its_own_is_no_arithmetic_on_sizes(proto):
    """What is inside may read anything."""
    inner = onnx.parser.parse_graph("inner () => (int64[1] x) { x = Identity (one) }")
    node = onnx.helper.make_node(
        "If", ["batch"], ["either"], name="either", then_branch=inner, else_branch=inner
    )
    proto.graph.node.insert(1, node)
    assert "either" not in find_shape_arithmetic(proto.graph)


def test_only_what_computes_and_is_elsewhere_is_a_stray(proto):
    nodes = [
        placed("more", "Add"),
        placed("twice", "Add"),
        placed("bright", "Mul", CUDA),
        placed("picked", "Gather"),
    ]
    allowed, strays = split_off(nodes, CUDA, proto)
    assert [node.name for node in allowed] == ["more"]
    assert [str(node) for node in strays] == ["Add (twice)", "Gather (picked)"]


@pytest.mark.parametrize("name", ["made up", ""])
@pytest.mark.parametrize(
    ("operator", "stray"),
    [("MemcpyToHost", False), ("MemcpyFromHost", False), ("Shape", False), ("Size", False)]
    + [(operator, True) for operator in ("Gather", "Slice", "Concat", "Cast", "FusedConv", "Add")],
)
def test_of_nodes_that_are_not_the_files_only_those_that_compute_nothing_are_allowed(
    proto, operator, stray, name
):
    """A session does not tell what its Gather reads: sizes, or feature maps."""
    allowed, strays = split_off([placed(name, operator)], CUDA, proto)
    assert (len(allowed), len(strays)) == (not stray, stray)


@pytest.mark.parametrize("operator", ["Gather", "Slice", "Concat", "Cast"])
def test_a_node_of_the_file_under_another_name_is_a_stray(proto, operator):
    """As a fusion or an optimizer names it anew; here, `picked` reads a weight."""
    node = next(node for node in proto.graph.node if node.name == "picked")
    node.op_type = operator
    _, strays = split_off([placed("picked/renamed", operator)], CUDA, proto)
    assert [str(node) for node in strays] == [f"{operator} (picked/renamed)"]


def test_a_session_tells_where_each_node_of_the_file_is(proto):
    """Which of the nodes are left when ONNX Runtime has folded constants is its own affair."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    assert can_ask(session)
    found = ask_session(session)
    assert {node.name for node in found} >= {"batch", "more", "twice", "flat"}
    assert {node.provider for node in found} == {CPU}
    counts = count_nodes(found)
    assert counts.by_provider[CPU]["Add"] == 2
    assert counts.count(CPU) == len(found)
    assert counts.count(CUDA) == 0
