"""What a run is going to do, resolved and checked before anything is written."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from zoo.backbones.network import trained_stages
from zoo.data.dataset import Dataset
from zoo.errors import RecipeError
from zoo.hardware import Precision
from zoo.inputs.contract import Preprocess
from zoo.recipes import DescendPhase, Phase, Recipe
from zoo.registry import Backbone

_STRIDE = 32
"""By how much nearly all networks shrink an image; other sizes waste its border."""

_LARGEST = 4096
"""Input size beyond which one image's activations fill any memory, pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a user may say about a run; None leaves it to the recipe or the backbone."""

    recipe: str | None = None
    epochs: int | None = None
    """Of the recipe's last phase of gradient descent."""
    lr: float | None = None
    """Peak learning rate of that phase."""
    batch_size: int | None = None
    img_size: int | None = None
    """Height and width that the network sees, pixels."""
    val: Path | None = None
    """A separate labelled folder to validate on."""
    val_split: float | None = None
    """Part of each class that validates where the data has no such split; 0.2 by default."""
    seed: int | None = None
    device: str = "auto"
    precision: str = "auto"
    workers: int | None = None
    """Processes that decode images; by default none on the CPU, up to eight for a GPU."""
    skip_bad: bool = False
    """Go on without files that cannot be read."""
    pretrained: bool = True
    """Start from the backbone's weights; otherwise from random ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A resolved run."""

    backbone: Backbone
    recipe: Recipe
    preprocess: Preprocess
    dataset: Dataset
    device: torch.device
    precision: Precision
    workers: int
    pretrained: bool = False
    """Whether training starts from the backbone's weights."""
    weights: Path | None = None
    """The checked file that holds them; not needed where a checkpoint goes on."""
    reference: str = ""
    """What names the backbone from anywhere."""
    origin: str = ""
    """Where the backbone's facts came from."""
    assumptions: tuple[str, ...] = ()
    """What nobody stated of the backbone and zoo took to be so."""

    @property
    def seed(self) -> int:
        """Where all randomness of the run comes from."""
        return self.recipe.seed

    @property
    def train_preprocess(self) -> Preprocess:
        """The contract at the size of training images, a multiple of 32 px and of its step."""
        if self.backbone.fixed_size:
            return self.preprocess
        stride = math.lcm(_STRIDE, self.backbone.size_step)
        size = round(self.preprocess.size * self.recipe.augment.size_ratio / stride) * stride
        size = max(size, stride, self.backbone.min_size)
        return self.preprocess.at_size(min(size, self.preprocess.size))


def adapt_recipe(recipe: Recipe, backbone: Backbone, settings: Settings) -> Recipe:
    """Apply a user's settings to a recipe.

    Raises:
        RecipeError: The recipe has no phase that a setting is for, or names stages that the
            backbone does not have.
    """
    descents = [at for at, phase in enumerate(recipe.phases) if isinstance(phase, DescendPhase)]
    wanted = {"epochs": settings.epochs, "lr": settings.lr, "batch_size": settings.batch_size}
    given = [name for name, value in wanted.items() if value is not None]
    if given and not descents:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise RecipeError(
            f"the recipe {recipe.name} has no phase of gradient descent to apply {flags} to",
            hint="leave the option out, or choose --recipe finetune",
        )
    phases: list[Phase] = list(recipe.phases)
    for at in descents:
        trained_stages(_descent(phases[at]), backbone)
    if descents:
        last = _descent(phases[descents[-1]])
        phases[descents[-1]] = replace(
            last, epochs=settings.epochs or last.epochs, lr=settings.lr or last.lr
        )
    return replace(
        recipe,
        phases=tuple(phases),
        batch_size=settings.batch_size or recipe.batch_size,
        seed=recipe.seed if settings.seed is None else settings.seed,
    )


def adapt_preprocess(backbone: Backbone, img_size: int | None) -> Preprocess:
    """Apply another input size to a backbone's contract.

    Raises:
        RecipeError: The network cannot take that size.
    """
    if img_size is None:
        return backbone.preprocess
    if backbone.fixed_size and not backbone.resizable and img_size != backbone.preprocess.size:
        raise RecipeError(
            f"{backbone.name} takes {backbone.preprocess.size} px images only, not {img_size}",
            hint="leave --img-size out",
        )
    if img_size > _LARGEST:
        raise RecipeError(f"images of {img_size} px are too large; {_LARGEST} px is the limit")
    if img_size < backbone.min_size:
        raise RecipeError(f"{backbone.name} takes images of {backbone.min_size} px and more")
    if img_size % backbone.size_step:
        step = backbone.size_step
        nearest = max(round(img_size / step), -(-backbone.min_size // step)) * step
        raise RecipeError(
            f"{backbone.name} takes images of a multiple of {step} px, not {img_size}",
            hint=f"--img-size {nearest}",
        )
    return backbone.preprocess.at_size(img_size)


def _descent(phase: Phase) -> DescendPhase:
    assert isinstance(phase, DescendPhase)
    return phase
