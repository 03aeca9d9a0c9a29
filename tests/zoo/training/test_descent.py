import json
import shutil
import signal
from dataclasses import replace
from multiprocessing import active_children

import pytest
import torch
from safetensors.torch import load_file

from tests.zoo.training.small_runs import (
    DESCEND,
    PLAIN,
    RESNET,
    SIZE,
    SOLVE,
    VIT,
    Heard,
    begin,
    changed,
    interrupt,
    log_of,
    plan_of,
    recipe_of,
    state,
    three_targets,
    train,
)
from zoo.data.pixels.keep import CacheSettings
from zoo.errors import DivergedError, RecipeError, RunInterruptedError
from zoo.recipes import Augment, HeadRecipe, Lora, TopStages
from zoo.training.checkpoint import load_checkpoint
from zoo.training.descent import Descent
from zoo.training.finetune import finetune
from zoo.training.loop import run_phases
from zoo.training.plan import Settings
from zoo.training.schedules import learning_rate_factor, set_learning_rates

TOP = replace(DESCEND, train=TopStages(top=1))

MECHANISMS = {
    "plain": recipe_of(DESCEND),
    "after solving": recipe_of(SOLVE, DESCEND),
    "gradual": recipe_of(replace(TOP, train=TopStages(top=2), gradual=True, epochs=1)),
    "ema": recipe_of(replace(DESCEND, ema=0.9)),
    "patience": recipe_of(replace(DESCEND, lr=0.05, patience=2, epochs=4)),
    "ema and patience": recipe_of(replace(DESCEND, lr=0.05, patience=1, ema=0.5, epochs=4)),
    "accumulate": recipe_of(DESCEND, batch_size=3, accumulate=2),
    "mixup and cutmix": recipe_of(DESCEND, augment=Augment(mixup=0.4, cutmix=1.0)),
    "max steps": recipe_of(replace(DESCEND, max_steps=5)),
    "one-cycle": recipe_of(replace(DESCEND, schedule="one-cycle", optimizer="sgd")),
    "adapting statistics": recipe_of(replace(DESCEND, batch_norm="adapt")),
    "balanced sampling": recipe_of(DESCEND, sampling="balanced"),
    "dropout": recipe_of(DESCEND, head=HeadRecipe(hidden=(16,), dropout=0.5)),
    "last batch kept": recipe_of(DESCEND, batch_size=7, last_batch="keep"),
    "lora": recipe_of(replace(DESCEND, lora=Lora(rank=2, dropout=0.1))),
    "lora and ema": recipe_of(replace(DESCEND, lora=Lora(rank=2), ema=0.9, patience=1)),
}
"""Three steps an epoch, of 18 pictures."""


def network_of(name: str) -> str:
    return VIT if "lora" in name else RESNET


def without_time(run):
    return [{key: v for key, v in line.items() if key != "seconds"} for line in log_of(run)]


@pytest.mark.usefixtures("_look_at_every_step")
@pytest.mark.parametrize("name", list(MECHANISMS))
def test_a_run_stopped_at_any_step_ends_in_the_same_bits(name, few, tmp_path):
    """At the end of the first epoch, and within the second."""
    plan = plan_of(MECHANISMS[name], few, network_of(name))
    whole = train(plan, tmp_path / "whole")
    for step in (3, 4):
        folder = tmp_path / f"stopped-{step}"
        interrupt(plan, folder, step)
        again = train(plan, folder)
        assert not changed(state(whole.network), state(again.network)), step
        assert without_time(again.run) == without_time(whole.run)
        assert again.images == whole.images


def test_a_run_stopped_between_two_phases_ends_in_the_same_bits(few, tmp_path, monkeypatch):
    plan = plan_of(MECHANISMS["gradual"], few)
    whole = train(plan, tmp_path / "whole")
    settle = Descent._settle

    def settle_and_stop(self):
        settle(self)
        self.training.stop.signal = signal.SIGTERM

    with monkeypatch.context() as patch:
        patch.setattr(Descent, "_settle", settle_and_stop)
        with pytest.raises(RunInterruptedError):
            run_phases(begin(plan, tmp_path / "stopped"))
    left = load_checkpoint(tmp_path / "stopped" / "checkpoints")
    assert (left.phase, left.step, left.phase_state) == (1, 0, None)
    again = train(plan, tmp_path / "stopped")
    assert not changed(state(whole.network), state(again.network))


