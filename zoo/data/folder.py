"""Reading a folder that has one sub-folder a class."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from zoo.data.dataset import Dataset, Sample, SplitName
from zoo.data.split import split_stratified
from zoo.errors import DataError, UnreadableImagesError
from zoo.inputs.image import UnreadableImageError, check_image, is_image
from zoo.storage import sha256_of

SPLIT_FOLDERS: Mapping[str, SplitName] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
"""What people call the folders of a split data set."""

_NOT_CLASSES = frozenset({"__MACOSX", "__pycache__"})


@dataclass(frozen=True, slots=True)
class _Listing:
    """The files of one split by class name, not read yet."""

    files: dict[str, list[Path]]
    ignored: tuple[Path, ...]


def open_dataset(
    root: Path,
    *,
    val: Path | None = None,
    val_split: float = 0.2,
    seed: int = 0,
    skip_bad: bool = False,
) -> Dataset:
    """Read a folder with one sub-folder a class, with or without train, val and test inside.

    Every file is decoded once, so that training cannot fail on one later. Nothing is written.

    Args:
        root: The folder.
        val: A separate folder of the same layout to validate on.
        val_split: Part of each class that validates where the folder has no such split.
        seed: Chooses that part.
        skip_bad: Go on without the files that cannot be read.

    Raises:
        DataError: The folder has no classes, one class, or a class too small to split; or the
            validation data has classes that the training data lacks.
        UnreadableImagesError: Files that cannot be decoded, all of them, unless `skip_bad`.
    """
    if not 0 < val_split < 1:
        raise DataError(f"--val-split must lie between 0 and 1, not {val_split}")
    root = root.expanduser().resolve()
    listings = _list_splits(root)
    if val is not None:
        listings["validation"] = _list_separate(val.expanduser().resolve())
    classes = tuple(sorted(listings["train"].files))
    _require_known_classes(listings, classes)

    splits, bad = _read(listings, classes)
    if bad and not skip_bad:
        raise UnreadableImagesError(bad)
    _require_images(splits, classes, root)
    notes = [*_ignored_notes(listings), *_bad_notes(bad)]
    if "validation" not in splits:
        train, validation = split_stratified(splits["train"], classes, val_split, seed)
        splits |= {"train": train, "validation": validation}
    notes += _leak_notes(splits)
    return Dataset(root=root, classes=classes, splits=splits, notes=tuple(notes))


def open_labelled(
    root: Path, classes: Sequence[str], *, skip_bad: bool = False
) -> tuple[Sample, ...]:
    """Read a folder to measure a model of known `classes` on.

    Of a split folder, its test or else its validation part is read.

    Raises:
        DataError: The folder has a class that the model does not know, or no images.
        UnreadableImagesError: Files that cannot be decoded, all of them, unless `skip_bad`.
    """
    listing = _list_separate(root.expanduser().resolve())
    listings: dict[SplitName, _Listing] = {"test": listing}
    _require_known_classes(listings, classes)
    splits, bad = _read(listings, classes)
    if bad and not skip_bad:
        raise UnreadableImagesError(bad)
    if not splits["test"]:
        raise DataError(f"{root} holds no readable image")
    return splits["test"]


def _list_splits(root: Path) -> dict[SplitName, _Listing]:
    folders = _sub_folders(root)
    parts = [folder for folder in folders if folder.name.lower() in SPLIT_FOLDERS]
    named = {SPLIT_FOLDERS[folder.name.lower()]: folder for folder in parts}
    if "train" in named and _sub_folders(named["train"]):
        if len(named) < len(parts):
            names = ", ".join(folder.name for folder in parts)
            raise DataError(f"{root} has two folders for one split: {names}", hint="keep one")
        return {split: _list_classes(folder) for split, folder in named.items()}
    return {"train": _list_classes(root)}


def _list_separate(root: Path) -> _Listing:
    """List a folder meant for measuring: its test, else validation split, else all of it."""
    named = {SPLIT_FOLDERS.get(f.name.lower()): f for f in _sub_folders(root)}
    if "train" in named and _sub_folders(named["train"]):
        return _list_classes(named.get("test") or named.get("validation") or root)
    return _list_classes(root)


def _sub_folders(root: Path) -> list[Path]:
    if not root.is_dir():
        problem = "is not a folder" if root.exists() else "does not exist"
        raise DataError(f"{root} {problem}", hint="give a folder with one sub-folder a class")
    return sorted(
        entry
        for entry in root.iterdir()
        if entry.is_dir() and not entry.name.startswith(".") and entry.name not in _NOT_CLASSES
    )


def _list_classes(root: Path) -> _Listing:
    files: dict[str, list[Path]] = {}
    ignored: list[Path] = []
    for folder in _sub_folders(root):
        found = sorted(_walk(folder))
        files[folder.name] = [path for path in found if is_image(path)]
        ignored += [path for path in found if not is_image(path)]
    if not files:
        raise _no_classes(root)
    return _Listing(files, tuple(ignored))


def _no_classes(root: Path) -> DataError:
    loose = sum(is_image(path) for path in root.iterdir())
    what = f"{loose} images but no sub-folder" if loose else "no images"
    return DataError(
        f"{root} holds {what}", hint="put the images of each class into a folder of its own"
    )


def _walk(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place, name) for name in names if not name.startswith("."))


def _require_known_classes(listings: Mapping[SplitName, _Listing], classes: Sequence[str]) -> None:
    for split, listing in listings.items():
        if strange := sorted(set(listing.files) - set(classes)):
            raise DataError(
                f"the {split} data has classes that training does not know: {', '.join(strange)}",
                hint=f"known are {', '.join(classes)}; classes are matched by name",
            )


def _read(
    listings: Mapping[SplitName, _Listing], classes: Sequence[str]
) -> tuple[dict[SplitName, tuple[Sample, ...]], dict[Path, str]]:
    """Decode and hash every file on all cores (Pillow and hashlib release the GIL)."""
    splits: dict[SplitName, tuple[Sample, ...]] = {}
    bad: dict[Path, str] = {}
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for split, listing in listings.items():
            labelled = [
                (path, classes.index(name))
                for name, paths in listing.files.items()
                for path in paths
            ]
            samples = []
            for outcome in pool.map(_read_one, labelled):
                if isinstance(outcome, Sample):
                    samples.append(outcome)
                else:
                    bad |= outcome
            splits[split] = tuple(samples)
    return splits, bad


def _read_one(labelled: tuple[Path, int]) -> Sample | dict[Path, str]:
    path, label = labelled
    try:
        check_image(path)
        return Sample(path=path, label=label, sha256=sha256_of(path))
    except UnreadableImageError as error:
        return {path: error.problem}


def _require_images(
    splits: Mapping[SplitName, tuple[Sample, ...]], classes: Sequence[str], root: Path
) -> None:
    present = {sample.label for sample in splits["train"]}
    if missing := [name for label, name in enumerate(classes) if label not in present]:
        raise DataError(
            f"{root} has no training images of {', '.join(missing)}",
            hint="add images to these folders or remove them",
        )
    if len(classes) < 2:
        raise DataError(
            f"{root} has one class, {classes[0]!r}; there is nothing to tell apart",
            hint="add a sub-folder for each further class",
        )
    for split in ("validation", "test"):
        if split in splits and not splits[split]:
            raise DataError(f"the {split} data holds no images")


def _ignored_notes(listings: Mapping[SplitName, _Listing]) -> list[str]:
    ignored = [path for listing in listings.values() for path in listing.ignored]
    if not ignored:
        return []
    kinds = ", ".join(sorted({path.suffix or path.name for path in ignored}))
    return [f"{len(ignored)} files that are not images were ignored ({kinds})"]


def _bad_notes(bad: Mapping[Path, str]) -> list[str]:
    return [f"skipped {path}: {reason}" for path, reason in sorted(bad.items())]


def _leak_notes(splits: Mapping[SplitName, tuple[Sample, ...]]) -> list[str]:
    seen = {sample.sha256 for sample in splits["train"]}
    return [
        f"{count} {split} images are also in the training data; its figures will flatter"
        for split, samples in splits.items()
        if split != "train" and (count := sum(sample.sha256 in seen for sample in samples))
    ]
