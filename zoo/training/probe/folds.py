"""Which samples a probe is trained on and which are held out."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from zoo.errors import DataError
from zoo.seeds import generator_for


def keep(features: Tensor, truth: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Leave out samples without any known answer.

    Args:
        features: [N, D].
        truth: [N] or [N, outputs].
        known: bool [N].

    Raises:
        DataError: Nothing is left.
    """
    if not known.any():
        raise DataError(
            f"none of {len(known):,} training samples has a known answer",
            hint="a probe needs at least one; fill in the target's column or choose another",
        )
    return (features, truth) if known.all() else (features[known], truth[known])


def deal(strata: Tensor, folds: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield indices to train and to test on, every stratum dealt out evenly.

    Args:
        strata: int64 [N], the number of each sample's stratum.
        folds: Parts; those that would leave nothing to train or to test on are left out.
        seed: Of the order within a stratum.
    """
    order = torch.randperm(len(strata), generator=generator_for(seed, "folds"))
    order = order[strata[order].argsort(stable=True)]
    fold_of = torch.empty_like(order)
    fold_of[order] = torch.arange(len(order)) % folds
    for fold in range(folds):
        train = (fold_of != fold).nonzero().squeeze(1)
        test = (fold_of == fold).nonzero().squeeze(1)
        if len(train) and len(test):
            yield train, test


def strata_of_labels(truth: Tensor) -> Tensor:
    """Number samples by the rarest answer that they carry, so that each fold has some of it.

    An answer is rare if its label is mostly the other way round. This is the order in which
    iterative stratification serves the labels (Sechidis et al., ECML PKDD 2011).

    Args:
        truth: [N, C] in {0, 1, -1 = missing}.
    """
    ones, zeros = (truth == 1).sum(dim=0), (truth == 0).sum(dim=0)
    rare = truth == (ones <= zeros).to(truth)
    never = len(truth) + 1
    frequency = torch.where(rare, torch.minimum(ones, zeros), never)
    rarest = frequency.min(dim=1)
    return torch.where(rarest.values < never, rarest.indices, truth.shape[1])


def strata_of_values(truth: Tensor, folds: int) -> Tensor:
    """Number samples so that neighbours in value, as many as there are folds, share a stratum.

    Args:
        truth: Standardised [N, V], NaN = missing; several columns count by their mean.
        folds: Parts.
    """
    order = truth.nanmean(dim=1).argsort(stable=True)
    strata = torch.empty_like(order)
    strata[order] = torch.arange(len(order)) // folds
    return strata