@pytest.mark.usefixtures("_look_at_every_step")
def test_a_run_of_several_targets_with_learnt_weights_is_resumed_in_the_same_bits(few, tmp_path):
    plan = plan_of(recipe_of(DESCEND, weighting="uncertainty"), three_targets(few))
    whole = train(plan, tmp_path / "whole")
    interrupt(plan, tmp_path / "stopped", 4)
    left = load_checkpoint(tmp_path / "stopped" / "checkpoints")
    learnt = left.phase_state["stepper"]["objective"]["weights.log_variances"]
    assert learnt.shape == (3,)
    assert learnt.abs().min() > 0
    again = train(plan, tmp_path / "stopped")
    assert not changed(state(whole.network), state(again.network))


FROZEN = {
    "plain": {},
    "adapting statistics above": {"batch_norm": "adapt"},
    "ema": {"ema": 0.9, "batch_norm": "adapt"},
    "patience": {"patience": 1, "lr": 0.05, "batch_norm": "adapt"},
    "weight decay": {"weight_decay": 0.5, "optimizer": "sgd"},
}


@pytest.mark.usefixtures("_look_at_every_step")
@pytest.mark.parametrize("name", list(FROZEN))
def test_what_is_frozen_stays_bit_identical(name, few, tmp_path):
    """Through mixing, dropout, validation after every epoch, and a resumption in between."""
    recipe = recipe_of(
        replace(TOP, **FROZEN[name]),
        augment=Augment(mixup=0.4),
        head=HeadRecipe(hidden=(8,), dropout=0.3),
    )
    plan = plan_of(recipe, few)
    before = state(begin(plan, tmp_path / "fresh").network)
    interrupt(plan, tmp_path / "run", 4)
    moved = changed(before, state(train(plan, tmp_path / "run").network))
    assert {name.split(".")[0] for name in moved} == {"body", "_heads"}
    assert all(name.startswith(("body.layer4.", "_heads.")) for name in moved)
    adapts = FROZEN[name].get("batch_norm") == "adapt"
    assert any("running_" in name for name in moved) == adapts
    assert any("num_batches" in name for name in moved) == adapts


def test_frozen_stages_stay_in_evaluation_mode_through_every_change_of_mode(descending):
    Descent(descending, 0, TOP)._arrange(None)
    network = descending.network
    for mode in (True, False, True):
        network.train(mode)
    lower = [module for at in range(1, 4) for module in getattr(network.body, f"layer{at}")]
    assert not any(module.training for part in lower for module in part.modules())
    norms = [m for m in network.body.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms
    assert not any(norm.training for norm in norms)
    assert network.body.layer4.training
    assert network.heads["label"].training


def test_training_lowers_the_loss(few, tmp_path):
    training = train(plan_of(recipe_of(replace(DESCEND, epochs=6)), few), tmp_path / "run")
    lines = log_of(training.run)
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert [line["step"] for line in lines] == [3, 6, 9, 12, 15, 18]
    assert lines[-1]["train_loss"] < lines[0]["train_loss"]


def test_the_same_seed_gives_the_same_bits_and_another_does_not(few, tmp_path):
    plan = plan_of(recipe_of(DESCEND), few)
    other = replace(plan, recipe=replace(plan.recipe, seed=1))
    runs = enumerate((plan, plan, other))
    first, again, reseeded = (state(train(p, tmp_path / str(n)).network) for n, p in runs)
    assert not changed(first, again)
    assert "body.layer4.0.conv1.weight" in changed(first, reseeded)


@pytest.fixture
def rates(monkeypatch):
    """The rates of the optimiser's first group, step by step."""
    seen = []

    def record(optimizer, phase, step, total_steps):
        set_learning_rates(optimizer, phase, step, total_steps)
        seen.append(optimizer.param_groups[0]["lr"])

    monkeypatch.setattr("zoo.training.descent.set_learning_rates", record)
    return seen


def test_max_steps_end_the_phase_within_an_epoch_and_its_schedule_with_it(few, tmp_path, rates):
    phase = replace(DESCEND, max_steps=5, epochs=9, schedule="linear")
    training = train(plan_of(recipe_of(phase), few), tmp_path / "run")
    assert [line["step"] for line in log_of(training.run)] == [3, 5]
    assert training.images == 5 * 6
    expected = [phase.lr * learning_rate_factor(phase, step, 5) for step in range(5)]
    assert rates == pytest.approx(expected)
    assert rates[-1] == pytest.approx(phase.lr / 5)


def test_that_max_steps_ended_a_phase_is_said(few, tmp_path):
    for steps, said in ((1, True), (100, False)):
        heard = Heard()
        recipe = recipe_of(replace(DESCEND, max_steps=steps))
        train(plan_of(recipe, few), tmp_path / str(steps), heard)
        assert any(f"--max-steps {steps} ends" in note for note in heard.notes) == said


def test_every_phase_has_its_table_under_a_header(few, tmp_path):
    heard = Heard()
    phase = replace(DESCEND, train=TopStages(top=3), gradual=True, epochs=1)
    train(plan_of(recipe_of(phase), few), tmp_path / "run", heard)
    phases = [at for at, note in enumerate(heard.notes) if note.startswith("phase ")]
    assert len(phases) == 3
    assert all(heard.notes[at + 1].split()[0] == "stage" for at in phases)


def test_more_steps_than_the_epochs_have_change_nothing(few, tmp_path, rates):
    train(plan_of(recipe_of(replace(DESCEND, max_steps=50)), few), tmp_path / "run")
    assert len(rates) == 6


def test_the_average_is_what_is_validated_and_kept(few, tmp_path):
    """It is computed here from the weights after every step, as its paper says."""
    phase, decay = replace(DESCEND, ema=0.5, lr=0.01, schedule="constant"), 0.5
    training = begin(plan_of(recipe_of(phase), few), tmp_path / "run")
    weights, weight = [], training.network.body.layer4[0].conv1.weight
    descend = Descent._descend

    def remember(self, *arguments):
        descend(self, *arguments)
        weights.append(weight.detach().clone())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Descent, "_descend", remember)
        run_phases(training)
    average = weights[0].double()
    for number, value in enumerate(weights[1:], start=1):
        kept = min(decay, (1 + number) / (10 + number))
        average = kept * average + (1 - kept) * value.double()
    kept = training.network.body.layer4[0].conv1.weight
    torch.testing.assert_close(kept.double(), average, rtol=1e-5, atol=1e-7)
    assert (kept - weights[-1]).abs().max() > 1e-4
    validated = log_of(training.run)[-1]["validation"]["loss"]
    assert training.score("validation").loss == pytest.approx(validated, rel=1e-6)


