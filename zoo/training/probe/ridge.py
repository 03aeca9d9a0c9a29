"""One ridge regression in closed form, for every strength that is asked."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.training.probe.objective import Head
from zoo.training.probe.scaling import Scaling


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ridge:
    """The sums that a solution needs, all in float64.

    With more features than samples the dual form is solved: a system as large as there are
    samples (Saunders, Gammerman and Vovk, ICML 1998).
    """

    scaling: Scaling
    inputs: Tensor
    """Scaled features [N, D]."""
    truth: Tensor
    """[N, V], without a missing one."""
    mean: Tensor
    """Of the truth, [V]: the bias, as the inputs are centred."""
    gram: Tensor
    """Inner products of features [D, D], or of samples [N, N] if they are fewer."""

    @classmethod
    def of(cls, features: Tensor, truth: Tensor) -> Ridge:
        """Pose the problem for features [N, D] and truth [N, V]."""
        scaling = Scaling.of(features)
        inputs = scaling.apply(features)
        gram = inputs @ inputs.T if _is_dual(inputs) else inputs.T @ inputs
        return cls(scaling=scaling, inputs=inputs, truth=truth, mean=truth.mean(dim=0), gram=gram)

    def solve(self, strength: float) -> Head:
        """Minimise half the mean squared error plus half the strength times the squared norm.

        Returns:
            The head on scaled features.
        """
        system = self.gram.clone()
        system.diagonal().add_(len(self.inputs) * strength)
        factor = torch.linalg.cholesky(system)
        residual = self.truth - self.mean
        if _is_dual(self.inputs):
            weight = torch.cholesky_solve(residual, factor).T @ self.inputs
        else:
            weight = torch.cholesky_solve(self.inputs.T @ residual, factor).T
        return weight, self.mean

    def gradient(self, strength: float, head: Head) -> float:
        """Measure the largest entry of the objective's gradient at a head on scaled features."""
        weight, _ = head
        error = (F.linear(self.inputs, *head) - self.truth) / len(self.inputs)
        slope = error.T @ self.inputs + strength * weight
        return max(slope.abs().max().item(), error.sum(dim=0).abs().max().item())


def _is_dual(inputs: Tensor) -> bool:
    return inputs.shape[1] > inputs.shape[0]
