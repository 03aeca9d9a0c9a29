from dataclasses import replace
from itertools import product

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from onnx import helper
from torch import nn

from export.graph import OPSET, export_graph
from export.interface import INPUT
from export.locate import GrowthRow, Location, choose_probe, locate
from export.locate import search as searching
from export.locate.alignment import Point, align, common_module
from export.locate.fresh import export_fresh
from export.locate.order import explain_order
from export.locate.probe import Exposed, Probe, distance
from export.locate.search import Search
from export.locate.taps import Tap, tap, trace
from export.locate.tensors import describe_change
from export.samples import Inputs
from tests.export.breakage import change_weight, set_attribute, zero_channel
from tests.export.small_models import AGE, KIND
from tests.export.tiny_networks import make_images, make_tiny


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    """A small transformer of two targets."""
    return make_tiny("vit", tmp_path_factory.mktemp("vit"), KIND, AGE)


@pytest.fixture(scope="module")
def fresh(vit) -> ir.Model:
    """Its export with the exporter's notes."""
    return export_fresh(vit, OPSET)


@pytest.fixture(scope="module")
def content(vit, tmp_path_factory) -> bytes:
    """Its export as it is shipped."""
    folder = tmp_path_factory.mktemp("shipped")
    (folder / "model.safetensors").touch()
    return export_graph(vit, folder).content


@pytest.fixture
def proto(content) -> onnx.ModelProto:
    """The same, to be taken apart."""
    return onnx.load_from_string(content)


def test_the_shipped_file_has_every_name_of_a_fresh_export(content, fresh):
    """Stripping the exporter's notes leaves names alone: what pairing by names rests on."""
    shipped = [name for n in onnx.load_from_string(content).graph.node for name in n.output]
    assert shipped == [value.name for node in fresh.graph for value in node.outputs]


def test_every_pair_of_a_sound_graph_agrees_well_within_its_bound(vit, fresh, content):
    points = list(align(fresh, trace(vit.network, make_images(1)), vit).values())
    exposed = Exposed(onnx.load_from_string(content), vit.device)
    rows = Probe(vit, make_images(6)).compare(exposed, points)
    assert len(points) > 20
    assert max(row.error / row.bound for row in rows.values()) < 0.5
    assert {"body.encoder.layers.encoder_layer_1.self_attention", "body.conv_proj"} <= {
        row.module for row in rows.values()
    }


def test_the_answers_come_last_and_are_called_as_the_file_calls_them(vit, fresh):
    points = list(align(fresh, trace(vit.network, make_images(1)), vit).values())
    assert [point.value for point in points[-2:]] == ["kind", "age"]


def test_an_activation_in_place_does_not_change_what_was_tapped():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True)).eval()
    before, after = Tap("0", "output"), Tap("1", "output")
    found = tap(network, [before, after], make_images(2))
    assert found[before].min() < 0
    torch.testing.assert_close(found[after], found[before].relu(), rtol=0, atol=0)


def test_calls_of_a_module_used_twice_are_told_apart():
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x):
            return self.layer(self.layer(x) + 1)

    noted = trace(Twice(), torch.zeros(1, 3, 4, 4))
    assert noted.calls["layer"] == 2
    assert Tap("layer", "input", 1) in noted.shapes


# A search over a graph with a shortcut: a -> b -> c -> d, a -> e, (d, e) -> f.
SHORTCUT = {"a": "x", "b": "a", "c": "b", "d": "c", "e": "a", "f": "d e"}


def search_over(bad: set[str], asked: list[int]) -> Search:
    nodes = [helper.make_node("Sum", reads.split(), [made]) for made, reads in SHORTCUT.items()]
    values = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xf"]
    graph = helper.make_graph(nodes, "shortcut", values[:1], values[1:])
    points = {name: Point(name, Tap(name, "output"), name) for name in SHORTCUT}

    def compare(chosen):
        asked.append(len(chosen))
        return {
            point.value: GrowthRow(
                module=point.owner,
                tensor=point.value,
                error=float(point.value in bad),
                bound=0.5,
            )
            for point in chosen
        }

    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    return Search(ir.from_proto(model).graph, points, compare)


