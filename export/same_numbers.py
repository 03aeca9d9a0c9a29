"""L1: does ONNX Runtime answer with PyTorch's numbers, target by target?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from export.levels import ParityLevel, TargetParity, figures_of, verdict_of
from export.outputs import blocks_of, decide, names_of, pick, spread_of
from export.parity import Parity, Tolerance, compare, part_of, tolerance_of
from export.programs import BATCH_SIZES, Candidate, Reference
from export.samples import Inputs
from zoo.targets import Target

Tolerances = Mapping[str, Sequence[Tolerance]]
"""By target, one for each block of its outputs."""


@dataclass(frozen=True, slots=True, eq=False)
class _Comparison:
    """One block of a target's outputs in one batch size."""

    block: list[int]
    batch_size: int
    parity: Parity

    @property
    def badness(self) -> tuple[bool, float]:
        """What the worst of several has most of: a failure, then error."""
        parity = self.parity
        return not parity.passed, part_of(parity.max_abs_error, parity.tolerance.bound)


def measure_tolerances(targets: Sequence[Target], reference: Reference) -> Tolerances:
    """Measure how far a correct program may be from PyTorch."""
    found = {}
    for target in targets:
        float32, float64 = reference.float32[target.name], reference.float64[target.name]
        found[target.name] = [
            tolerance_of(
                float32[: len(float64), block],
                float64[:, block],
                spread_of(target, float32[:, block]),
            )
            for block in blocks_of(target)
        ]
    return found


def compare_numbers(
    targets: Sequence[Target],
    inputs: Inputs,
    reference: Reference,
    candidate: Candidate,
    tolerances: Tolerances,
) -> ParityLevel:
    """Compare every output for every input in every batch size."""
    found = {
        target.name: _compare_target(target, inputs, reference, candidate, tolerances[target.name])
        for target in targets
    }
    worst = max(found.values(), key=lambda parity: parity.badness)
    return ParityLevel(
        **figures_of(worst),
        num_samples=len(inputs.names) - inputs.num_edges,
        edge_inputs=tuple(inputs.names[: inputs.num_edges]),
        batch_sizes=BATCH_SIZES,
        errors=candidate.errors,
        targets=found,
    )


def _compare_target(
    target: Target,
    inputs: Inputs,
    reference: Reference,
    candidate: Candidate,
    tolerances: Sequence[Tolerance],
) -> TargetParity:
    ours, theirs = reference.float32[target.name], candidate.everything[target.name]
    comparisons = list(_compare_blocks(target, inputs, ours, candidate, tolerances))
    worst = max(comparisons, key=lambda comparison: comparison.badness)
    block, tolerance = worst.block, worst.parity.tolerance
    exact = reference.float64[target.name][:, block]
    disagreements = _find_disagreements(target, inputs, ours, candidate, tolerance.bound)
    decisions = decide(target, ours)
    alike = decisions.agree(decide(target, theirs))[inputs.num_edges :]
    return TargetParity(
        verdict=verdict_of(all(c.parity.passed for c in comparisons) and not disagreements),
        kind=target.kind,
        noise_floor=tolerance.noise_floor,
        bound=tolerance.bound,
        spread=tolerance.spread,
        max_abs_error=worst.parity.max_abs_error,
        mean_abs_error=(theirs - ours)[:, block].double().abs().mean().item(),
        max_abs_error_float64=(theirs[: len(exact), block] - exact).abs().max().item(),
        agreement=None if target.kind == "value" else alike.double().mean().item(),
        disagreements=disagreements,
        ties=pick(inputs.names, decisions.ties(tolerance.bound)),
        worst=worst.parity.worst,
        worst_batch_size=worst.batch_size,
    )


def _compare_blocks(
    target: Target,
    inputs: Inputs,
    ours: Tensor,
    candidate: Candidate,
    tolerances: Sequence[Tolerance],
) -> Iterator[_Comparison]:
    """Compare every block in every batch size."""
    names = names_of(target)
    for block, tolerance in zip(blocks_of(target), tolerances, strict=True):
        for size, outputs in candidate.by_size.items():
            theirs = outputs[target.name][:, block]
            parity = compare(
                ours[: len(theirs), block],
                theirs,
                tolerance,
                samples=inputs.names,
                outputs=[names[at] for at in block],
            )
            yield _Comparison(block, size, parity)


def _find_disagreements(
    target: Target, inputs: Inputs, ours: Tensor, candidate: Candidate, bound: float
) -> tuple[str, ...]:
    """Name the inputs that are decided otherwise, in any batch size, for no good reason."""
    found: set[str] = set()
    for outputs in candidate.by_size.values():
        theirs = outputs[target.name]
        sure = decide(target, ours[: len(theirs)])
        found |= set(pick(inputs.names, sure.disagree(decide(target, theirs), bound)))
    return tuple(sorted(found))
