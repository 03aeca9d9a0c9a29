import json
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from tests.zoo.training.small_runs import (
    DESCEND,
    SOLVE,
    Heard,
    begin,
    changed,
    plan_of,
    recipe_of,
    state,
    three_targets,
)
from zoo.errors import RecipeError
from zoo.evaluation import truths_of
from zoo.model import load_model
from zoo.targets import JointMetrics
from zoo.training.carry_out import carry_out
from zoo.training.context import Training
from zoo.training.finetune import _first_record
from zoo.training.finish import finish
from zoo.training.loop import run_phases

RECIPE = recipe_of(SOLVE, replace(DESCEND, epochs=1))


def trained(plan, folder, progress=None):
    """A run whose phases are over."""
    training = begin(plan, folder, progress)
    training.run.write_splits(plan.dataset)
    training.run.write(_first_record(plan, 1, ""))
    run_phases(training)
    return training


@pytest.fixture
def joint(few, tmp_path):
    """One of several targets with gaps in their truths."""
    return trained(plan_of(RECIPE, three_targets(few)), tmp_path / "run")


def test_values_are_answered_in_the_users_units(joint):
    """They are about a thousand; without units, a linear layer of these weights says about 0."""
    answers = joint.outputs("validation")["size"]
    known = truths_of(joint.plan.dataset.train)["size"]
    assert (answers - known.nanmean()).abs().max() < 10 * joint.plan.dataset.targets[2].std[0]