@pytest.mark.parametrize(
    ("bad", "first"),
    [
        ("abcdef", "a"),
        ("bcdf", "b"),
        ("cdf", "c"),
        ("df", "d"),
        ("ef", "e"),
        ("f", "f"),
    ],
)
@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_a_search_finds_the_first_bad_tensor_past_good_shortcuts(monkeypatch, bad, first, at_once):
    monkeypatch.setattr(searching, "AT_ONCE", at_once)
    asked: list[int] = []
    search = search_over(set(bad), asked)
    assert search.find_first("f") == first
    assert max(asked) <= at_once


@pytest.mark.parametrize("others", list(product([False, True], repeat=5)))
def test_what_is_found_is_bad_and_what_it_is_computed_from_is_not(others):
    """Whatever else is bad: a difference may heal further on, as when a clip cuts it off."""
    bad = {"f", *(name for name, is_bad in zip("abcde", others, strict=True) if is_bad)}
    found = search_over(bad, []).find_first("f")
    assert found in bad
    assert bad.isdisjoint(SHORTCUT[found].split())


def test_a_distance_is_that_of_the_farthest_number():
    assert distance(torch.zeros(4), torch.tensor([0.5, 0.0, -2.0, 0.0])) == 2


def test_an_error_that_is_not_a_number_does_not_agree():
    row = GrowthRow(module="m", tensor="t", error=float("nan"), bound=1.0)
    assert not row.agrees
    assert distance(torch.zeros(2), torch.tensor([0.0, float("nan")])) == float("inf")
    assert distance(torch.zeros(2), torch.zeros(1, 2)) == float("inf")


def test_rows_of_the_table_are_in_the_order_of_computation_and_grow_bad_once(vit, proto, fresh):
    set_attribute("LayerNormalization", 0, epsilon=1e-2)(proto.graph)
    location = locate(vit, proto.SerializeToString(), make_images(4), fresh=fresh)
    order = [name for node in proto.graph.node for name in node.output]
    tensors = [row.tensor for row in location.growth]
    assert tensors == sorted(tensors, key=order.index)
    verdicts = [row.agrees for row in location.growth]
    first = verdicts.index(False)
    assert location.growth[first].module == location.module
    assert all(verdicts[:first])


def test_a_mistake_that_shows_in_a_batch_of_one_only_is_found(vit, proto, fresh):
    """A batch of the very size that was burnt in agrees."""
    change_weight("Reshape", 0, lambda shape: np.int64([4, *shape[1:]]))(proto.graph)
    location = locate(vit, proto.SerializeToString(), make_images(4), fresh=fresh)
    assert location.module == "body"
    assert location.error == float("inf")


def test_of_two_mistakes_the_first_is_found(vit, proto, fresh):
    for number in (1, 3):
        set_attribute("LayerNormalization", number, epsilon=1e-2)(proto.graph)
    location = locate(vit, proto.SerializeToString(), make_images(4), fresh=fresh)
    assert location.module == "body.encoder.layers.encoder_layer_0.ln_2"


def test_a_graph_with_a_preprocessing_is_examined_from_the_network_on(vit, proto, fresh):
    graph = proto.graph
    graph.input[0].CopyFrom(
        helper.make_tensor_value_info("image", onnx.TensorProto.UINT8, ["batch", 3, 32, 32])
    )
    graph.node.insert(0, helper.make_node("Cast", ["image"], [INPUT], to=onnx.TensorProto.FLOAT))
    whole = proto.SerializeToString()
    assert locate(vit, whole, make_images(4), fresh=fresh) is None
    change_weight("Conv", 0, zero_channel)(graph)
    location = locate(vit, proto.SerializeToString(), make_images(4), fresh=fresh)
    assert location.module == "body.conv_proj"


def test_a_graph_without_one_of_the_answers_is_named_as_such(vit, proto, fresh):
    node = next(node for node in proto.graph.node if "age" in node.output)
    node.output[0] = "years"
    del proto.graph.output[1]
    location = locate(vit, proto.SerializeToString(), make_images(2), fresh=fresh)
    assert location.part == "outputs"
    assert location.cause == "no node computes age"


class _Moody(nn.Module):
    """What an exporter gets wrong."""

    def forward(self, x):
        return x * 1.02 if torch.compiler.is_exporting() else x * 1.01


