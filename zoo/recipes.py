"""Recipes: how a network is fine-tuned, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)

BatchNorm = Literal["frozen", "adapt"]
"""`frozen`: running statistics stay those of pretraining. `adapt`: they follow the new data,
which can undo a backbone when there is little of it."""

TargetKind = Literal["class", "labels", "value"]
LossName = Literal["cross-entropy", "focal", "bce", "mse", "l1", "huber"]
Schedule = Literal["cosine", "linear", "one-cycle", "step", "constant"]

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Part = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class TopStages:
    """The last stages of a backbone, whatever they are called."""

    __pydantic_config__ = _STRICT

    top: Count
    """How many; a backbone with fewer trains them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterFrozen:
    """All stages but the first, whatever they are called."""

    __pydantic_config__ = _STRICT

    freeze: Count
    """How many stages from the stem up stay frozen; a backbone with fewer trains its head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """Low-rank updates of linear layers, a transformer's or others' (LoRA, arXiv:2106.09685).

    They are merged into the weights when their phase ends, so that the network is the
    library's own again.
    """

    __pydantic_config__ = _STRICT

    rank: Count = 8
    alpha: Positive = 16.0
    """The update is scaled by `alpha / rank`."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Hides input features from the updates, the same ones from a whole batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SolvePhase:
    """Fit linear heads to convergence: logistic regression, ridge regression for values.

    The backbone is frozen and runs once over the training images; its features are cached.
    """

    __pydantic_config__ = _STRICT

    kind: Literal["solve"] = "solve"
    strengths: Annotated[tuple[Positive, ...], Field(min_length=1)]
    """Candidate L2 strengths (weights of half the squared norm; the loss is a mean over samples,
    of values half the squared error); the one with the lowest loss on held-out training data is
    kept."""
    folds: Annotated[int, Field(ge=2)] = 5
    """Parts that the training data is cut into to choose the strength."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DescendPhase:
    """Train the named stages and the heads by gradient descent on augmented images."""

    __pydantic_config__ = _STRICT

    kind: Literal["descend"] = "descend"
    train: Literal["head", "all"] | TopStages | AfterFrozen | tuple[str, ...]
    """`head`, `all`, or the stages that train together with the heads."""
    gradual: bool = False
    """Unfold into one phase a stage: the top one first, then one more each time, until all of
    `train` trains; each lasts `epochs` (gradual unfreezing, arXiv:1801.06146)."""
    parameters: Literal["all", "biases", "norms"] = "all"
    """What trains within these stages: everything, biases only (BitFit, arXiv:2106.10199), or
    scales and shifts of normalisation layers only (arXiv:2003.00152). Heads train whole."""
    lora: Lora | None = None
    """Instead of the stages' own weights, train low-rank updates of their linear layers."""
    epochs: Count
    max_steps: Count | None = None
    """Steps after which the phase ends, and its schedule with it, if the epochs have more."""
    optimizer: str = "adamw"
    """A name that `zoo.training.optimizers` knows: torch's, or one that timm keeps."""
    lr: Positive
    """Peak learning rate of the top stage."""
    head_lr: Positive | None = None
    """Peak learning rate of the heads; by default that of the top stage."""
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Factor between the learning rate of a stage and that of the stage above it (ULMFiT,
    arXiv:1801.06146)."""
    momentum: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Of SGD, RMSprop and those of timm's that have one; the first beta of torch's Adam and its
    kin. None is 0.9, and RMSprop's none; others refuse one. The one-cycle schedule has momenta
    of its own."""
    nesterov: bool = True
    """Of SGD with momentum."""
    weight_decay: NonNegative = 0.0
    """Not applied to biases and normalisation parameters."""
    schedule: Schedule = "cosine"
    """How the learning rate falls after the warm-up: half a cosine or a line to zero; the
    one-cycle policy (arXiv:1708.07120); by `step_factor` at each of `step_at`; or not."""
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Part of the steps over which the learning rate rises linearly; under one-cycle the part
    that rises, 0.3 if this is 0."""
    step_at: tuple[Part, ...] = (1 / 3, 2 / 3)
    """Parts of the steps at which the `step` schedule falls."""
    step_factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    batch_norm: BatchNorm = "frozen"
    clip_norm: Positive | None = None
    """Largest norm of the gradient of all parameters together."""
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Decay of an exponential moving average of what trains, a step; the average is what is
    validated and kept (arXiv:1803.05407 explains why averages do better)."""
    patience: Count | None = None
    """End after as many epochs without a lower validation loss, and keep the best epoch's
    weights. Validation data then chooses, and its figures flatter a little."""


