from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.zoo.training.small_runs import (
    DESCEND,
    PLAIN,
    Heard,
    StopAfter,
    begin,
    changed,
    plan_of,
    recipe_of,
    state,
    train,
)
from zoo.data.pixels.live import LivePixels
from zoo.errors import RecipeError, RunInterruptedError
from zoo.inputs.image import normalize
from zoo.recipes import HeadRecipe
from zoo.seeds import derive_seed
from zoo.training.augment import mix
from zoo.training.images import TrainingImages
from zoo.training.loop import run_phases
from zoo.training.step import Stepper

STEP = [(0, index) for index in (3, 1, 4, 15, 9, 2)]
SGD = replace(DESCEND, optimizer="sgd", lr=0.01)


def images_of(training):
    """The pictures of a run, as its phase of seed 5 augments them."""
    plan, train = training.plan, training.plan.dataset.train
    return TrainingImages(
        LivePixels(train.files, root=train.root, side=40),
        plan.recipe.augment,
        plan.train_preprocess,
        5,
        plan.device,
    )


def backward(stepper, number=0):
    """Compute the gradient of one and the same step."""
    images = images_of(stepper.training)
    (read,) = images.load([STEP], workers=0)
    return stepper.backward(number, STEP, read, images)


def stepper_of(training, **changes):
    training.plan = replace(training.plan, **changes)
    training.network.freeze_except(frozenset(training.plan.backbone.stages), "frozen")
    training.network.train()
    return Stepper(training, seed=5)


def with_recipe(training, **fields):
    return {"recipe": replace(training.plan.recipe, **fields)}


def gradients(stepper):
    """Of the network's parameters, by name; forgotten afterwards."""
    network = stepper.training.network
    found = {name: p.grad.clone() for name, p in network.named_parameters()}
    network.zero_grad()
    return found


class Small:
    """A memory that holds so many images; a forward pass of more of them runs out of it."""

    def __init__(self, network: nn.Module, images: int) -> None:
        self.images, self.seen = images, []
        network.register_forward_pre_hook(self)

    def __call__(self, module, inputs):
        self.seen.append(len(inputs[0]))
        if module.training and len(inputs[0]) > self.images:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 8.00 GiB")


@pytest.mark.parametrize("batch_size", [1, 4])
def test_the_gradient_of_a_step_does_not_depend_on_how_it_is_cut(descending, batch_size):
    whole = stepper_of(descending)
    loss = backward(whole)
    expected = gradients(whole)
    parts = stepper_of(descending, **with_recipe(descending, batch_size=batch_size))
    # Sums of float32 in another order.
    close = {"rtol": 1e-4, "atol": 1e-5}
    torch.testing.assert_close(backward(parts), loss, **close)
    torch.testing.assert_close(gradients(parts), expected, **close)


def test_the_loss_is_the_mean_cross_entropy_of_the_augmented_images(descending):
    stepper = stepper_of(descending)
    loss = backward(stepper)
    plan, images = descending.plan, images_of(descending)
    (pixels,) = images.load([STEP], workers=0)
    truth = torch.from_numpy(plan.dataset.train.truths["label"][[i for _, i in STEP]])
    with torch.no_grad():
        logits = descending.network(normalize(pixels, plan.preprocess))["label"]
    # The layout in memory differs, and with it the order of sums.
    torch.testing.assert_close(loss, F.cross_entropy(logits, truth), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("augment", [{"mixup": 0.4}, {"cutmix": 1.0}], ids=str)
def test_the_loss_of_mixed_images_is_the_mixed_loss(descending, augment):
    recipe = replace(PLAIN, **augment)
    stepper = stepper_of(descending, **with_recipe(descending, augment=recipe))
    loss = backward(stepper, 2)
    plan, images = descending.plan, images_of(descending)
    (pixels,) = images.load([STEP], workers=0)
    mixed = mix(pixels, recipe, seed=derive_seed(5, "mix", 0, 0), step=2)
    assert 0 < mixed.part < 1
    truth = torch.from_numpy(plan.dataset.train.truths["label"][[i for _, i in STEP]])
    with torch.no_grad():
        logits = descending.network(normalize(mixed.images, plan.preprocess))["label"]
    expected = mixed.part * F.cross_entropy(logits, truth) + (1 - mixed.part) * F.cross_entropy(
        logits, truth[mixed.partner]
    )
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-5)


def test_a_step_repeats_itself_although_it_drops_at_random(few, tmp_path):
    recipe = recipe_of(DESCEND, head=HeadRecipe(hidden=(64,), dropout=0.5))
    stepper = stepper_of(begin(plan_of(recipe, few), tmp_path))
    losses = [backward(stepper, n).item() for n in (3, 4, 3)]
    assert losses[0] == losses[2] != losses[1]


def test_a_gradient_that_is_too_long_is_scaled_and_a_short_one_left(descending):
    stepper = stepper_of(descending)
    backward(stepper)
    network = descending.network
    before = torch.cat([p.grad.flatten() for p in network.parameters()])
    for norm in (None, 1e6, 0.5):
        stepper.clip(norm)
        after = torch.cat([p.grad.flatten() for p in network.parameters()])
        factor = 1.0 if norm != 0.5 else 0.5 / before.norm()
        torch.testing.assert_close(after, before * factor, rtol=1e-4, atol=1e-9)


