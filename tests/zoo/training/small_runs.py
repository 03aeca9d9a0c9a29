"""Runs of a few steps: tiny networks with random weights on a few pictures of 32 px."""

import json
import signal
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zoo.backbones.find import find_backbone
from zoo.data.dataset import Dataset, make_samples
from zoo.errors import RunInterruptedError
from zoo.progress import Silence
from zoo.recipes import Augment, DescendPhase, Recipe, SolvePhase
from zoo.registry import Backbone
from zoo.registry.files import built_in_registry
from zoo.run import Run
from zoo.targets import LabelsTarget, ValueTarget
from zoo.training.carry_out import _config_of, build_planned
from zoo.training.context import Training
from zoo.training.interruption import StopFlag
from zoo.training.loop import run_phases
from zoo.training.plan import Plan, Settings, adapt_recipe
from zoo.training.processes import join_processes

RESNET = "timm/test_resnet.r160_in1k"
"""Half a million parameters in a stem and four stages, with BatchNorm."""
VIT = "timm/test_vit.r160_in1k"
"""As many in a stem and six blocks, with LayerNorm."""
SIZE = 32

SOLVE = SolvePhase(strengths=(0.1, 0.01), folds=2)
DESCEND = DescendPhase(train="all", epochs=2, lr=1e-3)
PLAIN = Augment(crop_scale=None, flip=0.0)
"""Training images are what evaluation sees."""


@cache
def entry(name: str) -> Backbone:
    """Look a backbone up."""
    return find_backbone(name, built_in_registry()).backbone


def recipe_of(*phases, **fields) -> Recipe:
    """Make a recipe of phases, six images a step."""
    return Recipe(**{"name": "small", "summary": "", "phases": phases, "batch_size": 6} | fields)


def plan_of(recipe: Recipe, dataset, network: str = RESNET, size: int = SIZE, **fields) -> Plan:
    """Plan a run on the CPU, without a pixel store."""
    backbone = entry(network)
    return Plan(
        backbone=backbone,
        recipe=adapt_recipe(recipe, backbone, Settings()),
        preprocess=backbone.preprocess.at_size(size).crop_by(recipe.crop_mode),
        dataset=dataset,
        device=torch.device("cpu"),
        precision=fields.pop("precision", "fp32"),
        workers=fields.pop("workers", 0),
        **fields,
    )


def begin(plan: Plan, folder: Path, progress=None) -> Training:
    """Stand where `carry_out` stands before its phases, in a new or an interrupted run."""
    folder.mkdir(parents=True, exist_ok=True)
    return Training(
        run=Run(folder),
        plan=plan,
        network=build_planned(plan),
        config=_config_of(plan),
        processes=join_processes("cpu", plan.precision),
        progress=progress or Silence(),
        stop=StopFlag(),
    )


def train(plan: Plan, folder: Path, progress=None) -> Training:
    """Go through all phases of a run, or through what an interruption left of them."""
    training = begin(plan, folder, progress)
    run_phases(training)
    return training


class StopAfter(Silence):
    """A listener that asks to stop while a certain training step is under way."""

    def __init__(self, stop: StopFlag, step: int) -> None:
        self.stop, self.left, self.descends = stop, step, False

    def start(self, task, total):
        self.descends = task.startswith("epoch")
        self._count(0)

    def advance(self, count, figures=""):
        self._count(1)

    def _count(self, steps: int) -> None:
        self.left -= steps * self.descends
        if self.left == 1 and self.descends:
            self.stop.signal = signal.SIGTERM


def interrupt(plan: Plan, folder: Path, step: int) -> None:
    """Stop a run after so many steps of gradient descent, over all its phases."""
    training = begin(plan, folder)
    training.progress = StopAfter(training.stop, step)
    try:
        run_phases(training)
    except RunInterruptedError:
        return
    raise AssertionError(f"the run ended before step {step}")


class Heard(Silence):
    """A listener that remembers the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def state(network: nn.Module) -> dict[str, Tensor]:
    """Copy all tensors of a network."""
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def changed(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> set[str]:
    """Name the tensors that are not the same, bit for bit."""
    assert set(before) == set(after)
    return {name for name in before if not torch.equal(before[name], after[name])}


def log_of(run: Run) -> list[dict[str, Any]]:
    """Read the lines of a run's log."""
    return [json.loads(line) for line in run.metrics_log.read_text().splitlines()]


def with_descent(recipe: Recipe, **fields) -> Recipe:
    """Change fields of the last phase."""
    *others, last = recipe.phases
    return replace(recipe, phases=(*others, replace(last, **fields)))


def three_targets(few: Dataset) -> Dataset:
    """Classes, labels and values of the same pictures, each with gaps."""
    kind, splits = few.targets[0], {}
    for split, samples in few.splits.items():
        classes = samples.truths["label"]
        rows = np.arange(len(samples))
        tags = np.stack([classes == 0, classes != 2], axis=1).astype(np.int8)
        value = 1000.0 + 50.0 * classes + rows % 3
        gap = rows % 5
        splits[split] = make_samples(
            samples.root,
            [str(file) for file in samples.files],
            {
                "label": np.where(gap == 0, -1, classes),
                "tags": np.where((gap == 1)[:, None], np.int8(-1), tags),
                "size": np.where(gap == 2, np.nan, value)[:, None],
            },
        )
    known = splits["train"].truths["size"][:, 0]
    size = ValueTarget.fit("size", [None if np.isnan(v) else v for v in known])
    tags = LabelsTarget(name="tags", classes=("checked", "patterned"))
    return Dataset(root=few.root, targets=(kind, tags, size), splits=splits)
