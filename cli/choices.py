"""Words that an option may be given, where a recipe or a machine knows a few only.

They repeat what `zoo.recipes` says, whose import would be felt in every `--help`; a test holds
the two together.
"""

from __future__ import annotations

from enum import Enum


class PrecisionChoice(str, Enum):
    """What training computes in."""

    AUTO = "auto"
    FP32 = "fp32"
    BF16 = "bf16"


class ScheduleChoice(str, Enum):
    """How the learning rate falls."""

    COSINE = "cosine"
    LINEAR = "linear"
    ONE_CYCLE = "one-cycle"
    STEP = "step"
    CONSTANT = "constant"


class BatchNormChoice(str, Enum):
    """Whether running statistics move."""

    FROZEN = "frozen"
    ADAPT = "adapt"


class ClassWeightsChoice(str, Enum):
    """What a class counts in the loss."""

    NONE = "none"
    BALANCED = "balanced"


class SamplingChoice(str, Enum):
    """How an epoch is drawn."""

    SHUFFLED = "shuffled"
    BALANCED = "balanced"


class WeightingChoice(str, Enum):
    """What a target counts beside others."""

    FIXED = "fixed"
    UNCERTAINTY = "uncertainty"
