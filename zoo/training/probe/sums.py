"""What ridge regression has to know of any number of samples, in memory of one size."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.training.probe.blocks import read_blocks


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sums:
    """Sums over samples, float64, of features and truth that are nearly centred.

    Those of some samples are those of all less those of the others, so that all folds of a
    cross-validation need two passes over the features.
    """

    count: int
    origin: Tensor
    """[D]; what was taken off the features. The nearer to their mean, the less is lost when
    they are centred for good."""
    level: Tensor
    """[V]; what was taken off the truth, likewise."""
    features: Tensor
    """[D]."""
    truth: Tensor
    """[V]."""
    gram: Tensor
    """[D, D]; features with features."""
    cross: Tensor
    """[D, V]; features with truth."""

    @classmethod
    def of(
        cls, features: Tensor, truth: Tensor, rows: Tensor, origin: Tensor, level: Tensor
    ) -> Sums:
        """Add up some rows of features [N, D] and of truth [N, V], without a missing one."""
        width, columns = features.shape[1], truth.shape[1]
        sums = cls(
            count=len(rows),
            origin=origin,
            level=level,
            features=origin.new_zeros(width),
            truth=(truth[rows] - level).sum(dim=0),
            gram=origin.new_zeros(width, width),
            cross=origin.new_zeros(width, columns),
        )
        for block, some in read_blocks(features, rows):
            centred = block.double().sub_(origin)
            sums.features.add_(centred.sum(dim=0))
            sums.gram.addmm_(centred.T, centred)
            sums.cross.addmm_(centred.T, truth[some] - level)
        return sums

    def without(self, some: Sums) -> Sums:
        """Take off samples that are among these."""
        return Sums(
            count=self.count - some.count,
            origin=self.origin,
            level=self.level,
            features=self.features - some.features,
            truth=self.truth - some.truth,
            gram=self.gram - some.gram,
            cross=self.cross - some.cross,
        )

    @property
    def mean_truth(self) -> Tensor:
        """As it was before the level was taken off; [V]."""
        return self.level + self.truth / self.count

    def centred(self) -> tuple[Tensor, Tensor]:
        """The products [D, D] and [D, V] of features and truth that have a mean of zero."""
        gram = self.gram - torch.outer(self.features, self.features / self.count)
        return gram, self.cross - torch.outer(self.features, self.truth / self.count)
