"""Every kind of target from a saved network to a proved file, and what fails where."""

import copy
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from export.convert import export_model
from export.evidence import Evidence
from export.graph import export_graph
from export.open import open_predictor
from export.proof import verify_model
from export.verify import verify
from tests.export.small_models import (
    AGE,
    KIND,
    POSE,
    TAGS,
    as_file,
    label_photos,
    make_model,
    spoil,
)
from zoo.errors import VerificationError
from zoo.evaluation import evaluate
from zoo.recipes import HeadRecipe

ALL = (KIND, TAGS, POSE)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return label_photos(tmp_path_factory.mktemp("photos") / "all", KIND, TAGS, AGE, POSE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("model") / "model"


@pytest.fixture(scope="module")
def model(folder):
    """Three targets on one backbone."""
    return make_model(folder, *ALL)


@pytest.fixture(scope="module")
def graph(model, folder):
    return export_graph(model, folder).content


@pytest.fixture
def check(folder, graph, photos):
    """Verify the export of the three against another network."""
    return lambda model, **options: verify(model, folder, as_file(graph), photos, **options)


def failed(report) -> dict[str, set[str]]:
    """The targets that fail, by level."""
    return {
        name: {target for target, found in level.targets.items() if found.verdict == "fail"}
        for name, level in report.levels.items()
        if level.verdict == "fail"
    }


@pytest.mark.parametrize("target", [TAGS, AGE, POSE], ids=lambda target: target.name)
def test_an_only_target_of_any_kind_is_proved_and_answers_as_pytorch(target, photos, tmp_path):
    model = make_model(tmp_path / "model", target)
    report = export_model(model, tmp_path / "model", Evidence(samples=photos, recorded=None))
    report.raise_if_failed()
    (parity,) = report.levels["L1"].targets.values()
    assert parity.bound == report.levels["L1"].bound > parity.max_abs_error
    by_torch = open_predictor(tmp_path / "model", "torch", "cpu")
    by_onnx = open_predictor(tmp_path / "model", "onnx", "cpu")
    assert by_onnx.targets == by_torch.targets == (target,)
    ours, theirs = evaluate(by_torch, photos), evaluate(by_onnx, photos)
    assert theirs.headline.value == pytest.approx(ours.headline.value, rel=1e-3)
    again = verify_model(model, tmp_path / "model", Evidence(samples=photos, recorded=ours))
    assert again.verdict == "pass"


def test_several_targets_are_proved_each_by_its_own_bound(check, model, photos):
    report = check(model, recorded=evaluate(model, photos))
    report.raise_if_failed()
    parity, metric = report.levels["L1"], report.levels["L3"]
    assert list(parity.targets) == list(metric.targets) == [target.name for target in ALL]
    assert [found.agreement for found in parity.targets.values()] == [1, 1, None]
    assert [s.metric for s in metric.targets.values()] == ["top1", "macro_f1", "r2"]
    for score in metric.targets.values():
        assert score.least <= score.metric_onnx <= score.most
        assert score.least <= score.metric_recorded <= score.most
    assert len({found.bound for found in parity.targets.values()}) == len(ALL)


@pytest.mark.parametrize("target", ALL, ids=lambda target: target.name)
def test_the_target_that_is_another_fails_and_no_other(check, model, target):
    other = replace(model, network=copy.deepcopy(model.network))
    spoil(other, target.name)
    report = check(other)
    assert failed(report)["L1"] == {target.name}
    assert failed(report).get("L3", set()) <= {target.name}
    with pytest.raises(VerificationError, match=f"L1 {target.name}: .* is allowed"):
        report.raise_if_failed()


def test_the_figures_of_a_level_are_those_of_its_worst_target(check, model):
    other = replace(model, network=copy.deepcopy(model.network))
    spoil(other, "tags")
    level = check(other).levels["L1"]
    assert level.kind == "labels"
    assert level.max_abs_error == level.targets["tags"].max_abs_error
    assert level.worst == level.targets["tags"].worst


def test_a_small_value_is_not_hidden_behind_a_large_one(check, model):
    """Of x in thousandths and y in thousands, x is off by its own deviation."""
    other = replace(model, network=copy.deepcopy(model.network))
    with torch.no_grad():
        other.network.heads[POSE.name].last.bias[0] += 1e-3
    parity = check(other).levels["L1"].targets[POSE.name]
    assert parity.verdict == "fail"
    assert parity.worst.output == "x"
    assert parity.max_abs_error == pytest.approx(1e-3, rel=0.1)


def test_labels_on_the_other_side_of_their_thresholds_are_named(check, model):
    other = replace(model, network=copy.deepcopy(model.network))
    with torch.no_grad():
        other.network.heads["tags"].last.bias += 9
    parity = check(other).levels["L1"].targets["tags"]
    assert parity.agreement < 1
    assert parity.disagreements
    assert "other labels for" in parity.explain()


def test_a_network_that_answers_the_same_to_everything_cannot_be_proved(
    check, model, folder, photos
):
    """Here the graph is exactly the network, and nothing tells it from a constant."""
    other = replace(model, network=copy.deepcopy(model.network))
    with torch.no_grad():
        other.network.heads["tags"].last.weight.zero_()
    report = verify(other, folder, as_file(export_graph(other, folder).content), photos)
    assert failed(report) == {"L1": {"tags"}}
    assert "nothing can be proved" in report.levels["L1"].explain()


def test_a_recorded_score_of_one_target_that_is_another_fails_there(check, model, photos):
    recorded = evaluate(model, photos)
    wrong = replace(recorded.targets["tags"], macro_f1=recorded.targets["tags"].macro_f1 / 2)
    changed = replace(recorded, targets=recorded.targets | {"tags": wrong})
    assert failed(check(model, recorded=changed)) == {"L3": {"tags"}}


def test_outputs_that_are_mixed_up_are_caught(photos, tmp_path):
    """Both have two columns: nothing but the numbers tells them apart."""
    model = make_model(tmp_path / "model", TAGS, replace(TAGS, name="more"))
    proto = onnx.load_from_string(export_graph(model, tmp_path / "model").content)
    other = {"tags": "more", "more": "tags"}
    for node in proto.graph.node:
        node.output[:] = [other.get(name, name) for name in node.output]
    samples = replace(photos, truths=photos.truths | {"more": photos.truths["tags"]})
    content = proto.SerializeToString()
    report = verify(model, tmp_path / "model", as_file(content), samples)
    assert failed(report)["L1"] == {"tags", "more"}
    assert report.levels["L0"].verdict == "pass"


def test_outputs_in_another_order_are_another_interface(graph, model, folder, photos):
    proto = onnx.load_from_string(graph)
    first = proto.graph.output.pop(0)
    proto.graph.output.append(first)
    content = proto.SerializeToString()
    report = verify(model, folder, as_file(content), photos)
    assert {name for name, level in report.levels.items() if level.verdict == "fail"} == {"L0"}
    assert report.levels["L0"].explain().startswith("interface")


def test_a_network_without_finite_answers_cannot_be_proved(model, folder, photos):
    other = replace(model, network=copy.deepcopy(model.network))
    for head in other.network.heads.values():
        head.last.bias.data[0] = torch.nan
    report = verify(other, folder, as_file(export_graph(other, folder).content), photos)
    assert failed(report)["L1"] == failed(report)["L3"] == {target.name for target in ALL}


def test_an_output_that_is_missing_fails_and_does_not_crash(model, folder, photos):
    alone = make_model(folder.parent / "alone", KIND)
    content = export_graph(alone, folder.parent / "alone").content
    report = verify(model, folder, as_file(content), photos)
    assert report.levels["L0"].verdict == report.levels["L1"].verdict == "fail"
    assert "does not run" in report.levels["L1"].explain()


def test_targets_may_be_called_as_the_exporter_calls_layers(photos, tmp_path):
    names = ("linear", "relu", "conv2d", "getitem", "view", "val_0", "val_1")
    targets = [replace(TAGS, name=name) for name in names]
    model = make_model(tmp_path / "model", *targets, head=HeadRecipe(hidden=(8,)))
    samples = replace(photos, truths=dict.fromkeys(names, photos.truths["tags"]))
    report = export_model(model, tmp_path / "model", Evidence(samples=samples, recorded=None))
    assert report.verdict == "pass"
    assert list(report.levels["L1"].targets) == list(names)
    proto = onnx.load(tmp_path / "model/onnx/model.onnx")
    assert [output.name for output in proto.graph.output] == list(names)


@pytest.mark.parametrize(
    ("backbone", "head"),
    [
        ("squeezenet1_1", HeadRecipe(hidden=(16,), dropout=0.5)),
        ("vgg11", HeadRecipe(hidden=(16, 8), features="flattened", init="glorot")),
    ],
    ids=["pooled", "flattened"],
)
def test_deep_heads_and_whole_feature_maps_are_proved(backbone, head, photos, tmp_path):
    model = make_model(tmp_path / "model", KIND, AGE, head=head, backbone=backbone, size=32)
    report = export_model(model, tmp_path / "model", Evidence(samples=photos, recorded=None))
    assert report.verdict == "pass"
    assert list(report.levels["L1"].targets) == ["kind", "age"]
    weights = _weights(model.network.heads)
    widths = [len(weight) for weight in weights]
    assert widths == [*head.hidden, KIND.num_outputs, *head.hidden, AGE.num_outputs]
    proto = onnx.load(tmp_path / "model/onnx/model.onnx")
    exported = [numpy_helper.to_array(tensor) for tensor in proto.graph.initializer]
    for weight in weights:
        assert any(np.array_equal(w, tensor) for tensor in exported for w in (weight, weight.T))


def _weights(heads):
    """Those of all layers of all heads, in their order."""
    named = [entry for head in heads.values() for entry in head.state_dict().items()]
    return [value.numpy() for name, value in named if name.endswith("weight")]