def test_folding_keeps_values_and_divides_logits_by_their_temperature(joint):
    before = joint.outputs("validation")
    finish(joint)
    after = load_model(joint.run.model_folder)
    images = joint.outputs("validation")
    found = joint.config.calibration
    assert set(found) == {"label", "tags"}
    for name in found:
        expected = before[name] / found[name].temperature
        # Weights and biases are rounded once more to float32.
        torch.testing.assert_close(images[name], expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(images["size"], before["size"], rtol=1e-6, atol=1e-3)
    # What was written is what was measured.
    assert after.config == joint.config
    pixels = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        here = joint.network(pixels)
    torch.testing.assert_close(after.outputs(pixels), here, rtol=1e-5, atol=1e-4)


def test_calibration_never_makes_the_log_loss_worse_and_is_recorded(joint):
    before = joint.outputs("validation")
    finish(joint)
    for name, found in joint.run.read().calibration.items():
        assert found.loss_after <= found.loss_before
        assert 0.1 <= found.temperature <= 100
        assert found.num_samples > 0
        assert found == joint.config.calibration[name]
    truth = truths_of(joint.plan.dataset.validation)["label"]
    known = truth >= 0
    found = joint.config.calibration["label"]
    theirs = F.cross_entropy(before["label"][known] / found.temperature, truth[known]).item()
    assert found.loss_after == pytest.approx(theirs, rel=1e-5)


def test_scores_are_of_the_calibrated_model_and_joint(joint):
    finish(joint)
    metrics = joint.run.read().metrics["validation"]
    assert isinstance(metrics, JointMetrics)
    assert list(metrics.targets) == ["label", "tags", "size"]
    assert metrics.loss == pytest.approx(sum(m.loss for m in metrics.targets.values()))
    # Six samples, of which classes miss two, labels one, and values one.
    assert metrics.num_samples == 6
    assert [m.num_samples for m in metrics.targets.values()] == [4, 5, 5]
    assert metrics.targets["label"].loss == pytest.approx(
        joint.config.calibration["label"].loss_after, rel=1e-5
    )
    assert joint.score("validation").loss == pytest.approx(metrics.loss, rel=1e-5)


def test_thresholds_of_labels_are_tuned_and_kept_with_the_model(joint):
    assert joint.config.targets[1].thresholds is None
    finish(joint)
    config = load_model(joint.run.model_folder).config
    assert len(config.targets[1].thresholds) == 2
    truth = truths_of(joint.plan.dataset.validation)["tags"]
    scores = joint.outputs("validation")["tags"].sigmoid()
    known = (truth >= 0).all(dim=1)

    def f1(thresholds):
        guess = scores[known] > torch.tensor(thresholds)
        marks = truth[known] == 1
        return 2 * (guess & marks).sum(0) / (guess.sum(0) + marks.sum(0)).clamp_min(1)

    assert (f1(config.targets[1].thresholds) >= f1([0.5, 0.5])).all()


def test_the_checkpoints_go_when_the_model_is_there(joint):
    assert joint.run.checkpoints.exists()
    finish(joint)
    assert not joint.run.checkpoints.exists()
    record = joint.run.read()
    assert record.status == "complete"
    assert record.timing.seconds > 0
    assert record.timing.images_per_second > 0
    assert set(record.timing.phases) == {"features", "solve", "descend 1"}


def test_a_test_split_is_measured_as_well_and_calibrates_nothing(few, tmp_path):
    plan = plan_of(RECIPE, few)
    alone = trained(plan, tmp_path / "alone")
    finish(alone)
    splits = {**few.splits, "test": few.train.select(range(5))}
    more = trained(replace(plan, dataset=replace(few, splits=splits)), tmp_path / "more")
    finish(more)
    assert set(more.run.read().metrics) == {"validation", "test"}
    assert more.run.read().metrics["test"].num_samples == 5
    assert more.config.calibration == alone.config.calibration


def test_weights_that_are_not_finite_make_no_model(few, tmp_path):
    training = trained(plan_of(RECIPE, few), tmp_path / "run")
    with torch.no_grad():
        training.network.body.layer4[0].conv1.weight.fill_(float("inf"))
    with pytest.raises(RecipeError, match="weights that are not finite"):
        finish(training)
    assert not training.run.model_folder.exists()
    assert training.run.read().status == "running"


@pytest.mark.parametrize(("lr", "worse"), [(1.0, True), (1e-9, False), (None, False)])
def test_training_that_was_of_no_use_is_said(few, tmp_path, lr, worse):
    phases = (SOLVE,) if lr is None else (SOLVE, replace(DESCEND, lr=lr, epochs=1))
    heard = Heard()
    finish(trained(plan_of(recipe_of(*phases), few), tmp_path / "run", heard))
    said = [note for note in heard.notes if "did not improve on the solved head" in note]
    assert bool(said) == worse
    assert all("linear-probe" in note for note in said)


@pytest.mark.parametrize(("factor", "said"), [(1.05, False), (1.3, True)])
def test_a_clearly_higher_loss_at_the_same_score_is_said(few, tmp_path, factor, said):
    phases = (SOLVE, replace(DESCEND, lr=1e-9, epochs=1))
    recipe, heard = recipe_of(*phases, name="finetune-few"), Heard()
    training = trained(plan_of(recipe, few), tmp_path / "run", heard)
    log = training.run.metrics_log
    first, last = map(json.loads, log.read_text().splitlines())
    last["validation"] = first["validation"] | {"loss": factor * first["validation"]["loss"]}
    log.write_text(f"{json.dumps(first)}\n{json.dumps(last)}\n")
    finish(training)
    notes = [note for note in heard.notes if "did not improve on the solved head" in note]
    assert bool(notes) == said
    assert all("try --recipe linear-probe" in note for note in notes)
    assert not any("finetune-few" in note for note in notes)


def test_a_deterministic_run_is_so_from_its_first_phase_to_its_last_measurement(
    few, tmp_path, monkeypatch
):
    seen = []
    outputs = Training.outputs

    def remember(self, split):
        seen.append(torch.are_deterministic_algorithms_enabled())
        return outputs(self, split)

    monkeypatch.setattr(Training, "outputs", remember)
    plan = plan_of(RECIPE, few, deterministic=True)
    training = begin(plan, tmp_path / "run")
    training.run.write_splits(few)
    training.run.write(_first_record(plan, 1, ""))
    carry_out(training.run, plan, training.network, training.processes, training.progress)
    assert len(seen) > 2
    assert all(seen)


def test_carrying_out_a_plan_is_its_phases_and_its_end(few, tmp_path):
    plan = plan_of(RECIPE, few)
    expected = trained(plan, tmp_path / "expected")
    finish(expected)
    other = begin(plan, tmp_path / "run")
    other.run.write_splits(few)
    other.run.write(_first_record(plan, 1, ""))
    carry_out(other.run, plan, other.network, other.processes, other.progress)
    ours, theirs = (
        (run.model_folder / "model.safetensors").read_bytes() for run in (other.run, expected.run)
    )
    assert ours == theirs


def test_the_end_of_a_run_runs_over_validation_once(few, tmp_path, monkeypatch):
    """The last epoch's outputs are calibrated by; only the finished model is run again."""
    runs = []
    outputs = Training.outputs
    monkeypatch.setattr(
        Training, "outputs", lambda self, split: (runs.append(split), outputs(self, split))[1]
    )
    training = trained(plan_of(recipe_of(DESCEND), few), tmp_path / "run")
    assert runs == ["validation"] * DESCEND.epochs
    finish(training)
    assert runs == ["validation"] * (DESCEND.epochs + 1)


@pytest.mark.parametrize("fields", [{"ema": 0.5}, {"patience": 1}])
def test_a_resumed_end_gives_the_same_bits(few, tmp_path, fields):
    """There the outputs of the last epoch are gone and made anew."""
    plan = plan_of(recipe_of(replace(DESCEND, **fields)), few)
    at_once = trained(plan, tmp_path / "once")
    later = begin(plan, tmp_path / "once")
    run_phases(later)
    for training in (at_once, later):
        finish(training)
    assert at_once.config.calibration == later.config.calibration
    assert not changed(state(at_once.network), state(later.network))
