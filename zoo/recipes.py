"""Recipes: how a network is fine-tuned, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

_STRICT = ConfigDict(extra="forbid")

BatchNorm = Literal["frozen", "adapt"]
"""`frozen`: running statistics stay those of pretraining. `adapt`: they follow the new data,
which can undo a backbone when there is little of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SolvePhase:
    """Fit the head by solving an L2-regularised logistic regression to convergence.

    The backbone is frozen and runs once over the training images; its features are cached.
    """

    __pydantic_config__ = _STRICT

    kind: Literal["solve"] = "solve"
    strengths: Annotated[tuple[float, ...], Field(min_length=1)]
    """Candidate L2 strengths (weights of half the squared norm, the loss being a mean over
    samples); the one with the lowest log loss on held-out training data is kept."""
    folds: Annotated[int, Field(ge=2)] = 5
    """Parts that the training data is cut into to choose the strength."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DescendPhase:
    """Train the named stages and the head by gradient descent on augmented images."""

    __pydantic_config__ = _STRICT

    kind: Literal["descend"] = "descend"
    train: Literal["head", "all"] | tuple[str, ...]
    """`head`, `all`, or the stages that train together with the head."""
    epochs: Annotated[int, Field(ge=1)]
    optimizer: Literal["adamw", "sgd"] = "adamw"
    lr: Annotated[float, Field(gt=0)]
    """Peak learning rate of the top stage."""
    head_lr: Annotated[float, Field(gt=0)] | None = None
    """Peak learning rate of the head; by default that of the top stage."""
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Factor between the learning rate of a stage and that of the stage above it (ULMFiT,
    arXiv:1801.06146)."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Not applied to biases and normalisation parameters."""
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Part of the steps over which the learning rate rises linearly; then a cosine falls
    to zero."""
    batch_norm: BatchNorm = "frozen"
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    """Largest norm of the gradient of all parameters together."""


Phase = Annotated[SolvePhase | DescendPhase, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Augment:
    """What `descend` phases do to a training image."""

    __pydantic_config__ = _STRICT

    size_ratio: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Size of training images over that of evaluation, where the network takes any size. A
    random crop shows things larger than the centre crop of evaluation does; training smaller
    undoes that and is faster (arXiv:1906.06423)."""
    crop_scale: tuple[float, float] = (0.35, 1.0)
    """Range of the part of the image's area that a random crop keeps."""
    crop_ratio: tuple[float, float] = (3 / 4, 4 / 3)
    """Range of that crop's width over its height."""
    flip: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Probability of a horizontal flip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Phases, one after the other, with what they share."""

    __pydantic_config__ = _STRICT

    name: str
    summary: str
    reference: str = ""
    """The paper the method comes from."""
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]
    augment: Augment = Augment()
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    batch_size: Annotated[int, Field(ge=1)] = 32
    seed: int = 0