def test_a_module_that_the_exporter_gets_wrong_is_found_and_the_exporter_blamed(tmp_path):
    """Nothing differs from a fresh export, which is as wrong as the file."""
    model = make_tiny("vit", tmp_path, KIND)
    model.network.body.encoder.ln = nn.Sequential(model.network.body.encoder.ln, _Moody())
    location = locate(model, export_graph(model, tmp_path).content, make_images(2))
    assert (location.module, location.module_type) == ("body.encoder.ln.1", "_Moody")
    assert "exports it alike today" in location.cause


def test_the_network_is_left_as_it_was(vit, proto, fresh):
    before = {name: value.clone() for name, value in vit.network.state_dict().items()}
    change_weight("Conv", 0, zero_channel)(proto.graph)
    locate(vit, proto.SerializeToString(), make_images(2), fresh=fresh)
    torch.testing.assert_close(vit.network.state_dict(), before, rtol=0, atol=0)
    assert not any(module._forward_hooks for module in vit.network.modules())
    assert not vit.network.training


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a, None),
        (lambda a: a * np.float32(1 + 1e-7), None),
        (lambda a: a * np.float32(1.5), "is multiplied by 1.5"),
        (lambda a: a.astype(np.float16).astype(np.float32), "is rounded to float16"),
        (lambda a: a.T, "has its axes in the order (1, 0)"),
        (lambda a: a[::-1], "is turned around along axis 0"),
        (lambda a: a[[1, 0, *range(2, 8)]], "has its rows in another order: 0 is 1, 1 is 0"),
        (lambda a: a[:5], "has shape [5, 8] instead of [8, 8]"),
        (lambda a: np.where(np.arange(8) == 3, np.float32(0), a), "is zero in 1 of 8 places (3)"),
        (lambda a: a + np.eye(8, dtype=a.dtype)[2], "differs in 1 of 8 places (2) along axis 1"),
    ],
)
def test_a_change_of_weights_is_called_by_its_name(change, words):
    clean = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    found = describe_change(change(clean.copy()), clean)
    assert found is None if words is None else found.startswith(words)


def test_constants_are_shown():
    assert describe_change(np.int64([7, 2]), np.int64([-1, 2])) == "is [7 2] instead of [-1  2]"
    assert describe_change(np.float32(2), np.float32(1)) == "is 2. instead of 1."


def test_an_answer_under_another_name_is_recognised():
    ours = {"a": torch.randn(4, 2), "b": torch.randn(4, 2)}
    bounds = dict.fromkeys(ours, 1e-5)
    assert explain_order("a", ours["b"], ours, bounds) == "a carries what b should"
    assert explain_order("a", ours["a"][:, [1, 0]], ours, bounds).endswith("0 is 1, 1 is 0")
    assert explain_order("a", ours["a"] + 1, ours, bounds) is None
    assert explain_order("a", ours["a"], ours, bounds) is None


def test_the_module_around_several_is_their_common_beginning():
    assert common_module(["body.layer1.0.relu", "body.layer1.0"]) == "body.layer1.0"
    assert common_module(["body.layer1", "body.layer10"]) == "body"
    assert common_module(["body", ""]) == ""


def test_the_probe_begins_with_what_differs_most():
    pixels = torch.arange(12.0).reshape(12, 1, 1, 1).expand(-1, 3, 2, 2)
    chosen = choose_probe(Inputs(pixels, [f"i{at}" for at in range(12)], 4), "i9")
    assert chosen[:, 0, 0, 0].tolist() == [9, 0, 2, 4, 6, 8, 10, 1]


LOCATION = Location(
    part="module",
    module="body.layer3.1.bn2",
    module_type="BatchNorm2d",
    folded=("body.layer3.1.conv2",),
    nodes=("Conv (getitem_40)",),
    error=0.5,
    bound=1e-5,
    cause="Conv (getitem_40): pads differ",
    method="names",
    growth=(GrowthRow(module="body.layer3.1.bn2", tensor="getitem_40", error=0.5, bound=1e-5),),
)


def test_a_location_says_where_and_why_in_a_line():
    assert LOCATION.explain() == (
        "PyTorch and ONNX part at body.layer3.1.bn2 (BatchNorm2d), which includes "
        "body.layer3.1.conv2, off by 5.00e-01 where 1.00e-05 is allowed: "
        "Conv (getitem_40): pads differ"
    )
    behind = replace(LOCATION, part="outputs", folded=(), cause=None)
    assert "at the outputs, behind body.layer3.1.bn2 (BatchNorm2d) off by" in behind.explain()
