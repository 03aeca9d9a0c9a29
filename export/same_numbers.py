"""L1: does ONNX Runtime answer with PyTorch's numbers, target by target?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from export.batches import measure_batch_effect
from export.levels import figures_of, verdict_of
from export.number_level import EdgeNumbers, ParityLevel, TargetNumbers
from export.outputs import blocks_of, decide, names_of, pick
from export.parity import Parity, compare, part_of
from export.programs import BATCH_SIZES, WHOLE, Candidate, Reference
from export.samples import Inputs
from export.tolerances import BlockTolerance, Tolerances
from zoo.targets import Target


@dataclass(frozen=True, slots=True, eq=False)
class _Comparison:
    """One block of a target's outputs in one batch size, for inputs that share a bound."""

    block: list[int]
    batch_size: int
    edge: int | None
    """Which edge input; None for the real images."""
    parity: Parity

    @property
    def badness(self) -> tuple[bool, float]:
        """What the worst of several has most of: a failure, then error."""
        parity = self.parity
        return not parity.passed, part_of(parity.max_abs_error, parity.tolerance.bound)


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
    tolerances: Sequence[BlockTolerance],
) -> TargetNumbers:
    ours, theirs = reference.float32[target.name], candidate.everything[target.name]
    comparisons = list(_compare_blocks(target, inputs, ours, candidate, tolerances))
    real = [comparison for comparison in comparisons if comparison.edge is None]
    worst = max(real, key=lambda comparison: comparison.badness)
    tolerance = worst.parity.tolerance
    error = _measure_error(target, inputs, reference, candidate, worst)
    # What decides something has a single block.
    bounds = tolerances[0].bounds(len(inputs.names))
    disagreements = _find_disagreements(target, inputs, ours, candidate, bounds)
    effect = measure_batch_effect(target, inputs.probed_names, candidate, tolerances)
    decisions = decide(target, ours)
    alike = decisions.agree(decide(target, theirs))[inputs.samples].double()
    sure = ~decisions.ties(bounds)[inputs.samples]
    decides = target.kind != "value"
    off = (theirs - ours)[inputs.samples, worst.block].double().abs()
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
        mean_abs_error=off.mean().item(),
        max_abs_error_float64=error,
        error_ratio=_divide(error, tolerance.noise_floor),
        agreement=alike.mean().item() if decides else None,
        num_sure=int(sure.sum()) if decides else 0,
        sure_agreement=alike[sure].mean().item() if decides else None,
        disagreements=disagreements,
        ties=pick(inputs.names, decisions.ties(bounds)),
        batch_effect=effect,
        edges=_describe_edges(target, inputs, reference, candidate, comparisons),
        worst=worst.parity.worst,
        worst_batch_size=worst.batch_size,
    )


def _describe_edges(
    target: Target,
    inputs: Inputs,
    reference: Reference,
    candidate: Candidate,
    comparisons: Sequence[_Comparison],
) -> EdgeNumbers:
    """Give the figures of the edge input that takes the largest part of its bound."""
    edges = [comparison for comparison in comparisons if comparison.edge is not None]
    worst = max(edges, key=lambda comparison: comparison.badness)
    tolerance = worst.parity.tolerance
    error = _measure_error(target, inputs, reference, candidate, worst)
    return EdgeNumbers(
        verdict=verdict_of(all(comparison.parity.passed for comparison in edges)),
        noise_floor=tolerance.noise_floor,
        bound=tolerance.bound,
        spread=tolerance.spread,
        max_abs_error=worst.parity.max_abs_error,
        max_abs_error_float64=error,
        error_ratio=_divide(error, tolerance.noise_floor),
        worst=worst.parity.worst,
        worst_batch_size=worst.batch_size,
    )


def _measure_error(
    target: Target,
    inputs: Inputs,
    reference: Reference,
    candidate: Candidate,
    found: _Comparison,
) -> float:
    """Measure how far ONNX Runtime is from float64 on what a comparison is about."""
    num_edges = len(inputs.names) - inputs.num_samples
    first = len(inputs.probed) - num_edges
    rows = slice(first) if found.edge is None else slice(first + found.edge, first + found.edge + 1)
    exact = reference.float64[target.name][rows, found.block]
    answers = [outputs[target.name][rows, found.block] for outputs in candidate.probed.values()]
    return (torch.stack(answers) - exact).abs().max().item()


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
    tolerances: Sequence[BlockTolerance],
) -> Iterator[_Comparison]:
    """Compare every block in every batch size: real images together, edge inputs singly."""
    names = names_of(target)
    for size, theirs, which in _answers(inputs, candidate, target.name):
        samples, wanted = [inputs.names[at] for at in which], ours[which]
        for block, block_tolerance in zip(blocks_of(target), tolerances, strict=True):
            for number, (rows, tolerance) in enumerate(block_tolerance.groups(len(which))):
                parity = compare(
                    wanted[rows, block],
                    theirs[rows, block],
                    tolerance,
                    samples=samples[rows],
                    outputs=[names[at] for at in block],
                )
                yield _Comparison(block, size, number - 1 if number else None, parity)


def _find_disagreements(
    target: Target, inputs: Inputs, ours: Tensor, candidate: Candidate, bounds: Tensor
) -> tuple[str, ...]:
    """Name the inputs that are decided otherwise, in any batch size, for no good reason."""
    found: set[str] = set()
    for _, theirs, which in _answers(inputs, candidate, target.name):
        wrong = decide(target, ours[which]).disagree(decide(target, theirs), bounds[which])
        found |= set(pick([inputs.names[at] for at in which], wrong))
    return tuple(sorted(found))
