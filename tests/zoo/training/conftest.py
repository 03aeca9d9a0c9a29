"""A small plan that trains in seconds."""

import pytest
import torch

from zoo.backbones.network import build_network
from zoo.data.folder import open_dataset
from zoo.model import ClassTarget, ModelConfig
from zoo.progress import Silence
from zoo.recipes import DescendPhase, Recipe, SolvePhase
from zoo.run import Run
from zoo.training.context import Training
from zoo.training.interruption import StopFlag
from zoo.training.plan import Plan

RECIPE = Recipe(
    name="small",
    summary="Two phases of a few steps",
    phases=(
        SolvePhase(strengths=(0.1, 0.01)),
        DescendPhase(train="all", epochs=2, lr=1e-3, layer_decay=0.8, warmup=0.2),
    ),
    batch_size=6,
)


@pytest.fixture
def plan(photos, backbone):
    return Plan(
        backbone=backbone,
        recipe=RECIPE,
        preprocess=backbone.preprocess.at_size(32),
        dataset=open_dataset(photos),
        device=torch.device("cpu"),
        precision="fp32",
        workers=0,
    )


@pytest.fixture
def training(plan, tmp_path):
    """A run that has not begun, with random weights."""
    (tmp_path / "run").mkdir()
    config = ModelConfig(
        backbone=plan.backbone,
        preprocess=plan.preprocess,
        target=ClassTarget(classes=plan.dataset.classes),
        data_fingerprint=plan.dataset.fingerprint,
        recipe=plan.recipe.name,
        pretrained=False,
        zoo_version="0",
    )
    return Training(
        run=Run(tmp_path / "run"),
        plan=plan,
        network=build_network(plan.backbone, 3),
        config=config,
        progress=Silence(),
        stop=StopFlag(),
    )
