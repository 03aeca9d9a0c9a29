import onnx
import pytest
import torch

from export import same_device
from export.placement import PlacedNode, count_nodes
from export.same_device import profile_nodes, verify_placement
from export.session import open_session
from tests.export.small_models import as_file
from tests.export.test_placement import CPU, CUDA, placed

NODES = """
<ir_version: 10, opset_import: ["": 20]>
g (float[batch_size, 3, 64, 64] pixel_values) => (float[batch_size, 3] logits)
<int64[1] one = {1}>
{
  batch = Shape <start = 0, end = 1> (pixel_values)
  more = Add (batch, one)
  conv = Relu (pixel_values)
  softmax = Softmax (conv)
  logits = GlobalAveragePool (softmax)
}
"""
IMAGES = torch.zeros(2, 3, 64, 64)


class Placed:
    """A model on a GPU whose nodes lie where a test wants them."""

    providers_requested = (CUDA, CPU)
    device = torch.device("cpu")

    def __init__(self, nodes):
        self.session = nodes


@pytest.fixture
def content() -> bytes:
    proto = onnx.parser.parse_model(NODES)
    for node in proto.graph.node:
        node.name = node.output[0]
    return proto.SerializeToString()


@pytest.fixture(autouse=True)
def fake_question(monkeypatch):
    """Sessions of tests are lists of nodes."""
    monkeypatch.setattr(same_device, "can_ask", lambda session: isinstance(session, list))
    monkeypatch.setattr(same_device, "ask_session", list)


CONV = placed("conv", "Relu", CUDA)


@pytest.mark.parametrize(
    ("nodes", "verdict", "num_shape_nodes"),
    [
        ([CONV, placed("softmax", "Softmax", CUDA)], "pass", 0),
        ([CONV, placed("batch", "Shape"), placed("more", "Add")], "pass", 2),
        ([CONV, placed("softmax", "Softmax")], "fail", 0),
        ([CONV, placed("fused", "NhwcFusedConv")], "fail", 0),
        ([placed("batch", "Shape")], "fail", 1),
        ([], "fail", 0),
    ],
)
def test_a_computing_node_on_the_cpu_fails_a_gpu_verification(
    nodes, verdict, num_shape_nodes, content
):
    level = verify_placement(Placed(nodes), as_file(content), IMAGES)
    assert (level.verdict, level.num_shape_nodes) == (verdict, num_shape_nodes)
    assert (level.source, level.strict) == ("session", False)


def test_strays_are_named(content):
    level = verify_placement(Placed([CONV, placed("softmax", "Softmax")]), as_file(content), IMAGES)
    assert level.strays == ("Softmax (softmax)",)
    assert level.explain() == "not on the GPU: Softmax (softmax)"


def test_a_session_that_cannot_be_asked_is_profiled(content):
    level = verify_placement(Placed(None), as_file(content), IMAGES)
    assert level.source == "profile"
    assert level.verdict == "fail"
    assert "Softmax (softmax)" in level.strays


def test_the_profile_of_a_run_tells_what_the_session_does(graph, monkeypatch):
    """Both on the CPU, of the same network: what a version without the question would see."""
    monkeypatch.undo()
    told = open_session(graph, torch.device("cpu")).placement()
    ran = profile_nodes(as_file(graph), torch.device("cpu"), IMAGES)
    assert all(isinstance(node, PlacedNode) and node.name for node in ran)
    counts = count_nodes(ran)
    assert set(counts.by_provider) == set(told.by_provider) == {CPU}
    # Convolutions are fused with what follows them after the session has noted its nodes.
    convolutions = sum(n for op, n in counts.by_provider[CPU].items() if "Conv" in op)
    assert convolutions == told.by_provider[CPU]["Conv"] > 30


def test_a_graph_that_does_not_run_ran_nowhere(content):
    assert profile_nodes(as_file(content), torch.device("cpu"), IMAGES[:, :1]) == []