def test_patience_ends_the_phase_and_the_best_weights_come_back_bit_for_bit(few, tmp_path):
    phase = replace(DESCEND, lr=0.3, schedule="constant", optimizer="sgd", patience=2, epochs=12)
    heard = Heard()
    training = begin(plan_of(recipe_of(phase), few), tmp_path / "run", heard)
    after_epoch = []
    end = Descent._end

    def remember(self, epoch):
        after_epoch.append(state(self.training.network))
        end(self, epoch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Descent, "_end", remember)
        run_phases(training)
    losses = [line["validation"]["loss"] for line in log_of(training.run)]
    best = min(range(len(losses)), key=losses.__getitem__)
    assert len(losses) == best + 3 < 12
    assert not changed(after_epoch[best], state(training.network))
    assert changed(after_epoch[-1], state(training.network))
    assert f"kept the weights of epoch {best + 1}, " in heard.notes[-1]


@pytest.mark.usefixtures("_look_at_every_step")
def test_patience_and_the_best_weights_outlive_a_stop_after_the_best_epoch(few, tmp_path):
    phase = replace(DESCEND, lr=0.3, schedule="constant", optimizer="sgd", patience=2, epochs=12)
    plan = plan_of(recipe_of(phase), few)
    whole = train(plan, tmp_path / "whole")
    losses = [line["validation"]["loss"] for line in log_of(whole.run)]
    best = min(range(len(losses)), key=losses.__getitem__)
    assert len(losses) == best + 3
    interrupt(plan, tmp_path / "run", 3 * (best + 2) + 1)
    again = train(plan, tmp_path / "run")
    assert not changed(state(whole.network), state(again.network))
    assert without_time(again.run) == without_time(whole.run)


def test_balanced_sampling_trains_on_rare_classes_as_often(few, tmp_path, monkeypatch):
    """Two of 18 are of the rare class; 240 draws of a half have a deviation of 8."""
    samples = few.train.select([*range(6), *range(6), *range(4), 6, 7])
    truth = samples.truths["label"]
    assert sorted((truth == at).sum() for at in range(3)) == [0, 2, 16]
    seen = []
    descend = Descent._descend

    def remember(self, step, images):
        seen.extend(index for _, index in step)
        descend(self, step, images)

    monkeypatch.setattr(Descent, "_descend", remember)
    data = replace(few, splits={**few.splits, "train": samples})
    phase = replace(DESCEND, train="head", epochs=14)
    train(plan_of(recipe_of(phase, sampling="balanced"), data), tmp_path / "run")
    drawn = truth[seen]
    assert len(drawn) == 14 * 18
    assert abs((drawn == drawn.max()).sum() - 14 * 9) < 5 * 8


