"""Answers that are right and stand in another place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from export.locate.probe import distance


def explain_order(
    name: str, theirs: Tensor, ours: Mapping[str, Tensor], bounds: Mapping[str, float]
) -> str | None:
    """Say whether an output's numbers are PyTorch's in another order, or another output's.

    Args:
        name: The output that is wrong.
        theirs: What the graph answers there, [N, K].
        ours: What PyTorch answers, by output.
        bounds: How far a correct program may be from it, by output.
    """
    for other, answer in ours.items():
        if other != name and distance(answer, theirs) <= bounds[other]:
            return f"{name} carries what {other} should"
    if theirs.shape != ours[name].shape:
        return None
    order = _find_order(theirs, ours[name], bounds[name])
    moved = [f"{at} is {came}" for at, came in enumerate(order) if at != came]
    listing = ", ".join(moved[:4]) + (", …" if len(moved) > 4 else "")
    return f"its numbers are in another order: {listing}" if moved else None


def _find_order(theirs: Tensor, ours: Tensor, bound: float) -> Sequence[int]:
    """Find a different column of PyTorch's for each of the graph's; nothing where there is none."""
    gaps = torch.cdist(theirs.double().T, ours.double().T, p=torch.inf)
    nearest = gaps.argmin(dim=1)
    fits = gaps.gather(1, nearest.unsqueeze(1)) <= bound
    found: list[int] = nearest.tolist()
    return found if bool(fits.all()) and len(set(found)) == len(found) else []
