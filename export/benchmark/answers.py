"""Whether a contender answers what eager PyTorch answers: a fast wrong one must show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from export.outputs import decide
from zoo.evaluation import Outputs
from zoo.targets import Target
from zoo.targets.scoring import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Closeness:
    """How far a contender's answers are from eager PyTorch's, on the measured images."""

    max_abs_difference: Figure
    """In logits or in the value's own unit, of any target; NaN where an answer is no number."""
    max_relative_difference: Figure
    """Over the largest of eager PyTorch's own answers for the target, of any target."""
    agreement: Figure
    """Part of the images for which all classes and labels are decided alike, in [0, 1]; NaN
    where the model answers with values alone."""


def compare_answers(targets: Sequence[Target], reference: Outputs, found: Outputs) -> Closeness:
    """Compare a contender's answers [B, K] by target with the reference's."""
    differences = {
        target.name: (found[target.name].double() - reference[target.name].double()).abs().max()
        for target in targets
    }
    largest = {name: reference[name].double().abs().max() for name in differences}
    relative = [differences[name] / largest[name].clamp_min(_TINY) for name in differences]
    return Closeness(
        max_abs_difference=torch.stack([*differences.values()]).max().item(),
        max_relative_difference=torch.stack(relative).max().item(),
        agreement=_agreement(targets, reference, found),
    )


_TINY = torch.finfo(torch.float32).tiny


def _agreement(targets: Sequence[Target], reference: Outputs, found: Outputs) -> float:
    alike = [
        ours.agree(theirs)
        for ours, theirs in (
            (decide(target, reference[target.name]), decide(target, found[target.name]))
            for target in targets
        )
        if ours.choices.shape[1]
    ]
    if not alike:
        return torch.nan
    return torch.stack(alike).all(dim=0).double().mean().item()
