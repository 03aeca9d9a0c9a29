"""Does an input get in a batch the answer that it gets alone?

BatchNorm left in training mode, a softmax or a mean over the wrong axis, a sum that runs into the
next image: all give an answer that depends on what else is in the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from export.number_level import BatchEffect
from export.outputs import blocks_of, names_of, pick
from export.parity import Difference
from export.programs import Candidate
from export.tolerances import BlockTolerance
from zoo.targets import Target


@dataclass(frozen=True, slots=True, eq=False)
class _Moved:
    """How far the answers of one block move in one batch size, [N, K] each."""

    block: list[int]
    batch_size: int
    alone: Tensor
    together: Tensor
    distance: Tensor
    bounds: Tensor
    """float64 [N, 1]"""

    @property
    def parts(self) -> Tensor:
        """How much of what is permitted each distance takes."""
        parts = (self.distance / self.bounds).nan_to_num(nan=torch.inf, posinf=torch.inf)
        return parts.masked_fill(self.distance == 0, 0)


def measure_batch_effect(
    target: Target,
    names: Sequence[str],
    candidate: Candidate,
    tolerances: Sequence[BlockTolerance],
) -> BatchEffect | None:
    """Compare what inputs are answered in batches with what they are answered alone.

    Args:
        target: Whose outputs to compare.
        names: What the probed inputs are called, edge inputs last.
        candidate: The answers.
        tolerances: What rounding permits, for each block of outputs.

    Returns:
        Nothing where it does not run in a batch of one, or only in that.
    """
    sizes = [size for size in candidate.probed if size > 1 and size not in candidate.errors]
    if not sizes or 1 in candidate.errors:
        return None
    moved = [
        _measure(target, candidate, block, size, tolerance)
        for block, tolerance in zip(blocks_of(target), tolerances, strict=True)
        for size in sizes
    ]
    worst = max(moved, key=lambda found: found.parts.max().item())
    row, column = divmod(int(worst.parts.argmax()), len(worst.block))
    dependent = torch.stack([(~(m.distance <= m.bounds)).any(dim=1) for m in moved]).any(dim=0)
    return BatchEffect(
        max_abs_error=worst.distance[row, column].item(),
        bound=worst.bounds[row].item(),
        dependent=pick(names, dependent),
        worst=Difference(
            sample=names[row],
            output=names_of(target)[worst.block[column]],
            reference=worst.alone[row, column].item(),
            candidate=worst.together[row, column].item(),
        ),
        batch_size=worst.batch_size,
    )


def _measure(
    target: Target, candidate: Candidate, block: list[int], size: int, tolerance: BlockTolerance
) -> _Moved:
    alone, together = (candidate.probed[at][target.name][:, block] for at in (1, size))
    distance = (together.double() - alone.double()).abs()
    # What is no number alone and in the batch does not depend on it; other levels fail it.
    same = (together == alone) | (together.isnan() & alone.isnan())
    distance = distance.masked_fill(distance.isnan(), torch.inf).masked_fill(same, 0)
    return _Moved(block, size, alone, together, distance, tolerance.bounds(len(distance)))
