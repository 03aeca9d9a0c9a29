"""Independent logistic regressions, solved together: any of several labels a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.training.probe.folds import deal, find_known, strata_of_labels
from zoo.training.probe.objective import Loss
from zoo.training.probe.path import fit_path
from zoo.training.probe.result import Probe


def fit_labels_probe(
    features: Tensor,
    truth: Tensor,
    *,
    strengths: Sequence[float],
    folds: int,
    seed: int,
    positive_weights: Tensor | None = None,
    units: Tensor | None = None,
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
        positive_weights: float [C], above 0: what a positive of each label counts for beside a
            negative, in training and among the held-out, as `BCEWithLogitsLoss` has it.
        units: int64 [N]; samples of one number stay in one part.

    Raises:
        DataError: No answer is known.
    """
    rows = find_known((truth >= 0).any(dim=1))
    parts = deal(rows, strata_of_labels(truth[rows]), folds, seed, units)
    kind = _Labels(positive_weights=positive_weights)
    return fit_path(kind, features, truth, rows, parts, strengths)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Labels:
    """Binary cross-entropy, a mean over each label's known answers, summed over labels."""

    positive_weights: Tensor | None

    def start(self, truth: Tensor) -> Tensor:
        """Log-odds of each label's frequency."""
        ones, zeros = (truth == 1).sum(dim=0), (truth == 0).sum(dim=0)
        return ((ones + 0.5) / (zeros + 0.5)).log()

    def training_loss(self, truth: Tensor, dtype: torch.dtype) -> Loss:
        varies = (truth == 0).any(dim=0) & (truth == 1).any(dim=0)
        share = varies.to(dtype) / (truth >= 0).sum(dim=0).clamp_min(1)
        return lambda logits, some: self._sum(logits, some, share)

    def held_out_loss(self, logits: Tensor, truth: Tensor) -> tuple[float, float]:
        total = self._sum(logits, truth, torch.ones_like(logits[0]))
        return total.item(), (truth >= 0).sum().item()

    def _sum(self, logits: Tensor, truth: Tensor, share: Tensor) -> Tensor:
        """Sum the loss of known answers, each label's times its share."""
        weights = self.positive_weights
        return F.binary_cross_entropy_with_logits(
            logits,
            truth.clamp_min(0).to(logits),
            (truth >= 0) * share,
            pos_weight=None if weights is None else weights.to(logits),
            reduction="sum",
        )
