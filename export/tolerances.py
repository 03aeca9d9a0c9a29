"""How far a correct program may be from PyTorch: for real images, and for each edge input.

Real images are held to the noise of those that were probed, and to nothing else's. An edge input
is like nothing that a network was trained on: mobilenet_v3_small may answer noise at the ends of
all channels with a logit that is 350 deviations off, and rounds it accordingly. One floor over
all inputs would let such an answer set the bound of every photo. So each edge input has its own
floor: the largest of its own error, of the real images' floor, and of what that is at the range
of its own answers. The last two are there because one input's error may be small by luck, most of
all where it has a single output.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from export.outputs import blocks_of, ranges_of, spread_of
from export.parity import NOISE_MULTIPLE, ULPS, Tolerance, tolerance_of
from export.programs import Reference
from export.samples import Inputs
from zoo.targets import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockTolerance:
    """How far the answers of one block of outputs may be from PyTorch's."""

    real: Tolerance
    """For all real images."""
    edges: tuple[Tolerance, ...]
    """For each edge input, whose `spread` is the range of its own answers, or that of the real
    images where they spread more."""

    def groups(self, num_inputs: int) -> Iterator[tuple[slice, Tolerance]]:
        """Go through the rows that share a tolerance: real images, then edge inputs singly."""
        num_real = num_inputs - len(self.edges)
        yield slice(num_real), self.real
        for at, tolerance in enumerate(self.edges, num_real):
            yield slice(at, at + 1), tolerance

    def bounds(self, num_inputs: int) -> Tensor:
        """Give each of the inputs, edge inputs last, its bound: float64 [N, 1]."""
        bounds = torch.empty(num_inputs, 1, dtype=torch.float64)
        for rows, tolerance in self.groups(num_inputs):
            bounds[rows] = tolerance.bound
        return bounds


Tolerances = Mapping[str, Sequence[BlockTolerance]]
"""By target, one for each block of its outputs."""


def measure_tolerances(
    targets: Sequence[Target], inputs: Inputs, reference: Reference
) -> Tolerances:
    """Measure how far a correct program may be from PyTorch."""
    return {
        target.name: [
            _measure_block(
                target,
                inputs,
                reference.float32[target.name][:, block],
                reference.float64[target.name][:, block],
            )
            for block in blocks_of(target)
        ]
        for target in targets
    }


def _measure_block(
    target: Target, inputs: Inputs, float32: Tensor, float64: Tensor
) -> BlockTolerance:
    """Measure one block's, of answers [N, K] to all inputs and [P, K] to the probed ones."""
    usual, edges = float32[inputs.samples], float32[inputs.edges]
    num_real = len(float64) - len(edges)
    probed = float32[inputs.probed[:num_real]]
    real = tolerance_of(probed, float64[:num_real], spread_of(target, usual))
    ranges = ranges_of(target, edges, usual)
    return BlockTolerance(real=real, edges=_measure_edges(real, edges, float64[num_real:], ranges))


def _measure_edges(
    real: Tolerance, float32: Tensor, float64: Tensor, ranges: Tensor
) -> tuple[Tolerance, ...]:
    """Measure that of each edge input; what is no number stays none, and no bound is met by it.

    Args:
        real: That of the real images.
        float32: Outputs [E, K] of the network in float32.
        float64: Outputs [E, K] of the same network in float64.
        ranges: What tells the answers to each apart, float64 [E].
    """
    own = (float32.double() - float64).abs().amax(dim=1)
    floors = own.maximum(real.noise_floor * (ranges / real.spread).clamp_min(1))
    spacing = torch.finfo(torch.float32).eps * float64.abs().amax(dim=1)
    bounds = (NOISE_MULTIPLE * floors).maximum(ULPS * spacing).clamp_min(real.bound)
    spreads = ranges.clamp_min(real.spread)
    rows = zip(floors.tolist(), bounds.tolist(), spreads.tolist(), strict=True)
    return tuple(
        Tolerance(noise_floor=floor, bound=bound, spread=spread) for floor, bound, spread in rows
    )