def test_clipping_bounds_every_update(few, tmp_path):
    """Five steps of SGD without momentum move no further than their rates times the norm."""
    phase = replace(DESCEND, optimizer="sgd", momentum=0.0, lr=0.1, clip_norm=1e-3, max_steps=5)
    plan = plan_of(recipe_of(replace(phase, schedule="constant")), few)
    before = state(begin(plan, tmp_path / "fresh").network)
    after = state(train(plan, tmp_path / "run").network)
    moved = torch.cat([(after[n] - before[n]).double().flatten() for n in before]).norm().item()
    assert 0.2 * 5e-4 < moved < 1.01 * 5e-4


def test_a_loss_that_is_not_finite_stops_with_advice_and_saves_nothing(descending):
    with torch.no_grad():
        descending.network.heads["label"].last.weight.fill_(float("nan"))
    with pytest.raises(RecipeError, match="the loss became nan at step 1, on ") as caught:
        run_phases(descending)
    assert "--lr" in caught.value.hint
    assert "no checkpoint" in caught.value.problem
    assert load_checkpoint(descending.run.checkpoints) is None


def test_a_validation_loss_that_is_not_finite_stops_before_a_checkpoint(descending):
    """Although the weights and the training losses are finite."""
    head = descending.network.heads["label"]
    head.register_forward_hook(lambda m, _, out: out if m.training else out * float("nan"))
    with pytest.raises(DivergedError, match="validation loss became nan in epoch 1") as caught:
        run_phases(descending)
    assert "no checkpoint" in caught.value.problem
    assert load_checkpoint(descending.run.checkpoints) is None


@pytest.mark.usefixtures("_look_at_every_step")
def test_a_loss_that_is_not_finite_leaves_the_earlier_checkpoint_as_it_was(few, tmp_path):
    """And the run goes on from there once what made it so is gone."""
    plan = plan_of(recipe_of(DESCEND), few)
    whole = train(plan, tmp_path / "whole")
    training = begin(plan, tmp_path / "run")
    calls, head = [], training.network.heads["label"]

    def spoil_the_fifth(module, inputs, output):
        calls.append(module.training)
        return output * (float("inf") if sum(calls) == 5 else 1)

    head.register_forward_hook(spoil_the_fifth)
    with pytest.raises(RecipeError, match="the loss became nan at step 5, on ") as caught:
        run_phases(training)
    named = caught.value.problem.split(" on ")[1].split(";")[0].split(", ")
    assert len(named) == 6
    assert set(named) <= set(map(str, few.train.files))
    assert "checkpoint of step 3" in caught.value.problem
    assert load_checkpoint(training.run.checkpoints).step == 3
    again = train(plan, tmp_path / "run")
    assert not changed(state(whole.network), state(again.network))


def test_bfloat16_trains_and_leaves_float32_weights(few, tmp_path):
    training = train(plan_of(recipe_of(DESCEND), few, precision="bf16"), tmp_path / "run")
    weights = training.network.state_dict().values()
    assert {v.dtype for v in weights if v.is_floating_point()} == {torch.float32}
    assert training.network(torch.rand(1, 3, 32, 32))["label"].dtype == torch.float32


def test_a_second_phase_computes_in_the_same_precision_as_the_first(few, tmp_path):
    """And so does a resumed one: bfloat16 must not be lost with the first phase."""
    recipe = recipe_of(*(replace(DESCEND, epochs=1),) * 2)
    training = begin(plan_of(recipe, few, precision="bf16"), tmp_path / "run")
    seen = []
    head = training.network.heads["label"]
    head.register_forward_hook(lambda *args: seen.append((args[0].training, args[2].dtype)))
    run_phases(training)
    assert seen.count((True, torch.bfloat16)) == 6
    assert (True, torch.float32) not in seen


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU")
@pytest.mark.parametrize("network", [RESNET, VIT])
def test_a_deterministic_run_on_a_gpu_gives_the_same_bits_again(few, tmp_path, network):
    settings = Settings(
        recipe="finetune", img_size=SIZE, device="cuda", deterministic=True, pretrained=False
    )
    first, again = (
        load_file(
            finetune(network, few.root, settings, output=tmp_path / name).model_folder
            / "model.safetensors"
        )
        for name in ("first", "again")
    )
    assert not changed(first, again)


