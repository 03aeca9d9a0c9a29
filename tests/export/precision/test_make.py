import json
import math
from pathlib import Path

import onnx
import pytest
from pydantic import TypeAdapter

from export.hostile.examine import DOMAINS
from export.metadata import KEYS, read_targets
from export.precision import PrecisionReport, make_precisions
from export.precision.answers import answer
from export.privacy import find_leaks
from tests.export.precision.sensitive import inflate
from tests.export.small_models import KIND, POSE, TAGS, label_photos, make_model
from zoo.data.dataset import Samples
from zoo.errors import DataError

WIDE = 15.0
"""Points that a channel a hundred thousand times the others costs more of, and quantising an
untouched network of random features less."""
BEYOND_HALF = 1e6
"""What makes a channel larger than float16 can say."""


@pytest.fixture
def _untimed(monkeypatch):
    """Leave out what takes a second a file: it is timed, and opened elsewhere, in other tests."""
    monkeypatch.setattr("export.precision.make.compare_latency", lambda *_: ())
    monkeypatch.setattr("export.precision.make._try_first", lambda _: None)


untimed = pytest.mark.usefixtures("_untimed")


@pytest.fixture(scope="module")
def both(patterns):
    """Both variants of an untouched network."""
    return make_precisions(
        patterns.model,
        patterns.content,
        patterns.training,
        patterns.validation,
        ["fp16", "int8"],
        max_drop=3.0,
    )


def test_a_network_that_is_sure_of_itself_loses_nothing(both):
    for variant in both:
        change = variant.report.targets["kind"]
        assert variant.report.verdict == change.verdict == "kept"
        assert change.metric_float32 > 0.9
        assert change.drop <= 3
        assert 0 < change.max_abs_difference < 2


def test_files_are_a_half_and_a_quarter_as_large(both):
    sizes = [variant.report.size_ratio for variant in both]
    assert sizes == [pytest.approx(0.5, abs=0.02), pytest.approx(0.25, abs=0.03)]


def test_files_are_valid_and_say_what_they_are(both, patterns):
    for variant in both:
        proto = onnx.load_from_string(variant.content)
        onnx.checker.check_model(proto, full_check=True)
        said = {entry.key: entry.value for entry in proto.metadata_props}
        assert said.pop("zoo.precision") == variant.report.precision
        before = onnx.load_from_string(patterns.content)
        assert said == {entry.key: entry.value for entry in before.metadata_props}
        assert set(said) <= set(KEYS)
        assert read_targets(said)["logits"] == patterns.model.targets[0]
        assert {node.domain for node in proto.graph.node} <= DOMAINS
        assert not list(find_leaks(proto))
        assert [proto.graph.input, proto.graph.output] == [
            before.graph.input,
            before.graph.output,
        ]


def test_int8_is_chosen_by_trial_among_three(both):
    report = both[1].report
    assert [trial.method for trial in report.trials] == ["min-max", "percentile", "entropy"]
    best = min(report.trials, key=lambda trial: (-trial.agreement, trial.noise))
    assert report.method == best.method
    assert not report.blame
    assert len(report.concessions) == 1


def test_images_for_calibration_trial_and_budget_are_apart(both, patterns):
    report = both[1].report
    assert report.calibration_images + report.trial_images == len(patterns.training)
    assert report.trial_images == len(patterns.training) // 5
    assert report.targets["kind"].num_images == len(patterns.validation)


def test_latency_is_measured_side_by_side(both):
    for variant in both:
        assert [found.batch_size for found in variant.report.latency] == [1, 8]
        assert all(found.ratio > 0 for found in variant.report.latency)


def test_on_a_cpu_float16_is_emulated_and_said_to_gain_nothing(both):
    half, eight = (variant.report for variant in both)
    assert half.emulated
    assert not eight.emulated
    assert "On a CPU float16 gains nothing but space" in half.explain()


def test_a_report_survives_json(both):
    adapter = TypeAdapter(PrecisionReport)
    for variant in both:
        text = adapter.dump_json(variant.report)
        assert adapter.validate_json(text) == variant.report
        assert "NaN" not in text.decode()
        json.loads(text)


