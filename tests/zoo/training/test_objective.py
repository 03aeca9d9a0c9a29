import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.zoo.training.small_runs import SOLVE, recipe_of
from tests.zoo.training.transfers import Copies, NumbersOnCPU
from zoo.data.dataset import make_samples
from zoo.errors import RecipeError
from zoo.targets import ClassTarget, LabelsTarget, ValueTarget
from zoo.training.objective import build_objective

KIND = ClassTarget(name="kind", classes=("a", "b", "c"))
TAGS = LabelsTarget(name="tags", classes=("x", "y"))
SIZE = ValueTarget(name="size", columns=("size",), mean=(10.0,), std=(4.0,))
RECIPE = recipe_of(SOLVE)
CPU, META = torch.device("cpu"), torch.device("meta")

OUTPUTS = {
    "kind": torch.tensor([[2.0, 0.0, 1.0], [0.0, 1.0, 0.5], [1.0, 1.0, 3.0], [0.2, 0.0, 0.0]]),
    "tags": torch.tensor([[1.0, -1.0], [0.0, 2.0], [3.0, 0.5], [-1.0, -2.0]]),
    "size": torch.tensor([[12.0], [8.0], [10.0], [20.0]]),
}
TRUTHS = {
    "kind": torch.tensor([0, 1, -1, 2]),
    "tags": torch.tensor([[1, 0], [1, -1], [-1, -1], [0, 0]], dtype=torch.int8),
    "size": torch.tensor([[10.0], [math.nan], [14.0], [16.0]], dtype=torch.float64),
}


def build(*targets, **fields):
    names = [target.name for target in targets]
    train = make_samples(None, ["f"] * 4, {name: TRUTHS[name].numpy() for name in names})
    return build_objective(replace(RECIPE, **fields), targets, train)


def loss_of(objective, rows=slice(None), whole=slice(None), **more):
    names = list(objective.losses)
    truths = {name: TRUTHS[name] for name in names}
    divisors = objective.count({name: truths[name][whole] for name in names}, CPU)
    return objective(
        {name: OUTPUTS[name][rows] for name in names},
        {name: truth[rows] for name, truth in truths.items()},
        divisors,
        **more,
    )


def test_the_loss_is_the_mean_over_rows_whose_class_is_known():
    known = [0, 1, 3]
    expected = F.cross_entropy(OUTPUTS["kind"][known], TRUTHS["kind"][known])
    torch.testing.assert_close(loss_of(build(KIND)), expected, rtol=1e-6, atol=0)


def test_several_targets_are_added_up_and_weighed():
    cells = torch.tensor([[True, True], [True, False], [False, False], [True, True]])
    tags = F.binary_cross_entropy_with_logits(OUTPUTS["tags"][cells], TRUTHS["tags"][cells].float())
    size = torch.tensor([2.0, -4.0, 4.0]).div(4).square().mean()
    alone = loss_of(build(KIND))
    total = loss_of(build(KIND, TAGS, SIZE, target_weights={"tags": 3.0, "kind": 0.0}))
    torch.testing.assert_close(total, 3 * tags + size, rtol=1e-6, atol=0)
    total = loss_of(build(KIND, TAGS, SIZE))
    torch.testing.assert_close(total, alone + tags + size, rtol=1e-6, atol=0)


@pytest.mark.parametrize("weighting", ["fixed", "uncertainty"])
def test_parts_of_a_step_add_up_to_the_step_however_it_is_cut(weighting):
    objective = build(KIND, TAGS, SIZE, weighting=weighting, class_weights="balanced")
    if objective.weights is not None:
        torch.nn.init.constant_(objective.weights.log_variances, 0.7)
    whole = loss_of(objective)
    for cut in (1, 2, 3):
        rows = (slice(0, cut), slice(cut, None))
        shares = (cut / 4, 1 - cut / 4)
        parts = [loss_of(objective, r, share=s) for r, s in zip(rows, shares, strict=True)]
        torch.testing.assert_close(sum(parts), whole, rtol=1e-6, atol=0)


def test_mixed_images_have_the_mixed_loss_of_both_truths():
    partner = torch.tensor([1, 0, 3, 2])
    complete = {"kind": torch.tensor([0, 1, 2, 2])}
    objective, outputs = build(KIND), {"kind": OUTPUTS["kind"]}
    mixed = objective(outputs, complete, {"kind": torch.tensor(4.0)}, partner=partner, part=0.7)
    logits, truth = OUTPUTS["kind"], complete["kind"]
    expected = 0.7 * F.cross_entropy(logits, truth) + 0.3 * F.cross_entropy(logits, truth[partner])
    torch.testing.assert_close(mixed, expected, rtol=1e-6, atol=0)


