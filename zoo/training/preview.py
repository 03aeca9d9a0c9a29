"""A contact sheet of the images that a run would train on, before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from zoo.backbones.find import find_backbone
from zoo.data.check.conflicts import describe_truth
from zoo.data.dataset import Dataset
from zoo.data.limit import limit_train
from zoo.data.open import open_dataset
from zoo.data.pixels.reduce import decode_reduced
from zoo.errors import RecipeError, UnreadableImagesError
from zoo.inputs.image import UnreadableImageError
from zoo.recipes import DescendPhase, Recipe
from zoo.registry import Registry, load_registry
from zoo.seeds import derive_seed
from zoo.training.augment.sheet import contact_sheet, preview
from zoo.training.changes import choose_recipe
from zoo.training.plan import Plan, Settings, adapt_preprocess, adapt_recipe


def preview_training(
    name: str,
    data: Path,
    settings: Settings | None = None,
    registry: Registry | None = None,
    *,
    count: int = 8,
    epochs: Sequence[int] = range(8),
) -> Image.Image:
    """Show some training images as evaluation sees them, and as these epochs will.

    They are the very pixels that the last phase of gradient descent would get from the same
    settings, before mixing. No weights are needed.

    Args:
        name: What `find_backbone` understands.
        data: What `open_dataset` understands.
        settings: What differs from the recipe's and the backbone's defaults.
        registry: Another catalogue than `load_registry` gives.
        count: Most images, spread evenly over the training data.
        epochs: From 0.

    Raises:
        RecipeError: The recipe does not augment, or a setting does not fit.
        ZooError: The backbone, the recipe or the data cannot be used.
    """
    plan = _plan(name, data, settings or Settings(), registry or load_registry())
    seed = derive_seed(plan.seed, "phase", _last_descent(plan.recipe))
    train, side = plan.dataset.train, plan.pixel_side
    chosen = np.unique(np.linspace(0, len(train) - 1, count).round().astype(np.int64))
    rows = [
        preview(
            _read(train.path(index), side),
            label,
            index,
            plan.recipe.augment,
            plan.train_preprocess,
            seed=seed,
            epochs=epochs,
        )
        for index, label in zip(chosen.tolist(), _captions(plan.dataset, chosen), strict=True)
    ]
    headings = ["evaluation", *(f"epoch {epoch + 1}" for epoch in epochs)]
    return contact_sheet(plan.recipe.name, _describe(plan), headings, rows)


def _plan(name: str, data: Path, settings: Settings, registry: Registry) -> Plan:
    """Resolve what the pictures depend on; nothing is fetched."""
    backbone = find_backbone(name, registry).backbone
    recipe = choose_recipe(settings.recipe, backbone, registry)
    recipe = adapt_recipe(recipe, backbone, settings)
    _last_descent(recipe)
    return Plan(
        backbone=backbone,
        recipe=recipe,
        preprocess=adapt_preprocess(backbone, settings.img_size).crop_by(recipe.crop_mode),
        dataset=limit_train(
            open_dataset(data, settings.data, seed=recipe.seed), settings.limit_train, recipe.seed
        ),
        device=torch.device("cpu"),
        precision="fp32",
        workers=0,
    )


def _last_descent(recipe: Recipe) -> int:
    """Find the last phase that augments.

    Raises:
        RecipeError: There is none.
    """
    found = [at for at, phase in enumerate(recipe.phases) if isinstance(phase, DescendPhase)]
    if not found:
        raise RecipeError(
            f"the recipe {recipe.name} trains on images as evaluation sees them",
            hint="choose one with gradient descent, such as --recipe finetune",
        )
    return found[-1]


def _captions(dataset: Dataset, rows: NDArray[np.int64]) -> list[str]:
    """Say what is known of some training samples."""
    truths = dataset.train.truths
    columns = [describe_truth(each, truths[each.name][rows]) for each in dataset.targets]
    return [" · ".join(cells) for cells in zip(*columns, strict=True)]


def _describe(plan: Plan) -> str:
    """Say under which conditions the pictures come about."""
    augment = plan.recipe.augment
    parts = [plan.backbone.name, f"{plan.train_preprocess.size} px", f"seed {plan.seed}"]
    if augment.mixup or augment.cutmix:
        parts.append("before images are mixed")
    return " · ".join(parts)


def _read(path: Path, side: int) -> NDArray[np.uint8]:
    try:
        return decode_reduced(path, side)
    except UnreadableImageError as cause:
        raise UnreadableImagesError({path: cause.problem}) from cause
