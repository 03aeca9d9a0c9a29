"""Cutting one set of samples in two, so that both sides look alike and share no image."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zoo.data.dataset import Samples, Truth
from zoo.data.stratify import Plan, hold_out, make_plan
from zoo.errors import DataError

if TYPE_CHECKING:
    from zoo.targets import Target

_MOST_BINS = 10
"""Values are cut into at most so many quantiles, each of which is split by itself."""
_SHOWN = 10
"""So many classes are named in a message; all are counted."""


def split_samples(
    samples: Samples,
    targets: Sequence[Target],
    part: float,
    seed: int,
    groups: NDArray[Any] | None = None,
    *,
    keep_small: bool = False,
) -> tuple[Samples, Samples]:
    """Hold samples out; see `choose_held_out`.

    Returns:
        The kept and the held-out samples, in the order they came in.
    """
    contents = hash_contents(samples.files, samples.digests, seed)
    truth = samples.truths[targets[0].name]
    held_out = choose_held_out(
        contents, targets[0], truth, part, seed, groups, keep_small=keep_small
    )
    return samples.select(np.flatnonzero(~held_out)), samples.select(np.flatnonzero(held_out))


def choose_held_out(
    contents: NDArray[np.uint64],
    target: Target,
    truth: Truth,
    part: float,
    seed: int,
    groups: NDArray[Any] | None = None,
    *,
    keep_small: bool = False,
) -> NDArray[np.bool_]:
    """Hold out `part` of each class, label or quantile of a target.

    Units are ordered by a hash of the seed and their *content* (the file's name where nobody
    hashed it; the group's name where there are groups): renaming or moving files changes
    nothing. Of each class at least one image stays for training and one is held out; groups
    come nearer to `part`, so that a rare class may have none to validate on.

    Args:
        contents: [N]; from `hash_contents`, of the same seed. Equal images stay on one side.
        target: Decides; the first of several.
        truth: [N, …]; what is known of it.
        part: Of the rows, in (0, 1).
        seed: Chooses another part.
        groups: [N] names; rows of one name stay on one side, and an empty name is no group.
        keep_small: Leave classes with one image in training instead of refusing them.

    Returns:
        Which rows are held out; [N].

    Raises:
        DataError: Classes with fewer than two different images; everything is one image or one
            group; or every group is the only one of its class.
    """
    unit_of = _find_units(contents, groups, seed)
    plan = make_plan(unit_of, *_find_strata(target, truth, part))
    grouped = groups is not None
    if not keep_small:
        _require_two_units(target, plan, grouped=grouped)
    most = _most(target, part, grouped=grouped)
    held = hold_out(plan, part, most=most, guarded=target.kind != "value")
    if not held.any() and not keep_small:
        raise _no_group_to_spare()
    return held[unit_of]


def find_units(samples: Samples, seed: int) -> NDArray[np.int64]:
    """Number what has to stay together, equal images and groups, in an order of the seed; [N]."""
    contents = hash_contents(samples.files, samples.digests, seed)
    return _find_units(contents, samples.groups, seed)


def find_strata(target: Target, truth: Truth, part: float) -> NDArray[np.int64]:
    """Number the class, the rarest label or the quantile of each row; [N].

    Args:
        target: Decides what a stratum is.
        truth: [N, …]; what is known of it.
        part: Of the rows that will be chosen, in (0, 1).
    """
    rows, strata = _find_strata(target, truth, part)
    # Of a row of several labels, what is written last stays: the rarest.
    order = np.argsort(-np.bincount(strata)[strata], kind="stable")
    found = np.empty(len(truth), dtype=np.int64)
    found[rows[order]] = strata[order]
    return found


def hash_contents(files: NDArray[Any], digests: Iterable[str], seed: int) -> NDArray[np.uint64]:
    """Hash the seed with each file's digest, or with its name where there is none; [N]."""
    contents = zip(digests, files, strict=True)
    return _hashes((digest or file for digest, file in contents), seed, len(files))


def _hashes(words: Iterable[str], seed: int, count: int) -> NDArray[np.uint64]:
    found = (
        int.from_bytes(sha256(f"{seed} {word}".encode()).digest()[:8], "big") for word in words
    )
    return np.fromiter(found, dtype=np.uint64, count=count)


def _find_units(
    contents: NDArray[np.uint64], groups: NDArray[Any] | None, seed: int
) -> NDArray[np.int64]:
    """Number what has to stay together, in the order of the hashes.

    Two groups with one image in common are one unit.
    """
    images = np.unique(contents, return_inverse=True)[1]
    if groups is None:
        return images
    names = _hashes(map(str, groups), seed, len(groups))
    unit = np.where([str(name) != "" for name in groups], names, contents)
    members = np.unique(unit, return_inverse=True)[1]
    while True:
        joined = _least(_least(unit, members), images)
        if (joined == unit).all():
            return np.unique(unit, return_inverse=True)[1]
        unit = joined


def _least(values: NDArray[np.uint64], members: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Give every row the least value among the rows of its number."""
    least = np.full(members.max(initial=-1) + 1, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(least, members, values)
    return least[members]


def _find_strata(
    target: Target, truth: Truth, part: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair rows with strata; a row of several labels comes several times.

    Rows about which nothing is known, or that have no label, are a stratum of their own: the
    last.
    """
    every = np.arange(len(truth))
    if target.kind == "labels":
        rows, strata = np.nonzero(truth == 1)
        bare = np.setdiff1d(every, rows, assume_unique=True)
        last = np.full(len(bare), truth.shape[1])
        return np.concatenate([rows, bare]), np.concatenate([strata, last])
    if target.kind == "value":
        return every, _quantiles(truth[:, 0], part)
    return every, np.where(truth < 0, len(target.classes), truth)


def _quantiles(values: NDArray[np.float64], part: float) -> NDArray[np.int64]:
    """Number the quantile of each value; each is large enough to hold a sample out of."""
    known = values[~np.isnan(values)]
    count = int(np.clip(len(known) * min(part, 1 - part), 1, _MOST_BINS))
    edges = np.quantile(known, np.linspace(0, 1, count + 1)[1:-1]) if len(known) else known
    bins = np.searchsorted(edges, values, side="right")
    return np.where(np.isnan(values), count, bins)


def _most(target: Target, part: float, *, grouped: bool) -> float:
    """Part up to which something is held out of every stratum; see `hold_out`."""
    if target.kind != "class":
        return part
    return 2 * part if grouped else math.inf


def _no_group_to_spare() -> DataError:
    return DataError(
        "no group can be held out: each is the only one of some class or label",
        hint="group by another column, or bring a validation set with --val",
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _require_two_units(target: Target, plan: Plan, *, grouped: bool) -> None:
    if grouped and plan.num_units < 2:
        raise DataError(
            "all samples belong to one group, so that none can be held out for validation",
            hint="group by another column, or bring a validation set with --val",
        )
    if small := _small_classes(target, plan) if not grouped else []:
        raise DataError(
            f"too few different images to hold one out for validation: {_listed(small)}",
            hint="add images to these classes, remove them, or bring a validation set with --val",
        )
    if plan.num_units < 2:
        raise DataError(
            "there is only one image, so that none can be held out for validation",
            hint="add images, or bring a validation set with --val",
        )


def _small_classes(target: Target, plan: Plan) -> list[str]:
    """Name the classes that have one image."""
    if target.kind != "class":
        return []
    counts = np.bincount(plan.strata, minlength=len(target.classes))
    return [name for name, count in zip(target.classes, counts, strict=False) if count == 1]
