"""What training lowers: one loss a target, of the rows whose truth is known.

The terms of a batch, over the sum of what its rows count, are its mean loss. Summed over parts
of a batch with the divisor of the whole, they are still that: the gradient does not depend on
how a batch is spread over processes or micro-batches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.errors import RecipeError
from zoo.recipes import LossName, TargetKind
from zoo.targets.kinds import Target
from zoo.targets.values import ValueTarget


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TargetLoss:
    """The loss of one target, computed in float32."""

    target: Target
    name: LossName
    """One of those in `LOSSES` for the target's kind."""
    weight: float = 1.0
    """Factor of all terms, beside other targets' losses; at least 0."""
    smoothing: float = 0.0
    """Part of each truth that is spread over all classes (arXiv:1512.00567); labels move by
    half of it towards 0.5."""
    focal_gamma: float = 2.0
    """How strongly focal loss turns to what is difficult (arXiv:1708.02002); 0 not at all."""
    huber_delta: float = 1.0
    """Where Huber loss turns from square to line, standard deviations of the value."""
    class_weights: Tensor | None = None
    """Float32 [C]: what a row of each class counts; of labels, what a positive counts beside a
    negative."""

    def __post_init__(self) -> None:
        if self.name not in (known := LOSSES[self.target.kind]):
            raise RecipeError(
                f"loss {self.name!r} does not fit target {self.target.name!r}, "
                f"which is of kind {self.target.kind!r}",
                hint=f"choose {' or '.join(known)}",
            )

    def terms(self, outputs: Tensor, truth: Tensor) -> Tensor:
        """Weighted losses of the rows, float32 [B]; 0 without a gradient where missing.

        Args:
            outputs: The network's [B, K], of any floating type.
            truth: In the target's encoding, on the same device; of labels and values, a row is
                the sum over its known cells, over K.
        """
        known = is_known(truth)
        cells = known if known.dim() == outputs.dim() else known[:, None]
        # A missing row is cut off before the loss: NaN times zero would still be NaN.
        losses = LOSSES[self.target.kind][self.name](
            self, torch.where(cells, outputs.float(), 0.0), torch.where(known, truth, 0)
        )
        return self.weight * _over_cells(torch.where(known, losses, 0.0))

    def weights(self, truth: Tensor) -> Tensor:
        """What the rows count, float32 [B]: 0 where missing, else their class's weight or 1.

        A row of labels or values counts as the part of its cells that is known.
        """
        known = is_known(truth)
        if self.target.kind == "class" and self.class_weights is not None:
            of_class = self.class_weights.to(truth.device, torch.float32)
            return torch.where(known, of_class[truth.clamp_min(0)], 0.0)
        return _over_cells(known.float())


def is_known(truth: Tensor) -> Tensor:
    """Tell the cells that are not missing, in the encoding of any target."""
    return ~truth.isnan() if truth.is_floating_point() else truth >= 0


def _over_cells(cells: Tensor) -> Tensor:
    return cells if cells.dim() == 1 else cells.mean(dim=1)


def _cross_entropy(loss: TargetLoss, logits: Tensor, labels: Tensor) -> Tensor:
    weights = _class_weights(loss, logits)
    return F.cross_entropy(
        logits, labels, weight=weights, reduction="none", label_smoothing=loss.smoothing
    )


def _focal_classes(loss: TargetLoss, logits: Tensor, labels: Tensor) -> Tensor:
    surprise = F.cross_entropy(logits, labels, reduction="none")
    return _focus(surprise, loss.focal_gamma) * _cross_entropy(loss, logits, labels)


def _bce(loss: TargetLoss, logits: Tensor, marks: Tensor) -> Tensor:
    smoothed = marks.float() * (1 - loss.smoothing) + loss.smoothing / 2
    weights = _class_weights(loss, logits)
    return F.binary_cross_entropy_with_logits(
        logits, smoothed, pos_weight=weights, reduction="none"
    )


def _focal_labels(loss: TargetLoss, logits: Tensor, marks: Tensor) -> Tensor:
    surprise = F.binary_cross_entropy_with_logits(logits, marks.float(), reduction="none")
    return _focus(surprise, loss.focal_gamma) * _bce(loss, logits, marks)


def _focus(surprise: Tensor, gamma: float) -> Tensor:
    """(1 - p)^gamma from -log p, with a finite gradient also where p is 1."""
    tiny = torch.finfo(surprise.dtype).tiny
    return (-torch.expm1(-surprise)).clamp_min(tiny) ** gamma


def _mse(loss: TargetLoss, outputs: Tensor, truth: Tensor) -> Tensor:
    return _deviations(loss, outputs, truth).square()


def _l1(loss: TargetLoss, outputs: Tensor, truth: Tensor) -> Tensor:
    return _deviations(loss, outputs, truth).abs()


def _huber(loss: TargetLoss, outputs: Tensor, truth: Tensor) -> Tensor:
    errors = _deviations(loss, outputs, truth)
    return F.huber_loss(errors, torch.zeros_like(errors), reduction="none", delta=loss.huber_delta)


def _deviations(loss: TargetLoss, outputs: Tensor, truth: Tensor) -> Tensor:
    """Errors in standard deviations, so that no unit outweighs another."""
    assert isinstance(loss.target, ValueTarget)
    return (outputs - truth.float()) / outputs.new_tensor(loss.target.std)


def _class_weights(loss: TargetLoss, logits: Tensor) -> Tensor | None:
    return None if loss.class_weights is None else loss.class_weights.to(logits)


_Loss = Callable[[TargetLoss, Tensor, Tensor], Tensor]

LOSSES: Mapping[TargetKind, Mapping[LossName, _Loss]] = {
    "class": {"cross-entropy": _cross_entropy, "focal": _focal_classes},
    "labels": {"bce": _bce, "focal": _focal_labels},
    "value": {"mse": _mse, "l1": _l1, "huber": _huber},
}
"""By kind, the losses that fit it; the first is taken where a recipe names none."""
