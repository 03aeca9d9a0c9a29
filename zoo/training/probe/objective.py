"""A convex loss of a linear head with an L2 penalty, minimised by L-BFGS."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.training.probe.part import Batch

Head = tuple[Tensor, Tensor]
"""Weight [outputs, D] and bias [outputs]."""

Loss = Callable[[Tensor, Tensor], Tensor]
"""From logits [n, outputs] and the truth of some samples to their part of the mean loss."""

_MAX_ITERATIONS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Objective:
    """A loss plus half the strength times the squared norm of the weights."""

    batches: Iterable[Batch]
    """Scaled features and truth; read once an evaluation."""
    loss: Loss
    """Convex; the parts of all batches add up to it."""

    def descend(self, strength: float, weight: Tensor, bias: Tensor) -> float:
        """Evaluate one head and add the slopes to its gradients, batch by batch."""
        total = 0.0
        with torch.enable_grad():
            for inputs, truth in self.batches:
                loss = self.loss(F.linear(inputs, weight, bias), truth)
                loss.backward()
                total += loss.item()
            penalty = 0.5 * strength * weight.square().sum()
            penalty.backward()
        return total + penalty.item()

    def minimise(self, strength: float, start: Head, *, tolerance: float) -> Head:
        """Minimise by L-BFGS with a strong-Wolfe line search.

        Args:
            strength: Of the penalty, above 0.
            start: The head to set out from.
            tolerance: Largest entry of the gradient at which to stop.
        """
        weight, bias = (part.clone().requires_grad_() for part in start)
        optimizer = torch.optim.LBFGS(
            [weight, bias],
            max_iter=_MAX_ITERATIONS,
            tolerance_grad=tolerance,
            tolerance_change=1e-12,
            history_size=20,
            line_search_fn="strong_wolfe",
        )

        def closure() -> float:
            optimizer.zero_grad()
            return self.descend(strength, weight, bias)

        optimizer.step(closure)
        return weight.detach(), bias.detach()

    def gradient(self, strength: float, head: Head) -> float:
        """Measure the largest entry of the gradient."""
        weight, bias = (part.clone().requires_grad_() for part in head)
        self.descend(strength, weight, bias)
        return max(part.grad.abs().max().item() for part in (weight, bias) if part.grad is not None)
