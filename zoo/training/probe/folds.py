"""Which samples a probe is trained on and which are held out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoo.errors import DataError
from zoo.seeds import generator_for


def find_known(known: Tensor) -> Tensor:
    """Name the samples with any known answer, as rising rows.

    Args:
        known: bool [N].

    Raises:
        DataError: There is none.
    """
    if not known.any():
        raise DataError(
            f"none of {len(known):,} training samples has a known answer",
            hint="a probe needs at least one; fill in the target's column or choose another",
        )
    return known.nonzero().squeeze(1)


def deal(
    rows: Tensor, strata: Tensor, folds: int, seed: int, units: Tensor | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield rows to train and to test on, every stratum dealt out evenly.

    Args:
        rows: int64 [n], rising.
        strata: int64 [n], the number of each one's stratum.
        folds: Parts; those that would leave nothing to train or to test on are left out.
        seed: Of the order within a stratum.
        units: int64 [N], by row: what must stay together, such as images of one group, has one
            number.
    """
    fold_of = _deal_rows(strata, folds, seed)
    if units is not None:
        members = units[rows].unique(return_inverse=True)[1]
        if int(members.max()) + 1 < len(rows):
            fold_of = _deal_units(members.numpy(), strata.numpy(), folds, seed)
    for fold in range(folds):
        train, test = rows[fold_of != fold], rows[fold_of == fold]
        if len(train) and len(test):
            yield train, test


def _deal_rows(strata: Tensor, folds: int, seed: int) -> Tensor:
    """Number the fold of each row, one stratum after the other."""
    order = torch.randperm(len(strata), generator=generator_for(seed, "folds"))
    order = order[strata[order].argsort(stable=True)]
    fold_of = torch.empty_like(order)
    fold_of[order] = torch.arange(len(order)) % folds
    return fold_of


def _deal_units(
    members: NDArray[np.int64], strata: NDArray[np.int64], folds: int, seed: int
) -> Tensor:
    """Number the fold of each row, whole units only, the largest first.

    A unit goes where there is least of its own strata, each weighed by how rare it is, and of
    those folds to the emptiest.
    """
    sizes, of_strata = np.bincount(members), np.bincount(strata)
    pairs, rows = np.unique(members * len(of_strata) + strata, return_counts=True)
    starts = np.searchsorted(pairs, np.arange(len(sizes) + 1) * len(of_strata))
    held = pairs % len(of_strata)
    filled, totals = np.zeros((folds, len(of_strata))), np.zeros(folds)
    order = torch.randperm(len(sizes), generator=generator_for(seed, "folds")).numpy()
    fold_of = np.empty(len(sizes), dtype=np.int64)
    for unit in order[np.argsort(-sizes[order], kind="stable")]:
        mine = slice(starts[unit], starts[unit + 1])
        crowd = filled[:, held[mine]] @ (rows[mine] / of_strata[held[mine]])
        fold = fold_of[unit] = np.lexsort((totals, crowd))[0]
        filled[fold, held[mine]] += rows[mine]
        totals[fold] += sizes[unit]
    return torch.from_numpy(fold_of[members])


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
