"""What the answers of L2's two pipelines are compared as: log-probabilities, or values.

The difference of two classes' log-probabilities is that of their logits, whatever their size,
while probabilities themselves hide all that happens to a network that is sure of itself. Where a
label is nearly certain float32 has no digits left to tell by, and neither has the file's user.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from export.outputs import Decisions, blocks_of, decide, spread_of
from export.parity import ULPS, Tolerance, tolerance_of
from export.pixel_programs import Batch, PixelReference
from zoo.targets import ClassTarget, LabelsTarget, Target, ValueTarget

LEAST_PROBABILITY = 1e-30
"""What is less counts as this: float32 ends at 1e-38."""

_ROUNDING = ULPS * torch.finfo(torch.float32).eps
"""Least bound of log-probabilities: a probability near 1 is rounded to float32, however near to 0
its logarithm is."""


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """One target's answers to files, in several batches of one kind."""

    files: list[int]
    figures: Tensor
    """float64 [N, K]: log-probabilities or values."""
    choices: Tensor
    """[N, D], as `Decisions` has them."""
    in_order: Tensor
    """[N]: whether the indices sort the probabilities."""
    batch_size: int
    """The largest."""


def figures_of_outputs(target: Target, outputs: Tensor) -> Tensor:
    """Turn a network's outputs [N, K] into log-probabilities, or leave values, float64."""
    exact = outputs.double()
    if isinstance(target, ValueTarget):
        return exact
    logs = exact.log_softmax(dim=1) if isinstance(target, ClassTarget) else F.logsigmoid(exact)
    return logs.clamp_min(math.log(LEAST_PROBABILITY))


def decide_for(target: Target, outputs: Tensor) -> Decisions:
    """Turn a network's outputs [N, K] into what they decide, with margins in their figures."""
    decisions = decide(target, outputs)
    if not isinstance(target, LabelsTarget):
        return decisions
    cuts = torch.tensor(target.cuts, dtype=torch.float64).log()
    return Decisions(decisions.choices, (figures_of_outputs(target, outputs) - cuts).abs())


def gather_answers(target: Target, batches: Sequence[Batch]) -> Iterator[Answered]:
    """Put the answers to single files below each other, and those to several files."""
    for several in (False, True):
        chosen = [batch for batch in batches if (len(batch.files) > 1) == several]
        if chosen:
            parts = [_read_answers(target, batch) for batch in chosen]
            figures, choices, in_order = (torch.cat(part) for part in zip(*parts, strict=True))
            files = [at for batch in chosen for at in batch.files]
            largest = max(len(batch.files) for batch in chosen)
            yield Answered(files, figures, choices, in_order, largest)


def _read_answers(target: Target, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Turn one batch's answers into figures, choices and whether they are in order."""
    rows = len(batch.files)
    if batch.answers is None:
        nothing = torch.full((rows, target.num_outputs), math.nan, dtype=torch.float64)
        width = {"class": 1, "labels": target.num_outputs, "value": 0}[target.kind]
        return nothing, torch.full((rows, width), -1), torch.ones(rows, dtype=torch.bool)
    found = {name: torch.from_numpy(value) for name, value in batch.answers[target.name].items()}
    in_order = torch.ones(rows, dtype=torch.bool)
    if isinstance(target, ValueTarget):
        return found["values"].double(), torch.empty(rows, 0), in_order
    probabilities = found["probabilities"].double()
    figures = probabilities.log().clamp_min(math.log(LEAST_PROBABILITY))
    if isinstance(target, LabelsTarget):
        return figures, found["present"].long(), in_order
    order = probabilities.sort(dim=1, descending=True, stable=True).indices
    return figures, found["indices"][:, :1], (found["indices"] == order).all(dim=1)


def measure_tolerances(target: Target, reference: PixelReference) -> list[Tolerance]:
    """Measure the noise of the whole pipeline: of float32, and of another float32 resizer.

    What tells answers apart is told by the network's outputs, as at L1.
    """
    outputs = reference.float32[target.name]
    every, float64, drifted = (
        figures_of_outputs(target, found)
        for found in (outputs, reference.float64[target.name], reference.drifted[target.name])
    )
    noisy, exact = torch.cat([every[reference.probed], drifted]), float64.repeat(2, 1)
    found = [
        tolerance_of(noisy[:, block], exact[:, block], spread_of(target, outputs[:, block]))
        for block in blocks_of(target)
    ]
    if isinstance(target, ValueTarget):
        return found
    return [replace(each, bound=max(each.bound, _ROUNDING)) for each in found]
