"""From what a user asked for to a plan: all that must hold before anything is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from zoo.backbones.claims import find_mistakes
from zoo.backbones.describe import plain_name
from zoo.backbones.find import find_backbone
from zoo.backbones.sources import fetch_weights, is_here
from zoo.data.folder import open_dataset
from zoo.errors import BrokenRegistryError
from zoo.hardware import resolve_device, resolve_precision, resolve_workers
from zoo.progress import Progress
from zoo.registry import Found, Lock, Registry, license_note
from zoo.registry.files import BUILT_IN
from zoo.training.plan import Plan, Settings, adapt_preprocess, adapt_recipe


def default_name(backbone: str, data: Path) -> str:
    """Name a run after its backbone and its data folder."""
    return f"{plain_name(backbone)}-{data.expanduser().resolve().name}"


def prepare(
    name: str,
    data: Path,
    settings: Settings,
    registry: Registry,
    lock: Lock | None,
    progress: Progress,
) -> Plan:
    """Resolve and check everything, from the cheapest to the dearest; nothing is written.

    Args:
        name: What `find_backbone` understands.
        data: The folder of labelled images.
        settings: What the user asked for.
        registry: Where names are looked up.
        lock: Remembers what fetched weights were.
        progress: Hears what was found.

    Raises:
        ZooError: Something does not hold.
    """
    found = find_backbone(name, registry)
    backbone = found.backbone
    _require_truth(found, registry)
    recipe = registry.recipe(settings.recipe or backbone.recipe)
    recipe = adapt_recipe(recipe, backbone, settings)
    preprocess = adapt_preprocess(backbone, settings.img_size)
    device = resolve_device(settings.device)
    precision = resolve_precision(settings.precision, device)
    progress.note(f"reading {data}")
    dataset = open_dataset(
        data,
        val=settings.val,
        val_split=0.2 if settings.val_split is None else settings.val_split,
        seed=recipe.seed,
        skip_bad=settings.skip_bad,
    )
    plan = Plan(
        backbone=backbone,
        recipe=recipe,
        preprocess=preprocess,
        dataset=dataset,
        device=device,
        precision=precision,
        workers=resolve_workers(settings.workers, device),
        reference=found.reference,
        origin=found.origin,
        assumptions=found.assumptions,
    )
    if settings.pretrained and backbone.weights.source != "none":
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


def _require_truth(found: Found, registry: Registry) -> None:
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
    counts = ", ".join(f"{len(samples)} {split}" for split, samples in plan.dataset.splits.items())
    lines = [
        f"{len(plan.dataset.classes)} classes, images: {counts}",
        *(f"note: {note}" for note in plan.dataset.notes),
        f"{plan.backbone.name} at {plan.preprocess.size} px, recipe {plan.recipe.name}, "
        f"{plan.device} in {plan.precision}, seed {plan.seed}",
    ]
    lines += [f"note: assumed {assumption}" for assumption in plan.assumptions]
    return [*lines, *(f"note: {warning}" for warning in warnings_of(plan))]


def warnings_of(plan: Plan) -> list[str]:
    """List what whoever uses the trained model has to know."""
    if not plan.pretrained:
        return ["RANDOM WEIGHTS, nothing pretrained is used"]
    note = license_note(plan.backbone)
    return [note] if note else []
