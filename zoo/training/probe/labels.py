"""Independent logistic regressions, solved together: any of several labels a sample."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.training.probe.folds import deal, keep, strata_of_labels
from zoo.training.probe.objective import Loss
from zoo.training.probe.path import fit_path
from zoo.training.probe.result import Probe


def fit_labels_probe(
    features: Tensor, truth: Tensor, *, strengths: Sequence[float], folds: int, seed: int
) -> Probe:
    """Choose the L2 strength by cross-validated log loss, then solve on everything.

    One strength serves all labels: what a rare label's held-out loss says rests on a handful of
    samples, and choosing label by label would follow their chance.

    A label that is always 0 or always 1 among the known answers has no solution: its bias would
    run away. It gets weights of 0 and answers with its frequency, half a sample added to either
    side (Jeffreys' prior).

    Args:
        features: float32 [N, D].
        truth: Integers [N, C] in {0, 1, -1 = missing}.
        strengths: Candidates, above 0, each relative to a label's mean loss.
        folds: Parts of the cross-validation, dealt by the rarest answer of each sample.
        seed: Of the parts.

    Raises:
        DataError: No answer is known.
    """
    features, truth = keep(features, truth, (truth >= 0).any(dim=1))
    parts = deal(strata_of_labels(truth), folds, seed)
    return fit_path(_Labels(), features, truth, parts, strengths)


class _Labels:
    """Binary cross-entropy, a mean over each label's known answers, summed over labels."""

    def start(self, truth: Tensor) -> Tensor:
        """Log-odds of each label's frequency."""
        ones, zeros = (truth == 1).sum(dim=0), (truth == 0).sum(dim=0)
        return ((ones + 0.5) / (zeros + 0.5)).log()

    def training_loss(self, truth: Tensor, dtype: torch.dtype) -> Loss:
        varies = (truth == 0).any(dim=0) & (truth == 1).any(dim=0)
        known = ((truth >= 0) & varies).to(dtype)
        share = known / known.sum(dim=0).clamp_min(1)
        targets = truth.clamp_min(0).to(dtype)
        return lambda logits: F.binary_cross_entropy_with_logits(
            logits, targets, share, reduction="sum"
        )

    def held_out_loss(self, logits: Tensor, truth: Tensor) -> tuple[float, float]:
        known = (truth >= 0).to(logits)
        targets = truth.clamp_min(0).to(logits)
        total = F.binary_cross_entropy_with_logits(logits, targets, known, reduction="sum")
        return total.item(), known.sum().item()
