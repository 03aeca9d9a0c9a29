import onnx
import onnxruntime
import pytest
import torch

from export.graph import export_graph, remove_graph, write_graph
from export.hostile.examine import examine
from export.metadata import describe
from export.structure import examine_graph
from tests.export.small_models import KIND, make_model
from zoo.storage import sha256_of_bytes

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("model")


@pytest.fixture(scope="module")
def model(place):
    """3 MB of weights."""
    return make_model(place, KIND)


@pytest.fixture(scope="module")
def graph(model, place):
    """The quicker exporter; what happens to weights is the same for both."""
    return export_graph(model, place, exporter="torchscript", largest_file=MEGABYTE)


@pytest.fixture
def written(graph, tmp_path):
    write_graph(graph, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


@pytest.fixture
def failures(model, place):
    def examine(proto, path):
        findings = examine_graph(proto, describe(model, place), path)
        return [finding.name for finding in findings if not finding.passed]

    return examine


def load(path):
    return onnx.load(path, load_external_data=False)


def outside(proto):
    return [t for t in proto.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]


def test_a_small_model_is_one_file(model, place):
    graph = export_graph(model, place, exporter="torchscript")
    assert graph.weights is None
    assert list(graph.files("model.onnx")) == ["model.onnx"]


@pytest.mark.parametrize("exporter", ["dynamo", "torchscript"])
def test_a_large_one_is_two_with_large_tensors_on_their_own_pages(model, place, exporter):
    graph = export_graph(model, place, exporter=exporter, largest_file=MEGABYTE)
    assert len(graph.content) < MEGABYTE < len(graph.weights)
    places = {
        entry.key: entry.value
        for tensor in outside(onnx.ModelProto.FromString(graph.content))
        for entry in tensor.external_data
    }
    assert places.keys() == {"location", "offset", "length"}
    assert places["location"] == "model.onnx.data"


def test_the_same_model_gives_the_same_two_files(model, place, graph):
    again = export_graph(model, place, exporter="torchscript", largest_file=MEGABYTE)
    assert sha256_of_bytes(again.content) == sha256_of_bytes(graph.content)
    assert sha256_of_bytes(again.weights) == sha256_of_bytes(graph.weights)


def test_what_is_referred_to_comes_first(graph):
    assert list(graph.files("m.onnx")) == ["m.onnx.data", "m.onnx"]


def test_two_files_answer_as_one_does(model, written):
    session = onnxruntime.InferenceSession(written, providers=["CPUExecutionProvider"])
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    (found,) = session.run(None, {"pixel_values": images.numpy()})
    # Float32 noise of outputs near 1.
    expected = model.outputs(images)["kind"]
    torch.testing.assert_close(torch.from_numpy(found), expected, rtol=0, atol=1e-4)


def test_another_name_is_followed_by_the_weights(graph, tmp_path, failures):
    path = tmp_path / "model.failed.onnx"
    write_graph(graph, path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name, f"{path.name}.data"]
    assert failures(load(path), path) == []


def test_both_files_pass_our_own_checks_and_those_of_strangers(written, failures):
    assert failures(load(written), written) == []
    assert examine(load(written), written.parent) == []


def test_without_a_path_they_do_not(written, failures):
    """Opened from bytes there is nothing beside."""
    assert "self-contained" in failures(load(written), None)


def tell(proto, key, value):
    (entry,) = (e for e in outside(proto)[0].external_data if e.key == key)
    entry.value = value


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("location", "other.data"),
        ("location", "../model.onnx.data"),
        ("location", "./model.onnx.data"),
        ("offset", "1"),
        ("offset", "99999999"),
        ("length", "8"),
    ],
)
def test_weights_anywhere_else_are_found(key, value, written, failures):
    (written.parent / "other.data").write_bytes((written.parent / "model.onnx.data").read_bytes())
    proto = load(written)
    tell(proto, key, value)
    assert "self-contained" in failures(proto, written)


def test_weights_that_are_cut_short_are_found(written, failures):
    beside = written.parent / "model.onnx.data"
    beside.write_bytes(beside.read_bytes()[:-4])
    assert "self-contained" in failures(load(written), written)


def test_missing_weights_are_found(written, failures):
    (written.parent / "model.onnx.data").unlink()
    assert "self-contained" in failures(load(written), written)


def test_a_smaller_graph_takes_its_predecessors_weights_away(written, model, place):
    write_graph(export_graph(model, place, exporter="torchscript"), written)
    assert [p.name for p in written.parent.iterdir()] == ["model.onnx"]


def test_a_graph_is_removed_with_its_weights(written):
    remove_graph(written)
    remove_graph(written)
    assert list(written.parent.iterdir()) == []
