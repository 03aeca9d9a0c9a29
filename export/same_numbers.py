"""L1: does ONNX Runtime answer with PyTorch's numbers, target by target?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from export.batches import measure_batch_effect
from export.levels import figures_of, verdict_of
from export.number_level import ParityLevel, TargetNumbers
from export.outputs import blocks_of, decide, names_of, pick, spread_of
from export.parity import Parity, Tolerance, compare, part_of, tolerance_of
from export.programs import BATCH_SIZES, WHOLE, Candidate, Reference
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


def measure_tolerances(
    targets: Sequence[Target], inputs: Inputs, reference: Reference
) -> Tolerances:
    """Measure how far a correct program may be from PyTorch."""
    found = {}
    for target in targets:
        float32, float64 = reference.float32[target.name], reference.float64[target.name]
        found[target.name] = [
            tolerance_of(
                float32[inputs.probed][:, block],
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
        num_samples=inputs.num_samples,
        edge_inputs=tuple(inputs.names[inputs.edges]),
        probed=tuple(inputs.probed_names),
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
) -> TargetNumbers:
    ours, theirs = reference.float32[target.name], candidate.everything[target.name]
    comparisons = list(_compare_blocks(target, inputs, ours, candidate, tolerances))
    worst = max(comparisons, key=lambda comparison: comparison.badness)
    block, tolerance = worst.block, worst.parity.tolerance
    exact = reference.float64[target.name][:, block]
    answers = torch.stack([found[target.name][:, block] for found in candidate.probed.values()])
    error = (answers - exact).abs().max().item()
    disagreements = _find_disagreements(target, inputs, ours, candidate, tolerance.bound)
    effect = measure_batch_effect(target, inputs.probed_names, candidate, tolerances)
    decisions = decide(target, ours)
    alike = decisions.agree(decide(target, theirs))[inputs.samples].double()
    sure = ~decisions.ties(tolerance.bound)[inputs.samples]
    decides = target.kind != "value"
    return TargetNumbers(
        verdict=verdict_of(
            all(c.parity.passed for c in comparisons)
            and not disagreements
            and not (effect and effect.dependent)
        ),
        kind=target.kind,
        noise_floor=tolerance.noise_floor,
        bound=tolerance.bound,
        spread=tolerance.spread,
        max_abs_error=worst.parity.max_abs_error,
        mean_abs_error=(theirs - ours)[:, block].double().abs().mean().item(),
        max_abs_error_float64=error,
        error_ratio=_divide(error, tolerance.noise_floor),
        agreement=alike.mean().item() if decides else None,
        num_sure=int(sure.sum()) if decides else 0,
        sure_agreement=alike[sure].mean().item() if decides else None,
        disagreements=disagreements,
        ties=pick(inputs.names, decisions.ties(tolerance.bound)),
        batch_effect=effect,
        worst=worst.parity.worst,
        worst_batch_size=worst.batch_size,
    )


def _divide(error: float, floor: float) -> float:
    """Divide errors; where PyTorch is exact, one is infinitely worse or as good."""
    if floor:
        return error / floor
    return math.inf if error > 0 else math.nan


def _answers(
    inputs: Inputs, candidate: Candidate, target: str
) -> Iterator[tuple[int, Tensor, list[int]]]:
    """Go through the batch sizes: the answers, and to which inputs they are."""
    yield WHOLE, candidate.everything[target], list(range(len(inputs.names)))
    for size, outputs in candidate.probed.items():
        if size != WHOLE:
            yield size, outputs[target], inputs.probed


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
        for size, theirs, which in _answers(inputs, candidate, target.name):
            parity = compare(
                ours[which][:, block],
                theirs[:, block],
                tolerance,
                samples=[inputs.names[at] for at in which],
                outputs=[names[at] for at in block],
            )
            yield _Comparison(block, size, parity)


def _find_disagreements(
    target: Target, inputs: Inputs, ours: Tensor, candidate: Candidate, bound: float
) -> tuple[str, ...]:
    """Name the inputs that are decided otherwise, in any batch size, for no good reason."""
    found: set[str] = set()
    for _, theirs, which in _answers(inputs, candidate, target.name):
        wrong = decide(target, ours[which]).disagree(decide(target, theirs), bound)
        found |= set(pick([inputs.names[at] for at in which], wrong))
    return tuple(sorted(found))
