import math
from types import SimpleNamespace

import pytest
import torch

from zoo.errors import DivergedError, RecipeError
from zoo.training.watch import LossWatch


@pytest.fixture
def watch(training):
    return LossWatch(training)


def note(watch, *losses):
    for at, loss in enumerate(losses):
        watch.note(torch.tensor(loss), [(0, at), (0, at + 1)])


def test_the_mean_is_that_of_the_epochs_steps(watch):
    note(watch, 1.0, 2.0)
    assert watch.look(2) == 1.5
    note(watch, 6.0)
    assert watch.look(3) == 3.0
    assert watch.epoch_loss == 9.0
    watch.begin_epoch()
    note(watch, 4.0)
    assert watch.look(4) == 4.0


def test_an_epoch_taken_up_in_its_course_has_the_mean_of_all_its_steps(watch):
    watch.continue_from(9.0, 3, reached=7)
    note(watch, 3.0)
    assert watch.look(8) == 3.0


def test_nothing_seen_is_a_mean_of_zero(watch):
    assert watch.look(0) == 0.0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_names_step_samples_and_checkpoint(watch, value):
    watch.saved(40)
    note(watch, 1.0, 1.0, value, 1.0)
    train = watch.training.plan.dataset.train
    with pytest.raises(RecipeError, match=f"became {value} at step 43, on ") as caught:
        watch.look(44)
    assert f"{train.files[2]}, {train.files[3]};" in caught.value.problem
    assert "checkpoint of step 40" in caught.value.problem
    assert str(watch.training.run.checkpoints) in caught.value.problem
    assert "--clip-norm" in caught.value.hint


def test_many_samples_are_counted_instead_of_named(watch):
    watch.note(torch.tensor(math.nan), [(0, at) for at in range(12)])
    with pytest.raises(RecipeError, match="and 4 more"):
        watch.look(1)


def test_losses_of_several_processes_are_added_up(watch):
    """Each hears its own part of a step's mean loss."""
    accelerator = SimpleNamespace(reduce=lambda losses, reduction: losses + 1.0)
    watch.training.processes = SimpleNamespace(count=2, accelerator=accelerator)
    note(watch, 1.0, 3.0)
    assert watch.look(2) == 3.0


def broken_weight(network):
    network.body.layer4[0].conv1.weight.data[0] = math.nan
    return []


def broken_variance(network):
    network.body.bn1.running_var[1] = math.inf
    return []


def broken_average(network):
    return [torch.ones(3), torch.tensor([1.0, -math.inf])]


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (broken_weight, "weights"),
        (broken_variance, "BatchNorm statistics"),
        (broken_average, "averaged weights"),
    ],
)
def test_nothing_that_a_checkpoint_keeps_may_be_no_number(watch, spoil, what):
    network = watch.training.network
    watch.require_finite(network, 7, [torch.ones(3)])
    averages = spoil(network)
    problem = f"the {what} are not finite any more after step 7; there is no checkpoint before it"
    with pytest.raises(RecipeError, match=problem) as caught:
        watch.require_finite(network, 7, averages)
    assert "--clip-norm" in caught.value.hint


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_validation_loss_that_is_no_number_names_epoch_and_checkpoint(watch, value):
    watch.require_finite_validation(3.3e12, 1)
    watch.saved(2)
    problem = f"validation loss became {value} in epoch 2; the checkpoint of step 2 in "
    with pytest.raises(DivergedError, match=problem) as caught:
        watch.require_finite_validation(value, 2)
    assert "lower --lr" in caught.value.hint


def test_large_weights_are_finite_although_their_squares_are_not(watch):
    watch.require_finite(watch.training.network, 1, [torch.full((2,), 1e30)])
