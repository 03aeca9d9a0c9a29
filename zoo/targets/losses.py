"""What training lowers: one loss a target, of the rows whose truth is known.

The terms of a batch, over the sum of what its rows count, are its mean loss. Summed over parts
of a batch with the divisor of the whole, they are still that: the gradient does not depend on
how a batch is spread over processes or micro-batches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.errors import RecipeError
from zoo.recipes import LossName, TargetKind
from zoo.targets.kinds import Target
from zoo.targets.values import ValueTarget


class TargetLoss(nn.Module):
    """The loss of one target, computed in float32; its figures move to a device with it."""

    class_weights: Tensor | None
    std: Tensor | None

    def __init__(
        self,
        *,
        target: Target,
        name: LossName,
        weight: float = 1.0,
        smoothing: float = 0.0,
        focal_gamma: float = 2.0,
        huber_delta: float = 1.0,
        class_weights: Tensor | None = None,
    ) -> None:
        """Choose a loss.

        Args:
            target: What is learnt.
            name: One of those in `LOSSES` for the target's kind.
            weight: Factor of all terms, beside other targets' losses; at least 0.
            smoothing: Part of each truth that is spread over all classes (arXiv:1512.00567);
                labels move by half of it towards 0.5.
            focal_gamma: How strongly focal loss turns to what is difficult (arXiv:1708.02002);
                0 not at all.
            huber_delta: Where Huber loss turns from square to line, standard deviations of the
                value.
            class_weights: Float32 [C]: what a row of each class counts; of labels, what a
                positive counts beside a negative.

        Raises:
            RecipeError: The loss does not fit the kind of the target.
        """
        super().__init__()
        if name not in (known := LOSSES[target.kind]):
            raise RecipeError(
                f"loss {name!r} does not fit target {target.name!r}, "
                f"which is of kind {target.kind!r}",
                hint=f"choose {' or '.join(known)}",
            )
        self.target = target
        self.name = name
        self.weight = weight
        self.smoothing = smoothing
        self.focal_gamma = focal_gamma
        self.huber_delta = huber_delta
        std = (
            torch.tensor(target.std, dtype=torch.float32)
            if isinstance(target, ValueTarget)
            else None
        )
        self.register_buffer("class_weights", class_weights, persistent=False)
        self.register_buffer("std", std, persistent=False)

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
            return torch.where(known, self.class_weights[truth.clamp_min(0)], 0.0)
        return _over_cells(known.float())


def is_known(truth: Tensor) -> Tensor:
    """Tell the cells that are not missing, in the encoding of any target."""
    return ~truth.isnan() if truth.is_floating_point() else truth >= 0


def _over_cells(cells: Tensor) -> Tensor:
    return cells if cells.dim() == 1 else cells.mean(dim=1)


def _cross_entropy(loss: TargetLoss, logits: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(
        logits,
        labels,
        weight=loss.class_weights,
        reduction="none",
        label_smoothing=loss.smoothing,
    )


def _focal_classes(loss: TargetLoss, logits: Tensor, labels: Tensor) -> Tensor:
    surprise = F.cross_entropy(logits, labels, reduction="none")
    return _focus(surprise, loss.focal_gamma) * _cross_entropy(loss, logits, labels)


def _bce(loss: TargetLoss, logits: Tensor, marks: Tensor) -> Tensor:
    smoothed = marks.float() * (1 - loss.smoothing) + loss.smoothing / 2
    return F.binary_cross_entropy_with_logits(
        logits, smoothed, pos_weight=loss.class_weights, reduction="none"
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
    assert loss.std is not None
    return (outputs - truth.float()) / loss.std


_Loss = Callable[[TargetLoss, Tensor, Tensor], Tensor]

LOSSES: Mapping[TargetKind, Mapping[LossName, _Loss]] = {
    "class": {"cross-entropy": _cross_entropy, "focal": _focal_classes},
    "labels": {"bce": _bce, "focal": _focal_labels},
    "value": {"mse": _mse, "l1": _l1, "huber": _huber},
}
"""By kind, the losses that fit it; the first is taken where a recipe names none."""
