from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from zoo.recipes import DescendPhase
from zoo.training.schedules import cycled_momentum, learning_rate_factor, set_learning_rates

PHASE = DescendPhase(train="all", epochs=1, lr=1.0)
STEPS = 200


def factors(total=STEPS, **changes):
    phase = replace(PHASE, **changes)
    return [learning_rate_factor(phase, step, total) for step in range(total)]


def test_the_rate_rises_to_its_peak_and_falls_to_zero_along_a_cosine():
    rates = factors(100, warmup=0.1)
    assert rates[:10] == sorted(rates[:10])
    assert rates[10] == max(rates) == 1.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[-1] < 0.001
    assert rates[55] == pytest.approx(0.5, abs=1e-12)  # half of the 90 steps after the warm-up


def test_linear_falls_by_the_same_amount_each_step():
    rates = factors(100, schedule="linear", warmup=0.2)
    falls = [before - after for before, after in pairwise(rates[20:])]
    assert falls == pytest.approx([1 / 80] * 79, rel=1e-9)  # rounding of the differences


def test_a_warm_up_of_a_tenth_and_a_line_is_the_slanted_triangle_of_ulmfit():
    """arXiv:1801.06146, equation 3, with its cut_frac = 0.1 and ratio = 32.

    Its rates end at 1/32 of the peak where ours end at zero: nowhere further apart than that.
    """
    total, fraction, ratio = 1000, 0.1, 32
    cut = int(total * fraction)
    theirs = [
        (1 + (t / cut if t < cut else 1 - (t - cut) / (cut * (1 / fraction - 1))) * (ratio - 1))
        / ratio
        for t in range(total)
    ]
    ours = factors(total, schedule="linear", warmup=fraction)
    assert ours.index(max(ours)) == theirs.index(max(theirs)) == cut
    assert max(abs(a - b) for a, b in zip(ours, theirs, strict=True)) <= 1 / ratio


@pytest.mark.parametrize("total", [11, 37, STEPS])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.25, 0.5, 0.9])
def test_one_cycle_is_that_of_torch_step_by_step(total, warmup):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=1.0, total_steps=total, pct_start=warmup or 0.3
    )
    phase = replace(PHASE, schedule="one-cycle", warmup=warmup)
    for step in range(total):
        group = optimizer.param_groups[0]
        # The same operations in another order: a few roundings of float64.
        factor = learning_rate_factor(phase, step, total)
        assert factor == pytest.approx(group["lr"], rel=1e-9)
        momentum = cycled_momentum(phase, step, total)
        assert momentum == pytest.approx(group["momentum"], rel=1e-9)
        optimizer.step()
        if step + 1 < total:
            schedule.step()


@pytest.mark.parametrize(
    ("total", "warmup", "expected"),
    [
        (1, 0.0, [1.0]),
        (1, 0.999, [1.0]),
        (2, 0.0, [1.0, 0.0]),
        (2, 0.999, [1.0, 0.0]),
        (3, 0.0, [1.0, 0.5, 0.0]),
        (3, 0.9, [0.04, 1.0, 0.0]),
    ],
)
def test_the_shortest_cycles_reach_their_peak(total, warmup, expected):
    rates = factors(total, schedule="one-cycle", warmup=warmup)
    # What a cycle ends at is 4e-6 of its peak, not zero.
    assert rates == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("warmup", [0.0, 0.01, 0.3, 0.5, 0.75, 0.99])
def test_a_cycle_of_any_length_comes_near_to_its_peak(warmup):
    """Its peak may lie between two steps: half a step from one of them, and no further."""
    for total in range(1, 40):
        phase = replace(PHASE, schedule="one-cycle", warmup=warmup)
        assert max(factors(total, schedule="one-cycle", warmup=warmup)) >= 0.7
        low = min(cycled_momentum(phase, step, total) for step in range(total))
        assert 0.85 <= low <= 0.88


def test_steps_fall_by_the_factor_at_their_parts():
    rates = factors(30, schedule="step", step_at=(0.5, 0.9), step_factor=0.1)
    assert rates == pytest.approx([1.0] * 15 + [0.1] * 12 + [0.01] * 3, rel=1e-12)


def test_a_constant_rate_still_warms_up():
    assert factors(10, schedule="constant", warmup=0.2) == pytest.approx([1 / 3, 2 / 3] + [1.0] * 8)


@pytest.mark.parametrize("schedule", ["cosine", "linear", "one-cycle", "step", "constant"])
@pytest.mark.parametrize("warmup", [0.0, 0.3, 0.5, 0.999])
@pytest.mark.parametrize("total", [1, 2, 7])
def test_every_step_of_the_shortest_phases_has_a_rate(schedule, warmup, total):
    assert all(0 < f <= 1 for f in factors(total, schedule=schedule, warmup=warmup))


def test_groups_keep_their_own_peaks():
    groups = [{"params": [torch.zeros(1)], "peak_lr": peak} for peak in (2.0, 0.5)]
    optimizer = torch.optim.SGD(groups, lr=1.0, momentum=0.9)
    set_learning_rates(optimizer, PHASE, STEPS // 2, STEPS)
    assert [g["lr"] for g in optimizer.param_groups] == pytest.approx([1.0, 0.25], rel=1e-12)
    assert optimizer.param_groups[0]["momentum"] == 0.9


def test_one_cycle_moves_the_first_beta_and_no_momentum_where_there_is_none():
    phase = replace(PHASE, schedule="one-cycle", warmup=0.5)
    parameters = [{"params": [torch.zeros(1)], "peak_lr": 1.0}]
    adam = torch.optim.Adam([dict(g) for g in parameters], betas=(0.9, 0.98))
    plain = torch.optim.SGD([dict(g) for g in parameters], momentum=0.0)
    for optimizer in (adam, plain):
        set_learning_rates(optimizer, phase, 0, STEPS)
    assert adam.param_groups[0]["betas"] == pytest.approx((0.95, 0.98), abs=1e-9)
    assert plain.param_groups[0]["momentum"] == 0.0
