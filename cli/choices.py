"""Words that an option may be given, where a recipe or a machine knows a few only.

They repeat what `zoo.recipes` says, whose import would be felt in every `--help`; a test holds
the two together.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from enum import Enum
from typing import TypeVar

import typer

_Words = TypeVar("_Words", bound=Enum)


def list_words(words: type[Enum]) -> str:
    """Write the words of an option as `--help` does."""
    return "|".join(word.value for word in words)


def read_word(words: type[_Words]) -> Callable[[str], _Words]:
    """Make what reads one of these words, or names the nearest."""

    def read(text: str | _Words) -> _Words:
        try:
            return words(text)
        except ValueError:
            known = [word.value for word in words]
            near = get_close_matches(str(text), known, n=1)
            guess = f"; did you mean {near[0]!r}?" if near else ""
            listing = ", ".join(known)
            raise typer.BadParameter(f"{text!r} is none of {listing}{guess}") from None

    return read


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


class ExporterChoice(str, Enum):
    """Which of torch's exporters writes a graph."""

    AUTO = "auto"
    DYNAMO = "dynamo"
    TORCHSCRIPT = "torchscript"


class GoldenChoice(str, Enum):
    """What golden answers are kept to."""

    REAL = "real"
    EDGES = "edges"
    NONE = "none"


class LayoutChoice(str, Enum):
    """What a folder for deployment looks like."""

    STANDALONE = "standalone"
    TRITON = "triton"


class BitsChoice(str, Enum):
    """What an export may be written in besides float32."""

    FP16 = "fp16"
    INT8 = "int8"