Phase = Annotated[SolvePhase | DescendPhase, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Augment:
    """What `descend` phases do to a training image.

    Crop, zoom, shifts, rotation, shear and flips compose into one affine map a sample, and the
    image is resampled once.
    """

    __pydantic_config__ = _STRICT

    size_ratio: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Size of training images over that of evaluation, where the network takes any size. A
    random crop shows things larger than the centre crop of evaluation does; training smaller
    undoes that and is faster (arXiv:1906.06423)."""
    crop_scale: tuple[Positive, Positive] | None = (0.35, 1.0)
    """Range of the part of the image's area that a random crop keeps; None takes what
    evaluation sees."""
    crop_ratio: tuple[Positive, Positive] = (3 / 4, 4 / 3)
    """Range of that crop's width over its height."""
    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    """Largest angle to either side, degrees."""
    shift: Part = 0.0
    """Largest shift to any side, part of the side's length."""
    shear: Annotated[float, Field(ge=0, lt=90)] = 0.0
    """Largest shear angle to either side, degrees."""
    zoom: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Height and width are each scaled by a factor between `1 - zoom` and `1 + zoom`."""
    flip: Part = 0.5
    """Probability of a horizontal flip."""
    vertical_flip: Part = 0.0
    """Probability of a vertical flip."""
    fill: Literal["nearest", "reflect", "mean"] = "nearest"
    """What lies outside the image: its nearest edge, its mirror image, or the contract's mean."""
    brightness: NonNegative = 0.0
    """Colours are scaled by a factor between `1 - brightness` and `1 + brightness`."""
    contrast: NonNegative = 0.0
    saturation: NonNegative = 0.0
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Largest turn of the hue to either side, part of the whole circle."""
    grayscale: Part = 0.0
    """Probability of losing all colour."""
    erase: Part = 0.0
    """Probability that a rectangle is erased to the contract's mean (arXiv:1708.04896)."""
    mixup: NonNegative = 0.0
    """Alpha of the Beta distribution that images and truths are mixed by (arXiv:1710.09412)."""
    cutmix: NonNegative = 0.0
    """Alpha of the Beta distribution of the area that another image covers
    (arXiv:1905.04899). With both, each batch gets one of them at random."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadRecipe:
    """What stands on the backbone for each target."""

    __pydantic_config__ = _STRICT

    hidden: tuple[Count, ...] = ()
    """Widths of ReLU layers before the last linear one."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Before every linear layer."""
    features: Literal["pooled", "flattened"] = "pooled"
    """What it sees: the features that the backbone's own classifier sees, or the whole last
    feature map."""
    init: Literal["torch", "glorot"] = "torch"
    """First weights: those of `torch.nn.Linear`, or uniform after Glorot and Bengio with zero
    biases, as Keras' Dense layers begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Phases, one after the other, with what they share."""

    __pydantic_config__ = _STRICT

    name: str
    summary: str
    reference: str = ""
    """The paper the method comes from."""
    weights: Literal["pretrained", "random"] = "pretrained"
    """What training starts from."""
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]
    head: HeadRecipe = HeadRecipe()
    augment: Augment = Augment()
    crop_mode: Literal["center", "squash"] | None = None
    """Another way to fit an image into the network's square than the backbone's own."""
    losses: Mapping[TargetKind, LossName] = field(default_factory=dict)
    """Losses that differ from cross-entropy for classes, BCE for labels and MSE for values."""
    focal_gamma: NonNegative = 2.0
    """How strongly focal loss turns to the difficult samples (arXiv:1708.02002)."""
    huber_delta: Positive = 1.0
    """Where Huber loss turns from square to line, standard deviations of the value."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    class_weights: Literal["none", "balanced"] = "none"
    """`balanced`: a class counts as much as any other, however few its samples are."""
    sampling: Literal["shuffled", "balanced"] = "shuffled"
    """`balanced`: each epoch draws every class equally often, rare ones repeatedly."""
    target_weights: Mapping[str, NonNegative] = field(default_factory=dict)
    """Weights of the targets' losses by name; 1 where none is given."""
    weighting: Literal["fixed", "uncertainty"] = "fixed"
    """`uncertainty`: the weights of several targets are learnt (arXiv:1705.07115)."""
    batch_size: Count = 32
    """Images that pass through the network together."""
    accumulate: Count = 1
    """Batches whose gradients make one step."""
    last_batch: Literal["drop", "keep"] = "drop"
    """What happens to the images left over at the end of an epoch."""
    seed: int = 0
