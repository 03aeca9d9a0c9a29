"""A convex loss of a linear head with an L2 penalty, minimised by L-BFGS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Head = tuple[Tensor, Tensor]
"""Weight [outputs, D] and bias [outputs]."""

Loss = Callable[[Tensor], Tensor]
"""From logits [N, outputs] to one number."""

_MAX_ITERATIONS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Objective:
    """A loss plus half the strength times the squared norm of the weights."""

    inputs: Tensor
    """Scaled features [N, D]."""
    loss: Loss
    """Convex."""

    def at(self, strength: float, weight: Tensor, bias: Tensor) -> Tensor:
        """Evaluate one head."""
        logits = F.linear(self.inputs, weight, bias)
        return self.loss(logits) + 0.5 * strength * weight.square().sum()

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
            loss = self.at(strength, weight, bias)
            loss.backward()
            return loss.item()

        with torch.enable_grad():
            optimizer.step(closure)
        return weight.detach(), bias.detach()

    def gradient(self, strength: float, head: Head) -> float:
        """Measure the largest entry of the gradient."""
        weight, bias = (part.clone().requires_grad_() for part in head)
        with torch.enable_grad():
            slopes = torch.autograd.grad(self.at(strength, weight, bias), (weight, bias))
        return max(slope.abs().max().item() for slope in slopes)
