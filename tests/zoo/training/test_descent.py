import json
import signal
from dataclasses import replace

import pytest
import torch

from zoo.errors import RecipeError, RunInterruptedError
from zoo.progress import Silence
from zoo.training.checkpoint import load_checkpoint
from zoo.training.descent import Descent

STEPS = 6
"""18 training images in batches of six, twice."""


def state(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def descend(training, **changes):
    phase = replace(training.plan.recipe.phases[1], **changes)
    Descent(training, 1, phase).execute(None)


@pytest.mark.parametrize("batch_norm", ["frozen", "adapt"])
def test_frozen_tensors_are_bit_identical_afterwards(training, batch_norm):
    before = state(training.network)
    descend(training, train=("stage7", "neck"), batch_norm=batch_norm)
    after = state(training.network)
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert changed
    allowed = ("body.blocks.6.", "body.conv_head.", "body.bn2.", "head.")
    assert all(name.startswith(allowed) for name in changed)
    moved = any("running_" in name for name in changed)
    assert moved == (batch_norm == "adapt")


def test_training_lowers_the_loss(training):
    descend(training, epochs=6)
    lines = [json.loads(line) for line in training.run.metrics_log.read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert lines[-1]["train_loss"] < lines[0]["train_loss"]


def test_the_same_seed_gives_the_same_bits(training):
    start = state(training.network)
    descend(training)
    first = state(training.network)
    training.network.load_state_dict(start)
    descend(training)
    torch.testing.assert_close(state(training.network), first, rtol=0, atol=0)


class StopAfter(Silence):
    """A listener that sends a signal after so many training batches."""

    def __init__(self, stop, batches: int) -> None:
        self.stop, self.left, self.training = stop, batches, False

    def start(self, task, total):
        self.training = task.startswith("epoch")

    def advance(self, count, figures=""):
        self.left -= self.training
        if self.left == 0:
            self.stop.signal = signal.SIGTERM


@pytest.mark.parametrize("at", range(1, STEPS))
def test_a_signal_at_any_step_leaves_a_run_that_ends_in_the_same_bits(training, at):
    start = state(training.network)
    descend(training)
    whole, log = state(training.network), training.run.metrics_log
    undisturbed = [json.loads(line)["train_loss"] for line in log.read_text().splitlines()]
    log.unlink()

    training.network.load_state_dict(start)
    quiet, training.progress = training.progress, StopAfter(training.stop, at)
    with pytest.raises(RunInterruptedError):
        descend(training)
    training.stop.signal, training.progress = None, quiet
    with torch.no_grad():
        training.network.head.weight.fill_(9)
    checkpoint = load_checkpoint(training.run.checkpoints)
    assert checkpoint.step == at
    training.continue_from(checkpoint)
    Descent(training, 1, training.plan.recipe.phases[1]).execute(checkpoint)
    torch.testing.assert_close(state(training.network), whole, rtol=0, atol=0)
    losses = [json.loads(line)["train_loss"] for line in log.read_text().splitlines()]
    assert losses == pytest.approx(undisturbed, rel=1e-6)


def test_a_loss_that_is_not_finite_stops_with_advice_and_saves_nothing(training):
    with torch.no_grad():
        training.network.head.weight.fill_(float("nan"))
    with pytest.raises(RecipeError, match="the loss became nan") as caught:
        descend(training)
    assert "--lr" in caught.value.hint
    assert load_checkpoint(training.run.checkpoints) is None


def test_bfloat16_trains_and_leaves_float32_weights(training):
    training.plan = replace(training.plan, precision="bf16")
    descend(training, epochs=1)
    weights = training.network.state_dict().values()
    assert {v.dtype for v in weights if v.is_floating_point()} == {torch.float32}
    assert training.network(torch.rand(1, 3, 32, 32)).dtype == torch.float32


def test_a_second_phase_computes_in_the_same_precision_as_the_first(training):
    """And so does a resumed one: bfloat16 must not be lost with the first phase."""
    training.plan = replace(training.plan, precision="bf16")
    seen = []
    training.network.head.register_forward_hook(lambda *args: seen.append(args[2].dtype))
    for index in (1, 2):
        Descent(training, index, replace(training.plan.recipe.phases[1], epochs=1)).execute(None)
        assert torch.bfloat16 in seen
        seen.clear()


def test_clipping_bounds_the_update(training):
    before = state(training.network)
    descend(training, optimizer="sgd", clip_norm=1e-9, weight_decay=0.0)
    change = max((v - before[n]).abs().max() for n, v in state(training.network).items())
    assert change < 1e-6
