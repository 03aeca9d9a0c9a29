import math

import numpy as np
import pytest
import torch

from export.parity import Tolerance
from export.programs import Candidate, Reference
from export.same_scores import compare_scores
from export.samples import Inputs
from export.tolerances import BlockTolerance
from tests.export.small_models import AGE, KIND, POSE, TAGS
from zoo.data.dataset import make_samples

BOUND = 0.1
NUM = 40


def tolerances(target):
    blocks = target.num_outputs if target.kind == "value" else 1
    scale = target.std if target.kind == "value" else (1.0,)
    return [
        BlockTolerance(
            real=Tolerance(noise_floor=0.0, bound=BOUND * scale[at], spread=1.0),
            edges=(Tolerance(noise_floor=1.0, bound=1e3, spread=1e6),),
        )
        for at in range(blocks)
    ]


def make_up(target, seed=0, known=0.8):
    """Outputs that are right more often than not, and truths of which some are missing."""
    rng = np.random.default_rng(seed)
    outputs = rng.normal(size=(NUM, target.num_outputs))
    missing = rng.random((NUM, target.num_outputs)) > known
    near = outputs + rng.normal(size=outputs.shape) / 2
    if target.kind == "class":
        truth = np.where(missing[:, 0], -1, near.argmax(axis=1))
    elif target.kind == "labels":
        truth = np.where(missing, -1, near > 0).astype(np.int8)
    else:
        truth = np.where(missing, np.nan, near)
        outputs, truth = (column * target.std + target.mean for column in (outputs, truth))
    return torch.tensor(outputs, dtype=torch.float32), truth


def score(target, ours, theirs, truth, recorded=None):
    """Run level 3 on outputs for one edge input and the samples."""
    edge = torch.zeros(1, target.num_outputs)
    ours, theirs = ({target.name: torch.cat([found, edge])} for found in (ours, theirs))
    names = [*(f"{at}.png" for at in range(NUM)), "(black)"]
    return compare_scores(
        [target],
        Inputs(torch.empty(NUM + 1, 0), names, NUM),
        Reference(ours, ours),
        Candidate(theirs, {}, {}),
        {target.name: tolerances(target)},
        make_samples("/", [f"{at}.png" for at in range(NUM)], {target.name: truth}),
        recorded,
    )


KINDS = pytest.mark.parametrize("target", [KIND, TAGS, AGE, POSE], ids=lambda t: t.name)


@KINDS
@pytest.mark.parametrize("seed", range(10))
def test_whoever_is_within_the_bound_scores_within_the_limits(target, seed):
    ours, truth = make_up(target, seed)
    scale = torch.tensor(target.std if target.kind == "value" else 1.0)
    noise = 2 * torch.rand(ours.shape, generator=torch.Generator().manual_seed(seed)) - 1
    level = score(target, ours, ours + noise * BOUND * scale, truth)
    assert level.verdict == "pass"
    assert level.least <= level.metric_torch <= level.most
    assert level.least < level.most


@KINDS
def test_the_limits_are_reached_by_moving_towards_the_truth_and_away(target):
    ours, truth = make_up(target)
    metric, values = ("mae" if target is AGE else "r2"), target.kind == "value"
    level = score(target, ours, ours, truth)
    known = torch.from_numpy(truth)
    if values:
        reach = BOUND * torch.tensor(target.std)
        gap = known - ours
        best = torch.where(gap.abs() < reach, known, ours + gap.sign() * reach).nan_to_num()
        limit = level.least if metric == "mae" else level.most
    else:
        right = (
            torch.arange(target.num_outputs) == known[:, None]
            if target.kind == "class"
            else known == 1
        )
        best, limit = ours + BOUND * (2.0 * right - 1), level.most
    found = score(target, ours, best.float(), truth).metric_onnx
    # Float32 rounds what was moved; nothing else parts the two.
    assert found == pytest.approx(limit, rel=1e-4, abs=1e-6)


@KINDS
def test_another_networks_answers_fail(target):
    ours, truth = make_up(target)
    theirs, _ = make_up(target, seed=1)
    assert score(target, ours, theirs, truth).verdict == "fail"


@KINDS
@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_answers_that_are_no_numbers_fail(target, poison):
    ours, truth = make_up(target)
    theirs = ours.clone()
    theirs[3, 0] = poison
    level = score(target, ours, theirs, truth)
    assert level.verdict == "fail"
    assert math.isnan(level.metric_onnx)


@KINDS
def test_what_training_recorded_must_be_within_the_limits_too(target):
    ours, truth = make_up(target)
    right = target.score(ours, torch.from_numpy(truth))
    wrong = target.score(make_up(target, seed=1)[0], torch.from_numpy(truth))
    assert score(target, ours, ours, truth, right).verdict == "pass"
    assert score(target, ours, ours, truth, wrong).verdict == "fail"


@KINDS
def test_where_nothing_is_known_there_is_no_score_to_differ(target):
    ours, truth = make_up(target, known=0)
    level = score(target, ours, ours, truth)
    assert level.num_samples == level.ties == 0
    assert math.isnan(level.metric_torch)
    assert level.verdict == "pass"
    assert score(target, ours, ours * math.nan, truth).verdict == "fail"


def test_ties_are_counted_among_the_images_that_count():
    ours, truth = torch.zeros(NUM, 3), np.full(NUM, 1)
    truth[:10] = -1
    assert score(KIND, ours, ours, truth).ties == NUM - 10
