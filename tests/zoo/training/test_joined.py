from dataclasses import replace

import numpy as np
import torch
from timm.layers import BatchNormAct2d
from torch import nn

from tests.zoo.training.small_runs import begin, plan_of, recipe_of, state
from zoo.recipes import DescendPhase
from zoo.training.joined import has_idle_parameters, may_rest, synchronise_batch_norm
from zoo.training.objective import build_objective

PHASE = DescendPhase(train="all", epochs=1, lr=1e-3)


def test_synchronised_layers_keep_names_tensors_and_what_timm_puts_behind_them():
    body = nn.Sequential(nn.Conv2d(3, 4, 1), BatchNormAct2d(4), nn.BatchNorm2d(4))
    before, image = state(body), torch.randn(2, 3, 5, 5)
    expected = body.eval()(image)
    synchronised = synchronise_batch_norm(body)
    assert [type(part).__name__ for part in synchronised[1:]] == [
        "SyncBatchNormAct",
        "SyncBatchNorm",
    ]
    torch.testing.assert_close(state(synchronised), before, rtol=0, atol=0)
    torch.testing.assert_close(synchronised(image), expected, rtol=0, atol=0)


def test_parameters_without_a_part_in_the_outputs_are_found(few, tmp_path):
    training = begin(plan_of(recipe_of(PHASE), few), tmp_path)
    training.network.eval()
    assert not has_idle_parameters(training.network, training.plan)
    training.network.body.idle = nn.Linear(2, 2)
    assert has_idle_parameters(training.network, training.plan)


def test_a_target_rests_only_where_its_weight_is_learnt_and_truths_are_missing(few):
    (target,) = few.targets
    targets = (target, replace(target, name="other"))
    truths = {name.name: few.train.truths[target.name] for name in targets}
    whole = replace(few.train, truths=truths)
    partly = replace(few.train, truths=truths | {"other": np.full(len(whole), -1)})
    learnt = build_objective(recipe_of(PHASE, weighting="uncertainty"), targets, whole)
    fixed = build_objective(recipe_of(PHASE), targets, whole)
    assert may_rest(learnt, partly)
    assert not may_rest(learnt, whole)
    assert not may_rest(fixed, partly)
