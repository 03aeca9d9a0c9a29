import math
from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from torchvision.ops import sigmoid_focal_loss

from zoo.errors import RecipeError
from zoo.recipes import LossName, TargetKind
from zoo.targets import LOSSES, ClassTarget, LabelsTarget, Target, TargetLoss, ValueTarget

CLASSES = ClassTarget(classes=("a", "b", "c"))
LABELS = LabelsTarget(name="tags", classes=("a", "b", "c"))
VALUES = ValueTarget(name="size", columns=("u", "v"), mean=(0.0, 5.0), std=(2.0, 0.5))
ALL = [(target, name) for target in (CLASSES, LABELS, VALUES) for name in LOSSES[target.kind]]
WEIGHTS = torch.tensor([0.5, 1.0, 3.0])


def random_batch(target: Target, rows: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs that ask for gradients, and truths without a hole."""
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(rows, target.num_outputs, generator=generator).requires_grad_()
    if target.kind == "class":
        return outputs, torch.randint(0, 3, (rows,), generator=generator)
    if target.kind == "labels":
        return outputs, torch.randint(0, 2, (rows, 3), generator=generator, dtype=torch.int8)
    return outputs, torch.randn(rows, 2, generator=generator, dtype=torch.float64) * 3


def hole_for(target: Target) -> float:
    return math.nan if target.kind == "value" else -1


def mean_loss(loss: TargetLoss, outputs: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    return loss.terms(outputs, truth).sum() / loss.weights(truth).sum()


def test_every_kind_and_every_loss_is_in_the_table():
    assert set(LOSSES) == set(get_args(TargetKind))
    assert {name for losses in LOSSES.values() for name in losses} == set(get_args(LossName))
    assert [next(iter(losses)) for losses in LOSSES.values()] == ["cross-entropy", "bce", "mse"]


def test_a_loss_of_another_kind_is_refused():
    with pytest.raises(RecipeError, match="'mse' does not fit target 'label'.*'class'") as caught:
        TargetLoss(target=CLASSES, name="mse")
    assert caught.value.hint == "choose cross-entropy or focal"


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_cross_entropy_is_torchs(smoothing, weights):
    outputs, truth = random_batch(CLASSES)
    loss = TargetLoss(
        target=CLASSES, name="cross-entropy", smoothing=smoothing, class_weights=weights
    )
    expected = F.cross_entropy(outputs, truth, weight=weights, label_smoothing=smoothing)
    torch.testing.assert_close(mean_loss(loss, outputs, truth), expected, rtol=1e-6, atol=0)


def test_smoothing_mixes_in_the_uniform_distribution():
    outputs = torch.tensor([[2.0, 0.0, 0.0]])
    sure, other, _ = (-outputs.log_softmax(1)[0]).tolist()
    loss = TargetLoss(target=CLASSES, name="cross-entropy", smoothing=0.3)
    expected = 0.8 * sure + 0.2 * other
    assert mean_loss(loss, outputs, torch.tensor([0])).item() == pytest.approx(expected)


def test_focal_loss_of_classes_turns_down_what_is_easy():
    outputs = torch.log(torch.tensor([[0.9, 0.05, 0.05], [0.2, 0.5, 0.3]]))
    loss = TargetLoss(target=CLASSES, name="focal", focal_gamma=2.0)
    terms = loss.terms(outputs, torch.tensor([0, 0]))
    expected = [0.1**2 * -math.log(0.9), 0.8**2 * -math.log(0.2)]
    assert terms.tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("target", "plain"), [(CLASSES, "cross-entropy"), (LABELS, "bce")])
def test_focal_loss_without_focus_is_the_plain_one(target, plain):
    outputs, truth = random_batch(target)
    shared = {"target": target, "smoothing": 0.1, "class_weights": WEIGHTS}
    focal = TargetLoss(name="focal", focal_gamma=0.0, **shared).terms(outputs, truth)
    expected = TargetLoss(name=plain, **shared).terms(outputs, truth)
    torch.testing.assert_close(focal, expected, rtol=0, atol=0)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_focal_loss_of_labels_is_torchvisions(gamma):
    outputs, truth = random_batch(LABELS)
    loss = TargetLoss(target=LABELS, name="focal", focal_gamma=gamma)
    expected = sigmoid_focal_loss(outputs, truth.float(), alpha=-1, gamma=gamma, reduction="mean")
    # torchvision takes 1 - p where we take expm1: float32 rounds them differently.
    torch.testing.assert_close(mean_loss(loss, outputs, truth), expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_bce_is_torchs_with_the_weights_of_positives(weights):
    outputs, truth = random_batch(LABELS)
    loss = TargetLoss(target=LABELS, name="bce", class_weights=weights)
    expected = F.binary_cross_entropy_with_logits(outputs, truth.float(), pos_weight=weights)
    torch.testing.assert_close(mean_loss(loss, outputs, truth), expected, rtol=1e-6, atol=0)


def test_smoothing_moves_labels_towards_a_half():
    outputs, truth = random_batch(LABELS)
    loss = TargetLoss(target=LABELS, name="bce", smoothing=0.2)
    moved = torch.where(truth == 1, 0.9, 0.1)
    expected = F.binary_cross_entropy_with_logits(outputs, moved)
    torch.testing.assert_close(mean_loss(loss, outputs, truth), expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("name", "torchs"),
    [
        ("mse", F.mse_loss),
        ("l1", F.l1_loss),
        ("huber", lambda a, b: F.huber_loss(a, b, delta=0.7)),
    ],
)
def test_values_are_compared_in_standard_deviations(name, torchs):
    outputs, truth = random_batch(VALUES)
    std = torch.tensor(VALUES.std)
    loss = TargetLoss(target=VALUES, name=name, huber_delta=0.7)
    expected = torchs(outputs / std, truth.float() / std)
    torch.testing.assert_close(mean_loss(loss, outputs, truth), expected, rtol=1e-5, atol=0)


def test_errors_of_large_numbers_are_not_rounded_away():
    target = ValueTarget(name="year", columns=("year",), mean=(2000.0,), std=(0.001,))
    outputs, truth = torch.tensor([[2000.0]]), torch.tensor([[2000.0009765625]])
    loss = TargetLoss(target=target, name="l1")
    # Divided first, both would be rounded to a fifth of the deviation.
    assert loss.terms(outputs, truth).item() == pytest.approx(0.9765625, rel=1e-6)


@pytest.mark.parametrize(("target", "name"), ALL)
def test_a_missing_row_has_neither_loss_nor_gradient(target, name):
    outputs, truth = random_batch(target)
    truth[2] = hole_for(target)
    loss = TargetLoss(target=target, name=name, smoothing=0.1)
    spoilt = outputs.detach().clone()
    spoilt[2] = torch.tensor([math.nan, math.inf, -math.inf])[: target.num_outputs]
    spoilt.requires_grad_()
    terms = loss.terms(spoilt, truth)
    terms.sum().backward()
    assert terms[2] == 0
    assert loss.weights(truth)[2] == 0
    assert spoilt.grad[2].tolist() == [0.0] * target.num_outputs
    kept = torch.arange(len(outputs)) != 2
    torch.testing.assert_close(
        mean_loss(loss, spoilt, truth),
        mean_loss(loss, outputs[kept], truth[kept]),
        rtol=1e-6,
        atol=0,
    )
    assert spoilt.grad[kept].isfinite().all()
    assert (spoilt.grad[kept] != 0).any(dim=1).all()


@pytest.mark.parametrize(("target", "name"), [pair for pair in ALL if pair[0] is not CLASSES])
def test_a_missing_cell_has_neither_loss_nor_gradient(target, name):
    outputs, truth = random_batch(target)
    truth[2, 1] = hole_for(target)
    loss = TargetLoss(target=target, name=name)
    loss.terms(outputs, truth).sum().backward()
    assert outputs.grad[2, 1] == 0
    assert outputs.grad[2, 0] != 0
    known = target.num_outputs - 1
    assert loss.weights(truth)[2].item() == pytest.approx(known / target.num_outputs)


@pytest.mark.parametrize(("target", "name"), ALL)
def test_a_batch_without_a_truth_has_no_loss(target, name):
    outputs, truth = random_batch(target)
    truth[:] = hole_for(target)
    loss = TargetLoss(target=target, name=name)
    terms = loss.terms(outputs, truth)
    terms.sum().backward()
    assert terms.tolist() == [0.0] * len(truth)
    assert loss.weights(truth).sum() == 0
    assert outputs.grad.abs().max() == 0


@pytest.mark.parametrize(("target", "name"), ALL)
def test_an_empty_batch_has_no_loss(target, name):
    outputs, truth = random_batch(target, rows=0)
    loss = TargetLoss(target=target, name=name)
    assert loss.terms(outputs, truth).shape == loss.weights(truth).shape == (0,)


@pytest.mark.parametrize(("target", "name"), ALL)
def test_a_batch_in_parts_has_the_same_gradient(target, name):
    outputs, truth = random_batch(target)
    truth[::3] = hole_for(target)
    weights = None if target is VALUES else WEIGHTS
    loss = TargetLoss(target=target, name=name, class_weights=weights)
    mean_loss(loss, outputs, truth).backward()
    whole, outputs.grad = outputs.grad, None
    divisor = loss.weights(truth).sum()
    for part in (slice(0, 1), slice(1, 6), slice(6, 8)):
        (loss.terms(outputs[part], truth[part]).sum() / divisor).backward()
    torch.testing.assert_close(outputs.grad, whole, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("target", "name"), ALL)
def test_the_weight_scales_the_terms_and_not_the_divisor(target, name):
    outputs, truth = random_batch(target)
    once, twice = (TargetLoss(target=target, name=name, weight=w) for w in (1.0, 2.0))
    torch.testing.assert_close(
        twice.terms(outputs, truth), 2 * once.terms(outputs, truth), rtol=0, atol=0
    )
    torch.testing.assert_close(once.weights(truth), twice.weights(truth), rtol=0, atol=0)


def test_a_row_of_a_class_counts_its_weight():
    loss = TargetLoss(target=CLASSES, name="cross-entropy", class_weights=WEIGHTS)
    assert loss.weights(torch.tensor([2, -1, 0])).tolist() == [3.0, 0.0, 0.5]


@pytest.mark.parametrize(("target", "name"), ALL)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_losses_of_half_precision_are_computed_in_float32(target, name, dtype):
    outputs, truth = random_batch(target)
    half = outputs.detach().to(dtype)
    loss = TargetLoss(target=target, name=name)
    terms = loss.terms(half, truth)
    assert terms.dtype == loss.weights(truth).dtype == torch.float32
    torch.testing.assert_close(terms, loss.terms(half.float(), truth), rtol=0, atol=0)


@pytest.mark.parametrize("target", [CLASSES, LABELS])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("scale", [1e4, 1e30])
def test_huge_logits_have_finite_focal_gradients(target, gamma, scale):
    truth = random_batch(target)[1]
    logits = (torch.eye(3).repeat(3, 1)[:8] * 2 - 1) * scale
    logits.requires_grad_()
    loss = TargetLoss(target=target, name="focal", focal_gamma=gamma)
    terms = loss.terms(logits, truth)
    terms.sum().backward()
    assert terms.isfinite().all()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize(("target", "name"), ALL)
def test_gradients_agree_with_finite_differences(target, name):
    outputs, truth = random_batch(target)
    loss = TargetLoss(target=target, name=name, smoothing=0.1, focal_gamma=1.5)
    terms = loss.terms(outputs, truth)
    (gradient,) = torch.autograd.grad(terms.sum(), outputs)
    step = 1e-2
    with torch.no_grad():
        moved = [loss.terms(outputs + sign * step * gradient, truth).sum() for sign in (1, -1)]
    slope = (moved[0] - moved[1]) / (2 * step)
    # Along the gradient the slope is its squared length, up to the step's square and, at most
    # one row wide, the corners of l1 and Huber.
    torch.testing.assert_close(slope, gradient.square().sum(), rtol=0.05, atol=0)
