"""Reading a folder that has one sub-folder a class."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.data.apart import is_output
from zoo.data.check.findings import count_of
from zoo.data.coverage import note_absent
from zoo.data.dataset import Dataset, Samples, SplitName, make_samples
from zoo.data.inspection import inspect_files
from zoo.data.split import split_samples
from zoo.data.tables.read import is_table
from zoo.errors import DataError, UnreadableImagesError
from zoo.inputs.image import is_image
from zoo.targets import ClassTarget

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
_SHOWN = 3
"""So many tables are named in a message."""


@dataclass(frozen=True, slots=True)
class _Listing:
    """The files of one split by class name, not read yet."""

    files: dict[str, list[Path]]
    ignored: tuple[Path, ...]


def open_folder(
    root: Path,
    *,
    val: Path | None = None,
    val_split: float = 0.2,
    seed: int = 0,
    skip_bad: bool = False,
    keep_small: bool = False,
) -> Dataset:
    """Read a folder with one sub-folder a class, with or without train, val and test inside.

    Every file is decoded once, so that training cannot fail on one later. Nothing is written.

    Args:
        root: The folder.
        val: A separate folder of the same layout to validate on.
        val_split: Part of each class that validates where the folder has no such split.
        seed: Chooses that part.
        skip_bad: Go on without the files that cannot be read.
        keep_small: Go on with classes that have no training image, or none to hold out.

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
    target = ClassTarget(classes=tuple(sorted(listings["train"].files)))
    _require_known_classes(listings, target)

    splits, bad = _read(listings, target, root, skip_bad=skip_bad)
    _require_images(splits, target, root, keep_small=keep_small)
    if "validation" not in splits:
        train, validation = split_samples(
            splits["train"], [target], val_split, seed, keep_small=keep_small
        )
        splits |= {"train": train, "validation": validation}
    ignored = [path for listing in listings.values() for path in listing.ignored]
    return Dataset(
        root=root,
        targets=(target,),
        splits=splits,
        notes=(
            *_ignored_notes(ignored),
            *(f"skipped {file}: {bad[file]}" for file in bad),
            *note_absent(splits, [target]),
        ),
        skipped=bad,
        ignored=tuple(_relative(path, root) for path in ignored),
    )


def open_labelled_folder(root: Path, target: ClassTarget, *, skip_bad: bool = False) -> Samples:
    """Read a folder to measure a model of known classes on.

    Of a split folder, its test or else its validation part is read.

    Raises:
        DataError: The folder has a class that the model does not know, or no images.
        UnreadableImagesError: Files that cannot be decoded, all of them, unless `skip_bad`.
    """
    root = root.expanduser().resolve()
    listings: dict[SplitName, _Listing] = {"test": _list_separate(root)}
    _require_known_classes(listings, target)
    splits, _ = _read(listings, target, root, skip_bad=skip_bad)
    if not len(splits["test"]):
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
        raise DataError(
            f"{root} {problem}",
            hint="give a folder with one sub-folder a class, or a table (.csv, .tsv, .jsonl, "
            ".parquet) with a column of image files",
        )
    return sorted(entry for entry in root.iterdir() if entry.is_dir() and _may_be_class(entry))


def _may_be_class(folder: Path) -> bool:
    if folder.name.startswith(".") or folder.name in _NOT_CLASSES:
        return False
    return not is_output(folder)


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
    what = f"{count_of(loose, 'image')} but no sub-folder" if loose else "no images"
    hint = "put the images of each class into a folder of its own"
    return DataError(f"{root} holds {what}", hint=_or_a_table(root, hint))


def _or_a_table(root: Path, hint: str) -> str:
    """Point to the tables that lie in a folder which is none of classes."""
    tables = sorted(path for path in root.iterdir() if path.is_file() and is_table(path))
    if not tables:
        return hint
    named = " or ".join(path.name for path in tables[:_SHOWN])
    return f"to learn what {named} says of these images, give {tables[0]} as the data; or {hint}"


def _walk(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if _may_be_class(Path(place, name))]
        yield from (Path(place, name) for name in names if not name.startswith("."))


def _require_known_classes(listings: Mapping[SplitName, _Listing], target: ClassTarget) -> None:
    for split, listing in listings.items():
        if strange := sorted(set(listing.files) - set(target.classes)):
            raise DataError(
                f"the {split} data has classes that training does not know: {', '.join(strange)}",
                hint=f"known are {', '.join(target.classes)}; classes are matched by name",
            )


def _read(
    listings: Mapping[SplitName, _Listing], target: ClassTarget, root: Path, *, skip_bad: bool
) -> tuple[dict[SplitName, Samples], dict[str, str]]:
    """Decode and hash every file; say which were left out, and why."""
    splits: dict[SplitName, Samples] = {}
    bad: dict[Path, str] = {}
    for split, listing in listings.items():
        labels = [name for name, paths in listing.files.items() for _ in paths]
        paths = [path for paths in listing.files.values() for path in paths]
        found = inspect_files(paths)
        bad |= {paths[at]: reason for at, reason in found.bad.items()}
        samples = make_samples(
            root,
            [_relative(path, root) for path in paths],
            {target.name: target.encode(labels)},
            found.digests,
        )
        splits[split] = samples.select([at for at in range(len(paths)) if at not in found.bad])
    if bad and not skip_bad:
        raise UnreadableImagesError(bad)
    return splits, {_relative(path, root): reason for path, reason in sorted(bad.items())}


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _require_images(
    splits: Mapping[SplitName, Samples], target: ClassTarget, root: Path, *, keep_small: bool
) -> None:
    present = set(np.unique(splits["train"].truths[target.name]).tolist())
    missing = [name for label, name in enumerate(target.classes) if label not in present]
    if missing and not (keep_small and present):
        raise DataError(
            f"{root} has no training images of {', '.join(missing)}",
            hint=_or_a_table(root, "add images to these folders or remove them"),
        )
    if len(target.classes) < 2:
        raise DataError(
            f"{root} has one class, {target.classes[0]!r}; there is nothing to tell apart",
            hint=_or_a_table(root, "add a sub-folder for each further class"),
        )
    for split in ("validation", "test"):
        if split in splits and not len(splits[split]):
            raise DataError(f"the {split} data holds no images")


def _ignored_notes(ignored: Sequence[Path]) -> list[str]:
    if not ignored:
        return []
    kinds = ", ".join(sorted({path.suffix or path.name for path in ignored}))
    one = len(ignored) == 1
    what = (
        "1 file that is not an image was"
        if one
        else f"{len(ignored):,} files that are no images were"
    )
    return [f"{what} ignored ({kinds})"]
