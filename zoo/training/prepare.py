"""From what a user asked for to a plan: all that must hold before anything is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from zoo.backbones.claims import find_mistakes
from zoo.backbones.entries.describe import plain_name
from zoo.backbones.find import find_backbone
from zoo.backbones.sources import fetch_weights, is_here
from zoo.data.check.leaks import require_no_leaks
from zoo.data.dataset import Truth
from zoo.data.limit import limit_train
from zoo.data.open import open_dataset
from zoo.data.tables.read import is_table
from zoo.errors import BrokenRegistryError
from zoo.hardware import hand_back_freed_memory, resolve_precision, resolve_workers
from zoo.progress import Progress
from zoo.registry import FoundBackbone, Lock, Registry, license_note
from zoo.registry.files import BUILT_IN
from zoo.targets import Target, ValueTarget
from zoo.training.changes import choose_recipe
from zoo.training.fits import require_fit_to_data
from zoo.training.plan import Plan, Settings, adapt_preprocess, adapt_recipe
from zoo.training.sharding import require_shardable


def default_name(backbone: str, data: Path) -> str:
    """Name a run after its backbone and its data."""
    path = data.expanduser().resolve()
    return f"{plain_name(backbone)}-{plain_name(path.stem if is_table(path) else path.name)}"


def prepare(
    name: str,
    data: Path,
    settings: Settings,
    registry: Registry,
    lock: Lock | None,
    progress: Progress,
    device: torch.device,
) -> Plan:
    """Resolve and check everything, from the cheapest to the dearest; nothing is written.

    Args:
        name: What `find_backbone` understands.
        data: The folder of labelled images.
        settings: What the user asked for.
        registry: Where names are looked up.
        lock: Remembers what fetched weights were.
        progress: Hears what was found.
        device: Where it will be computed.

    Raises:
        ZooError: Something does not hold.
    """
    found = find_backbone(name, registry)
    backbone = found.backbone
    _require_truth(found, registry)
    recipe = choose_recipe(settings.recipe, backbone, registry)
    recipe = adapt_recipe(recipe, backbone, settings)
    if settings.shard:
        require_shardable(recipe, compiles=settings.compile)
    preprocess = adapt_preprocess(backbone, settings.img_size).crop_by(recipe.crop_mode)
    precision = resolve_precision(settings.precision, device)
    progress.note(f"reading {data}")
    dataset = open_dataset(data, settings.data, seed=recipe.seed)
    require_fit_to_data(recipe, dataset, settings.recipe_changes)
    findings = require_no_leaks(dataset, allow_leaks=settings.data.allow_leaks, progress=progress)
    dataset = replace(dataset, notes=(*dataset.notes, *findings))
    dataset = limit_train(dataset, settings.limit_train, recipe.seed)
    # Reading a table takes twice what is kept of it.
    hand_back_freed_memory()
    plan = Plan(
        backbone=backbone,
        recipe=recipe,
        preprocess=preprocess,
        dataset=dataset,
        data=data.expanduser().resolve(),
        asked=settings.asked_of_data,
        device=device,
        precision=precision,
        workers=resolve_workers(settings.workers, device),
        auto_batch=settings.auto_batch,
        deterministic=settings.deterministic,
        compile=settings.compile,
        sharded=settings.shard,
        cache=settings.cache,
        reference=found.reference,
        origin=found.origin,
        assumptions=found.assumptions,
    )
    pretrained = settings.pretrained and recipe.weights == "pretrained"
    if pretrained and backbone.weights.source != "none":
        if not is_here(backbone.weights, lock):
            progress.note(f"fetching the weights of {backbone.name}")
        fetched = fetch_weights(backbone.weights, lock)
        if fetched.newly_locked:
            progress.note(
                f"note: first use of {fetched.path.name}; sha256 {fetched.weights.sha256} is "
                f"now in {(lock or Lock.default()).path} and will be checked from now on"
            )
        plan = replace(
            plan,
            backbone=replace(backbone, weights=fetched.weights),
            pretrained=True,
            weights=fetched.path,
        )
    for line in describe_plan(plan):
        progress.note(line)
    return plan


def _require_truth(found: FoundBackbone, registry: Registry) -> None:
    """Rebuild an entry that somebody else wrote; the built-in ones are rebuilt by the suite.

    Raises:
        BrokenRegistryError: What it claims of its network is not so.
    """
    name = found.backbone.name
    is_entry = registry.backbones.get(name) is found.backbone
    if is_entry and (found.origin != BUILT_IN or name in registry.changes):
        mistakes = [f"{name}.{m.field}: {m.text}" for m in find_mistakes(found.backbone)]
        if mistakes:
            raise BrokenRegistryError(found.origin, mistakes)


def describe_plan(plan: Plan) -> list[str]:
    """Say in a few lines what is about to happen."""
    train = plan.dataset.train
    described = (describe_target(t, train.truths[t.name]) for t in plan.dataset.targets)
    counts = ", ".join(f"{len(samples)} {split}" for split, samples in plan.dataset.splits.items())
    lines = [
        f"{'; '.join(described)}; images: {counts}",
        *(f"note: {note}" for note in plan.dataset.notes),
        f"{plan.backbone.name} at {plan.preprocess.size} px, recipe {plan.recipe.name}, "
        f"{plan.device} in {plan.precision}, seed {plan.seed}",
    ]
    lines += [f"note: assumed {assumption}" for assumption in plan.assumptions]
    return [*lines, *(f"note: {warning}" for warning in warnings_of(plan))]


def describe_target(target: Target, truth: Truth) -> str:
    """Say in a few words what is to be learnt of the training rows."""
    if isinstance(target, ValueTarget):
        columns = zip(target.columns, target.mean, target.std, truth.T, strict=True)
        spread = ", ".join(
            f"{column} {mean:.4g} ± {_show_deviation(std, numbers)}"
            for column, mean, std, numbers in columns
        )
        return f"{target.name}: {spread}"
    what = "classes" if target.kind == "class" else "labels"
    return f"{target.name}: {len(target.classes)} {what}"


def _show_deviation(std: float, numbers: NDArray[np.float64]) -> str:
    """Write a deviation; of a column that says one number alone, 1 stands for none."""
    known = numbers[~np.isnan(numbers)]
    constant = std == 1 and len(known) > 0 and known.min() == known.max()
    return "0 (constant)" if constant else f"{std:.2g}"


def warnings_of(plan: Plan) -> list[str]:
    """List what whoever uses the trained model has to know."""
    if not plan.pretrained:
        return ["RANDOM WEIGHTS, nothing pretrained is used"]
    note = license_note(plan.backbone)
    return [note] if note else []
