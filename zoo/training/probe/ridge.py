"""One ridge regression in closed form, for every strength that is asked."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.training.probe.blocks import read_blocks
from zoo.training.probe.objective import Head
from zoo.training.probe.scaling import Scaling
from zoo.training.probe.sums import Sums


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ridge:
    """A problem whose size is that of the features or of the samples, whichever is less.

    With more features than samples the dual form is solved: a system as large as there are
    samples (Saunders, Gammerman and Vovk, ICML 1998).
    """

    scaling: Scaling
    """Of its samples."""
    count: int
    """Samples."""
    mean: Tensor
    """Of the truth, [V]: the bias, as features are centred."""
    gram: Tensor
    """Inner products of centred features [D, D], or of samples [N, N] if they are fewer."""
    right: Tensor
    """Products of centred features and truth [D, V], or the centred truth itself [N, V]."""
    samples: Tensor | None
    """Centred features [N, D] in the dual form."""

    @classmethod
    def of_few(cls, features: Tensor, truth: Tensor, rows: Tensor) -> Ridge:
        """Pose the dual problem for some rows of features [N, D] and truth [N, V]."""
        scaling, known = Scaling.of(features, rows), truth[rows]
        samples = features[rows].double().sub_(scaling.mean)
        mean = known.mean(dim=0)
        return cls(
            scaling=scaling,
            count=len(rows),
            mean=mean,
            gram=samples @ samples.T,
            right=known - mean,
            samples=samples,
        )

    @classmethod
    def of_many(cls, sums: Sums, scaling: Scaling) -> Ridge:
        """Pose the problem for samples that were added up."""
        gram, right = sums.centred()
        return cls(
            scaling=scaling,
            count=sums.count,
            mean=sums.mean_truth,
            gram=gram,
            right=right,
            samples=None,
        )

    def solve(self, strength: float) -> Head:
        """Minimise half the mean squared error plus half the strength times the squared norm.

        The norm is that of the weights of scaled features.

        Returns:
            The head on plain features.
        """
        system = self.gram.clone()
        system.diagonal().add_(self.count * strength * self.scaling.scale.square())
        solution = torch.cholesky_solve(self.right, torch.linalg.cholesky(system))
        weight = (solution if self.samples is None else self.samples.T @ solution).T
        return weight, self.mean - weight @ self.scaling.mean

    def gradient(
        self, strength: float, head: Head, features: Tensor, truth: Tensor, rows: Tensor
    ) -> float:
        """Measure the largest entry of the objective's gradient, read from its samples anew.

        Args:
            strength: Of the penalty.
            head: On plain features.
            features: [N, D].
            truth: [N, V].
            rows: The problem's own.
        """
        weight, bias = head
        slope, offset = strength * self.scaling.scale * weight, torch.zeros_like(bias)
        for block, some in read_blocks(features, rows):
            exact = block.double()
            error = (exact @ weight.T + bias - truth[some]) / self.count
            slope += error.T @ self.scaling.apply(exact)
            offset += error.sum(dim=0)
        return max(slope.abs().max().item(), offset.abs().max().item())