def test_label_smoothing_is_torchs():
    known = [0, 1, 3]
    logits, truth = OUTPUTS["kind"][known], TRUTHS["kind"][known]
    expected = F.cross_entropy(logits, truth, label_smoothing=0.1)
    found = loss_of(build(KIND, label_smoothing=0.1))
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


def test_balanced_class_weights_are_scikit_learns_over_the_training_split():
    from sklearn.utils.class_weight import compute_class_weight

    truth = np.array([0] * 6 + [1] * 3 + [2])
    train = make_samples(None, ["f"] * 10, {"kind": truth})
    objective = build_objective(replace(RECIPE, class_weights="balanced"), [KIND], train)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=truth)
    weights = objective.losses["kind"].class_weights.double().numpy()
    np.testing.assert_allclose(weights, expected, rtol=1e-6)
    found = loss_of(objective)
    known = [0, 1, 3]
    theirs = F.cross_entropy(
        OUTPUTS["kind"][known], TRUTHS["kind"][known], weight=torch.tensor(expected).float()
    )
    torch.testing.assert_close(found, theirs, rtol=1e-6, atol=0)


def test_focal_loss_is_the_formula():
    probability = OUTPUTS["kind"].softmax(dim=1)[[0, 1, 3], [0, 1, 2]]
    expected = ((1 - probability) ** 1.5 * -probability.log()).mean()
    found = loss_of(build(KIND, losses={"class": "focal"}, focal_gamma=1.5))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)


def test_a_step_that_knows_nothing_of_a_target_leaves_it_out():
    objective = build(KIND, SIZE)
    truths = {"kind": TRUTHS["kind"], "size": torch.full((4, 1), math.nan, dtype=torch.float64)}
    outputs = {name: OUTPUTS[name].clone().requires_grad_() for name in truths}
    total = objective(outputs, truths, objective.count(truths, CPU))
    total.backward()
    torch.testing.assert_close(total, loss_of(build(KIND)), rtol=1e-6, atol=0)
    assert not outputs["size"].grad.any()


def test_learnt_weights_leave_out_what_a_step_knows_nothing_of():
    objective = build(KIND, SIZE, weighting="uncertainty")
    truths = {"kind": TRUTHS["kind"], "size": torch.full((4, 1), math.nan, dtype=torch.float64)}
    objective(OUTPUTS, truths, objective.count(truths, CPU)).backward()
    kind, size = objective.weights.log_variances.grad.tolist()
    assert kind != 0
    assert size == 0


def test_one_target_alone_has_no_weight_to_learn():
    assert not list(build(KIND, weighting="uncertainty").parameters())


def test_a_loss_for_another_kind_of_target_is_refused():
    with pytest.raises(RecipeError, match="loss 'mse' does not fit target 'kind'"):
        build(KIND, losses={"class": "mse"})


@pytest.mark.parametrize("weighting", ["fixed", "uncertainty"])
@pytest.mark.parametrize(
    "losses", [{}, {"class": "focal", "labels": "focal", "value": "huber"}], ids=str
)
def test_an_accelerator_is_sent_nothing_but_a_steps_truths(losses, weighting):
    """And nothing is asked back: on `meta`, that is an error."""
    changes = {"losses": losses, "weighting": weighting, "class_weights": "balanced"}
    objective = build(KIND, TAGS, SIZE, **changes).to(META)
    outputs = {name: value.to(META).requires_grad_() for name, value in OUTPUTS.items()}
    truths = {name: truth.to(META) for name, truth in TRUTHS.items()}
    with NumbersOnCPU(), Copies() as copies:
        divisors = objective.count(TRUTHS, META)
        objective(outputs, truths, divisors, partner=torch.arange(4, device=META)).backward()
    assert copies.sent == [truth.shape for truth in TRUTHS.values()]


def test_what_a_loss_needs_beside_the_rows_is_no_part_of_a_checkpoint():
    objective = build(KIND, TAGS, SIZE, weighting="uncertainty", class_weights="balanced")
    assert set(objective.state_dict()) == {"weights.log_variances"}