@pytest.mark.usefixtures("_look_at_every_step")
def test_a_pixel_store_changes_no_bit_nor_does_its_loss(few, tmp_path):
    plan = plan_of(recipe_of(DESCEND), few)
    plain = state(train(plan, tmp_path / "plain").network)
    stored = replace(plan, cache=CacheSettings(folder=tmp_path / "pixels"))
    assert not changed(plain, state(train(stored, tmp_path / "stored").network))
    assert list((tmp_path / "pixels").iterdir())
    assert not changed(plain, state(train(stored, tmp_path / "warm").network))
    interrupt(stored, tmp_path / "lost", 2)
    shutil.rmtree(tmp_path / "pixels")
    assert not changed(plain, state(train(stored, tmp_path / "lost").network))
    interrupt(stored, tmp_path / "without", 2)
    assert not changed(plain, state(train(plan, tmp_path / "without").network))


def test_workers_change_no_bit(few, tmp_path):
    plan = plan_of(recipe_of(replace(DESCEND, epochs=1)), few)
    alone = state(train(plan, tmp_path / "alone").network)
    assert not changed(alone, state(train(replace(plan, workers=2), tmp_path / "two").network))


@pytest.mark.usefixtures("_look_at_every_step")
def test_an_interruption_ends_the_workers_and_changes_no_bit(few, tmp_path):
    plan = plan_of(recipe_of(DESCEND), few)
    alone = state(train(plan, tmp_path / "alone").network)
    plan = replace(plan, workers=2, cache=CacheSettings(folder=tmp_path / "pixels"))
    for step in (2, 4):
        interrupt(plan, tmp_path / "two", step)
        assert not active_children()
    assert not changed(alone, state(train(plan, tmp_path / "two").network))
    assert not active_children()


def test_several_targets_with_gaps_train_together(few, tmp_path):
    recipe = recipe_of(replace(DESCEND, epochs=4), augment=PLAIN)
    training = train(plan_of(recipe, three_targets(few)), tmp_path / "run")
    lines = log_of(training.run)
    assert lines[-1]["train_loss"] < lines[0]["train_loss"]
    assert set(lines[-1]["validation"]) == {"loss"}


def test_samples_of_which_nothing_is_known_move_nothing(few, tmp_path):
    data = three_targets(few)
    unknown = data.train.select([at for at in range(18) if at % 5 == 0])
    assert (unknown.truths["label"] == -1).all()
    data = replace(data, targets=data.targets[:1], splits={**data.splits, "train": unknown})
    plan = plan_of(recipe_of(DESCEND), data)
    before = state(begin(plan, tmp_path / "fresh").network)
    assert not changed(before, state(train(plan, tmp_path / "run").network))


def test_a_log_line_says_what_an_epoch_gave(few, tmp_path):
    training = train(plan_of(recipe_of(replace(DESCEND, epochs=1)), few), tmp_path / "run")
    (text,) = training.run.metrics_log.read_text().splitlines()
    line = json.loads(text)
    assert set(line) == {
        *("phase", "kind", "epoch", "step", "train_loss", "validation", "seconds"),
    }
    assert set(line["validation"]) == {"top-1", "loss"}


@pytest.mark.parametrize("auto_batch", [False, True])
def test_an_optimiser_that_finds_no_room_is_an_error_that_batches_do_not_mend(
    few, tmp_path, monkeypatch, auto_batch
):
    """As Adam does, whose first step allocates what it keeps."""

    def fail(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 8.00 GiB")

    monkeypatch.setattr(torch.optim.AdamW, "step", fail)
    training = begin(plan_of(recipe_of(DESCEND), few, auto_batch=auto_batch), tmp_path / "run")
    training.progress = Heard()
    with pytest.raises(RecipeError, match="what adamw keeps of them do not fit") as caught:
        run_phases(training)
    assert "hardly changes that" in caught.value.hint
    assert not any("going on with batches" in note for note in training.progress.notes)


def test_another_error_of_an_optimiser_stays_what_it_is(few, tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("params, grads must have same dtype")

    monkeypatch.setattr(torch.optim.AdamW, "step", fail)
    with pytest.raises(RuntimeError, match="must have same dtype"):
        run_phases(begin(plan_of(recipe_of(DESCEND), few), tmp_path / "run"))
