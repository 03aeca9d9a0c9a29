from dataclasses import replace

import pytest

from tests.zoo.training.small_runs import (
    DESCEND,
    RESNET,
    VIT,
    Heard,
    begin,
    plan_of,
    recipe_of,
    train,
)
from zoo.recipes import AfterFrozen, Lora, TopStages
from zoo.training.descent import Descent
from zoo.training.summary import render_summary, summarise

PHASES = {
    "all": (RESNET, DESCEND),
    "head": (RESNET, replace(DESCEND, train="head", head_lr=0.01)),
    "top two, decayed": (RESNET, replace(DESCEND, train=TopStages(top=2), layer_decay=0.5)),
    "named": (VIT, replace(DESCEND, train=("block2", "block5"))),
    "after frozen": (VIT, replace(DESCEND, train=AfterFrozen(freeze=3))),
    "adapt": (RESNET, replace(DESCEND, train=TopStages(top=2), batch_norm="adapt")),
    "biases": (VIT, replace(DESCEND, parameters="biases")),
    "norms": (RESNET, replace(DESCEND, parameters="norms")),
    "lora": (VIT, replace(DESCEND, train=TopStages(top=3), lora=Lora(rank=4))),
}


@pytest.fixture(params=list(PHASES))
def descent(request, few, tmp_path):
    """A phase that is about to take its first step."""
    network, phase = PHASES[request.param]
    training = begin(plan_of(recipe_of(phase), few, network), tmp_path / "run")
    descent = Descent(training, 0, training.plan.recipe.phases[0])
    descent._arrange(None)
    training.network.train()
    return descent


def test_the_summary_says_what_the_optimiser_moves(descent):
    network, optimizer = descent.training.network, descent.optimizer
    in_optimizer = {
        id(p): group["peak_lr"] for group in optimizer.param_groups for p in group["params"]
    }
    by_name = dict(network.named_parameters())
    owners = {
        stage: tuple(f"body.{path}" for path in paths)
        for stage, paths in network.backbone.stages.items()
    } | {"head": ("_heads",)}
    summary = {stage.name: stage for stage in summarise(network, optimizer)}
    assert list(summary) == list(owners)
    for stage, paths in owners.items():
        mine = [
            p for n, p in by_name.items() if any(n == at or n.startswith(f"{at}.") for at in paths)
        ]
        trained = [p for p in mine if p.requires_grad]
        assert all(id(p) in in_optimizer for p in trained)
        assert summary[stage].num_params == sum(p.numel() for p in mine)
        assert summary[stage].num_trained == sum(p.numel() for p in trained)
        rates = {in_optimizer[id(p)] for p in trained}
        assert {summary[stage].lr} == (rates or {None})
    assert sum(s.num_params for s in summary.values()) == sum(p.numel() for p in by_name.values())
    assert sum(s.num_trained for s in summary.values()) == sum(
        p.numel() for group in optimizer.param_groups for p in group["params"]
    )


def test_the_summary_says_which_running_statistics_move(few, tmp_path):
    phase = PHASES["adapt"][1]
    training = begin(plan_of(recipe_of(phase), few), tmp_path / "run")
    descent = Descent(training, 0, phase)
    descent._arrange(None)
    training.network.train()
    found = {s.name: s.batch_norm for s in summarise(training.network, descent.optimizer)}
    assert found == {
        "stem": "frozen",
        "stage1": "frozen",
        "stage2": "frozen",
        "stage3": "adapt",
        "stage4": "adapt",
        "head": "",
    }


def test_a_run_says_stage_by_stage_what_it_trains(few, tmp_path):
    heard = Heard()
    phase = replace(DESCEND, train=TopStages(top=1), head_lr=0.002, epochs=1)
    train(plan_of(recipe_of(phase), few), tmp_path / "run", heard)
    assert heard.notes[:8] == [
        "phase 1 of 1: adamw, cosine schedule, 3 steps of 6 images",
        "  stage   parameters  trains   peak lr  BatchNorm",
        "  stem         7,472  frozen            frozen",
        "  stage1      18,560  frozen            frozen",
        "  stage2      36,384  frozen            frozen",
        "  stage3      42,432  frozen            frozen",
        "  stage4     267,840     all  1.00e-03  frozen",
        "  head           291     all  2.00e-03",
    ]


def test_a_part_of_a_stage_is_said_in_numbers(few, tmp_path):
    training = begin(plan_of(recipe_of(PHASES["norms"][1]), few), tmp_path / "run")
    descent = Descent(training, 0, PHASES["norms"][1])
    descent._arrange(None)
    lines = render_summary(summarise(training.network, descent.optimizer))
    # Two BatchNorm layers of 16 and 32 channels, scale and shift each, in the stem.
    assert lines[1].split()[:3] == ["stem", "7,472", "128"]