def test_a_batch_that_does_not_fit_is_halved_until_it_does(descending):
    whole = stepper_of(descending)
    backward(whole)
    expected = gradients(whole)
    descending.progress = Heard()
    stepper = stepper_of(descending, auto_batch=True)
    memory = Small(descending.network, 2)
    backward(stepper)
    # Sums of float32 in another order.
    torch.testing.assert_close(gradients(stepper), expected, rtol=1e-4, atol=1e-5)
    assert memory.seen == [6, 3, 1, 1, 1, 1, 1, 1]
    assert [note.split(";")[0] for note in descending.progress.notes] == [
        "note: a batch of 6 images does not fit into memory",
        "note: a batch of 3 images does not fit into memory",
    ]
    backward(stepper, 1)
    assert memory.seen[8:] == [1] * 6, "a size that did not fit is not tried again"


def test_a_step_that_fails_halfway_counts_nothing_twice(descending):
    whole = stepper_of(descending)
    backward(whole)
    expected = gradients(whole)
    calls = []

    def fail_at_the_second(module, inputs):
        calls.append(len(inputs[0]))
        if len(calls) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    descending.network.register_forward_pre_hook(fail_at_the_second)
    recipe = with_recipe(descending, batch_size=4)
    stepper = stepper_of(descending, auto_batch=True, **recipe)
    backward(stepper)
    assert calls == [4, 2, 2, 2, 2]
    torch.testing.assert_close(gradients(stepper), expected, rtol=1e-4, atol=1e-5)


def test_without_auto_a_batch_that_does_not_fit_is_an_error_with_the_way_out(descending):
    stepper = stepper_of(descending)
    Small(descending.network, 2)
    with pytest.raises(RecipeError, match="a batch of 6 does not fit into memory") as caught:
        backward(stepper)
    assert "--batch-size, or auto" in caught.value.hint


def test_one_image_that_does_not_fit_is_an_error_that_does_not_advise_smaller_batches(descending):
    stepper = stepper_of(descending, auto_batch=True)
    Small(descending.network, 0)
    with pytest.raises(RecipeError, match="a batch of 1 does not fit into memory") as caught:
        backward(stepper)
    assert "--batch-size" not in caught.value.hint
    assert "--img-size" in caught.value.hint


def test_other_errors_are_not_taken_for_a_lack_of_memory(descending):
    stepper = stepper_of(descending, auto_batch=True)

    def fail(*_):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    descending.network.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        backward(stepper)
    assert stepper.batch_size == 6


@pytest.mark.parametrize("num_batches", [2, 4])
def test_accumulated_batches_train_as_one_of_their_size(few, tmp_path, num_batches):
    """BatchNorm is frozen and nothing drops; sums of float32 differ in their order."""
    one = recipe_of(SGD, batch_size=8)
    several = replace(one, batch_size=8 // num_batches, accumulate=num_batches)
    whole, parts = (
        train(plan_of(recipe, few), tmp_path / recipe.name)
        for recipe in (one, replace(several, name="several"))
    )
    begun = state(begin(whole.plan, tmp_path / "fresh").network)
    moved = max((v - begun[n]).abs().max() for n, v in state(whole.network).items())
    assert moved > 1e-3
    torch.testing.assert_close(state(parts.network), state(whole.network), rtol=0, atol=2e-6)
    assert parts.images == whole.images == 2 * 16


@pytest.mark.usefixtures("_look_at_every_step")
def test_a_run_whose_batches_were_halved_trains_the_same_and_stays_halved(few, tmp_path):
    """The machine that goes on has more memory; the batches stay as they were."""
    whole = train(plan_of(recipe_of(SGD), few), tmp_path / "whole")
    plan = plan_of(recipe_of(SGD), few, auto_batch=True)
    first = begin(plan, tmp_path / "run")
    first.progress = StopAfter(first.stop, 2)
    before = Small(first.network, 4)
    with pytest.raises(RunInterruptedError):
        run_phases(first)
    assert before.seen == [6, 3, 3, 3, 3]
    again = begin(plan, tmp_path / "run")
    after = Small(again.network, 99)
    run_phases(again)
    assert after.seen[:2] == [3, 3]
    # Sums of float32 in another order.
    torch.testing.assert_close(state(again.network), state(whole.network), rtol=0, atol=2e-6)


def test_a_step_that_fails_halfway_moves_batch_statistics_once(few, tmp_path):
    """Its first batch has moved them when its second does not fit."""
    plan = plan_of(recipe_of(replace(DESCEND, batch_norm="adapt"), batch_size=4), few)
    halved = replace(plan, recipe=replace(plan.recipe, batch_size=2))
    runs = [begin(run, tmp_path) for run in (halved, replace(plan, auto_batch=True))]
    calls = []

    def fail_at_the_second(module, inputs):
        calls.append(len(inputs[0]))
        if len(calls) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    runs[1].network.register_forward_pre_hook(fail_at_the_second)
    for run in runs:
        run.network.train()
        backward(Stepper(run, seed=5))
    assert calls == [4, 2, 2, 2, 2]
    expected, found = (dict(run.network.named_buffers()) for run in runs)
    assert expected["body.bn1.num_batches_tracked"] == 3
    assert not changed(expected, found)
