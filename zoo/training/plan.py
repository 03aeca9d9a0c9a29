"""What a run is going to do, resolved and checked before anything is written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch

from zoo.backbones.network import trained_stages
from zoo.data.dataset import Dataset
from zoo.data.open import DataSettings
from zoo.data.pixels import CacheSettings
from zoo.errors import RecipeError
from zoo.hardware import Precision
from zoo.inputs.contract import Preprocess
from zoo.recipes import AfterFrozen, DescendPhase, Phase, Recipe, TopStages
from zoo.registry import Backbone
from zoo.training.changes import change_recipe

_STRIDE = 32
"""By how much nearly all networks shrink an image; other sizes waste its border."""

_PIXELS_ABOVE = 1.25
"""Short side of the images that training crops from, over that of its own contract."""
_LARGEST = 4096
"""Input size beyond which one image's activations fill any memory, pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a user may say about a run; None leaves it to the recipe or the backbone."""

    recipe: str | Recipe | None = None
    """A name in the registry, or a recipe made in Python; by default the backbone's own."""
    epochs: int | None = None
    """Of the recipe's last phase of gradient descent."""
    lr: float | None = None
    """Peak learning rate of that phase."""
    batch_size: int | None = None
    seed: int | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    """New values of any other field of the recipe, by name; see `change_recipe`."""
    img_size: int | None = None
    """Height and width that the network sees, pixels."""
    data: DataSettings = field(default_factory=DataSettings)
    """How the data is opened."""
    limit_train: int | None = None
    """Train on so many samples only, chosen by the seed."""
    device: str = "auto"
    precision: str = "auto"
    workers: int | None = None
    """Processes that decode images; by default none on the CPU, up to eight for a GPU."""
    auto_batch: bool = False
    """Halve a batch that does not fit into memory, and accumulate instead."""
    deterministic: bool = False
    """Let torch use only operators that give the same bits again, or fail."""
    compile: bool = False
    """Let `torch.compile` make one program of the network."""
    shard: bool = False
    """Spread the network, its gradients and its optimiser over the processes, instead of a copy
    in each."""
    cache: CacheSettings | None = field(default_factory=CacheSettings)
    """Where decoded pixels are kept; None decodes every image in every epoch."""
    pretrained: bool = True
    """Start from the backbone's weights; otherwise from random ones."""

    def __post_init__(self) -> None:
        if self.limit_train is not None and self.limit_train < 1:
            raise RecipeError(f"cannot train on {self.limit_train} samples")

    @property
    def asked_of_data(self) -> dict[str, Any]:
        """What the user said of the data, by option, as JSON has it."""
        said = {field.name: getattr(self.data, field.name) for field in fields(self.data)}
        said |= {"limit_train": self.limit_train}
        usual = {field.name: field.default for field in fields(self.data)} | {"limit_train": None}
        return {
            name: str(value) if isinstance(value, Path) else value
            for name, value in said.items()
            if value != usual[name]
        }

    @property
    def recipe_changes(self) -> dict[str, Any]:
        """All that differs from the recipe."""
        named = {
            "epochs": self.epochs,
            "lr": self.lr,
            "batch_size": self.batch_size,
            "seed": self.seed,
        }
        return {name: value for name, value in named.items() if value is not None} | {
            **self.changes
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A resolved run."""

    backbone: Backbone
    recipe: Recipe
    """With the user's changes; gradual phases are unfolded."""
    preprocess: Preprocess
    dataset: Dataset
    device: torch.device
    precision: Precision
    workers: int
    data: Path = Path()
    """What the data set was opened from; absolute."""
    asked: Mapping[str, Any] = field(default_factory=dict)
    """What the user said of the data; see `Settings.asked_of_data`."""
    auto_batch: bool = False
    deterministic: bool = False
    compile: bool = False
    sharded: bool = False
    """Whether the network is spread over the processes while it descends."""
    cache: CacheSettings | None = None
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
    def pixel_side(self) -> int:
        """Short side of the images that training crops from; longer ones are reduced to it."""
        return max(self.preprocess.resize, round(_PIXELS_ABOVE * self.train_preprocess.resize))

    @property
    def train_preprocess(self) -> Preprocess:
        """The contract at the size of training images, a multiple of 32 px and of its step."""
        if self.backbone.fixed_size or self.recipe.head.features == "flattened":
            return self.preprocess
        stride = math.lcm(_STRIDE, self.backbone.size_step)
        size = round(self.preprocess.size * self.recipe.augment.size_ratio / stride) * stride
        size = max(size, stride, self.backbone.min_size)
        return self.preprocess.at_size(min(size, self.preprocess.size))


def adapt_recipe(recipe: Recipe, backbone: Backbone, settings: Settings) -> Recipe:
    """Apply a user's settings to a recipe, and unfold it for a backbone.

    Raises:
        RecipeError: The recipe has no place for a setting, names stages that the backbone does
            not have, or contradicts itself.
    """
    changed = change_recipe(recipe, settings.recipe_changes)
    if "train" in settings.recipe_changes:
        _require_so_many_stages(changed, backbone)
    for phase in changed.phases:
        if isinstance(phase, DescendPhase):
            _require_sense(phase, trained_stages(phase, backbone))
        elif changed.head.hidden or changed.head.features == "flattened":
            raise RecipeError(
                f"the recipe {changed.name} solves its heads, which then have to be linear and "
                "on pooled features",
                hint="leave --hidden and --set features out, or choose a recipe without a solve "
                "phase",
            )
    return replace(changed, phases=unfold(changed.phases, backbone))


def _require_so_many_stages(recipe: Recipe, backbone: Backbone) -> None:
    """Refuse to count more stages than there are; a registry's recipe, for any backbone, may.

    Raises:
        RecipeError: `train` was asked for so.
    """
    there = len(backbone.stages)
    for phase in recipe.phases:
        train = phase.train if isinstance(phase, DescendPhase) else None
        count = train.top if isinstance(train, TopStages) else 0
        count = train.freeze if isinstance(train, AfterFrozen) else count
        if count > there:
            raise RecipeError(
                f"{backbone.name} has {there} stages, not {count}",
                hint=f"give a number up to {there}, or say head or all; the stages are "
                f"{', '.join(backbone.stages)}",
            )


def unfold(phases: tuple[Phase, ...], backbone: Backbone) -> tuple[Phase, ...]:
    """Turn every gradual phase into one phase a stage, from the top stage down."""
    unfolded: list[Phase] = []
    for phase in phases:
        if not isinstance(phase, DescendPhase) or not phase.gradual:
            unfolded.append(phase)
            continue
        stages = [s for s in backbone.stages if s in trained_stages(phase, backbone)]
        parts = (tuple(stages[first:]) for first in reversed(range(len(stages))))
        unfolded += (replace(phase, gradual=False, train=part) for part in parts)
    return tuple(unfolded)


def _require_sense(phase: DescendPhase, trained: frozenset[str]) -> None:
    """Refuse what cannot be meant.

    Raises:
        RecipeError: Two fields contradict each other.
    """
    if phase.gradual and not trained:
        raise RecipeError(
            "a gradual phase needs stages to thaw, one after the other",
            hint="let `train` name stages, or leave `gradual` out",
        )
    if phase.lora is not None and (not trained or phase.parameters != "all"):
        raise RecipeError(
            "low-rank updates need stages to update, and nothing else trains in them",
            hint='let `train` name stages and leave `parameters` at "all"',
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