@untimed
def test_the_same_model_gives_the_same_bytes_and_nothing_on_the_screen(patterns, make, capfd, both):
    again = make(patterns, "fp16", "int8", max_drop=3.0)
    assert [variant.content for variant in again] == [variant.content for variant in both]
    assert list(Path().iterdir()) == []
    out, err = capfd.readouterr()
    assert out == err == ""


@untimed
def test_a_sensitive_node_is_found_and_left_in_float(ages, make):
    content, chain = inflate(ages.content, 1e5)
    (plain,), (variant,) = (
        make(ages, "int8", max_drop=WIDE),
        make(ages, "int8", max_drop=WIDE, content=content),
    )
    assert plain.report.nodes_in_float == ()
    report = variant.report
    assert report.verdict == "kept"
    assert report.concessions[0].drop > WIDE > report.concessions[-1].drop
    named = {name.partition("(")[2][:-1] for name in report.nodes_in_float}
    assert named <= set(chain)
    assert set(report.blame[0].nodes) <= set(report.nodes_in_float)
    assert report.targets["age"].drop <= WIDE
    assert "Left in float32" in report.explain()


@untimed
def test_what_overflows_float16_stays_in_float32(ages, make):
    content, chain = inflate(ages.content, BEYOND_HALF)
    (variant,) = make(ages, "fp16", max_drop=1.0, content=content)
    assert variant.report.verdict == "kept"
    named = {name.partition("(")[2][:-1] for name in variant.report.nodes_in_float}
    assert named == set(chain)
    assert variant.report.finite


@untimed
@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_an_impossible_budget_is_refused_with_those_to_blame_and_no_file(ages, make, precision):
    (variant,) = make(ages, precision, max_drop=-100.0)
    report = variant.report
    assert variant.content is None
    assert report.verdict == report.targets["age"].verdict == "refused"
    assert report.blame
    assert report.blame[0].noise >= report.blame[-1].noise > 0
    assert all(" (" in name for found in report.blame for name in found.nodes)
    assert "where -100 are allowed" in report.explain()
    assert report.blame[0].nodes[0] in report.explain()


@untimed
def test_every_target_has_a_budget_of_its_own(tmp_path):
    from export.graph import export_graph

    model = make_model(tmp_path / "model", KIND, TAGS, POSE)
    photos = label_photos(tmp_path / "photos", KIND, TAGS, POSE, count=5)
    content = export_graph(model, tmp_path / "model").content
    (variant,) = make_precisions(model, content, photos, photos, ["fp16"], max_drop=math.inf)
    changes = variant.report.targets
    assert [change.metric for change in changes.values()] == ["top1", "macro_f1", "r2"]
    assert [change.kind for change in changes.values()] == ["class", "labels", "value"]
    assert changes["Pose, in °"].agreement is None
    found = answer(variant.content, model.device, _images(photos, model))
    assert set(found) == {"kind", "tags", "Pose, in °"}


def _images(photos: Samples, model):
    from export.samples import gather_inputs
    from zoo.progress import Silence

    return gather_inputs(photos, model.preprocess, 0, Silence()).pixel_values


@untimed
def test_a_transformer_may_be_quantised_as_it_runs(attentive, make):
    (variant,) = make(attentive, "int8", max_drop=math.inf)
    methods = [trial.method for trial in variant.report.trials]
    assert methods == ["min-max", "percentile", "entropy", "dynamic"]
    assert variant.report.verdict == "kept"


def test_a_float16_transformer_can_be_opened(attentive, make):
    (variant,) = make(attentive, "fp16", max_drop=math.inf)
    assert variant.report.trouble is None
    assert variant.report.verdict == "kept"


def test_a_file_that_ends_the_process_is_refused(patterns, make, monkeypatch):
    from export.hostile.child import Trial

    crash = Trial(verdict="unsafe", problem="the process that tried it was ended")
    monkeypatch.setattr("export.precision.make.try_in_child", lambda *_: crash)
    (variant,) = make(patterns, "fp16", max_drop=math.inf)
    assert variant.content is None
    assert variant.report.verdict == "refused"
    assert variant.report.latency == ()
    assert "the process that tried it was ended" in variant.report.explain()


def test_too_few_images_are_an_error(patterns):
    nothing = patterns.training.select([])
    for training, validation in ((nothing, patterns.validation), (patterns.training, nothing)):
        with pytest.raises(DataError, match="too few"):
            make_precisions(patterns.model, patterns.content, training, validation, ["int8"])
