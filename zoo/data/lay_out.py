"""Laying a data set's images out as files, each once, beside a table that names them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet
from PIL import Image

from zoo.errors import DataError, StorageError
from zoo.progress import Progress
from zoo.storage import sha256_of_bytes

if TYPE_CHECKING:
    from datasets import Dataset

_TABLE = "table.parquet"
_SPLIT = "split"
_BATCH = 256
"""Rows in memory at a time, with the bytes of their images."""

_SUFFIXES = {"JPEG": ".jpg", "TIFF": ".tif", "PPM": ".ppm"}
"""Where it is not the format's own name."""

Convert = Callable[[Any], Any]


def lay_out(parts: Mapping[str, Dataset], cache: Path, progress: Progress) -> Path:
    """Write images under the hash of their bytes and, at the end, the table.

    A table that is there is the sign that all images are; an interrupted layout goes on where
    it was, for what has been written is not written again.

    Args:
        parts: By split.
        cache: The folder gets one of its own here, named by the data set's fingerprint.
        progress: Told about each image.

    Raises:
        DataError: There is no column of images.
        StorageError: The disk is full or read-only.
    """
    fingerprints = [f"{name} {part._fingerprint}" for name, part in parts.items()]  # noqa: SLF001
    folder = cache / sha256_of_bytes("\n".join(fingerprints).encode())[:16]
    table = folder / _TABLE
    if table.is_file():
        return table
    try:
        folder.mkdir(parents=True, exist_ok=True)
        progress.start("unpack images", sum(map(len, parts.values())))
        temporary = folder / f".{uuid4().hex}.part"
        try:
            _write_table(parts, folder, temporary, progress)
            temporary.replace(table)
        finally:
            temporary.unlink(missing_ok=True)
            progress.finish()
    except OSError as cause:
        raise StorageError(folder, cause) from cause
    return table


def _write_table(
    parts: Mapping[str, Dataset], folder: Path, path: Path, progress: Progress
) -> None:
    columns = _choose_columns(parts, folder)
    schema = pa.schema([(name, kind) for name, (kind, _) in columns.items()])
    if len(parts) > 1:
        schema = schema.append(pa.field(_SPLIT, pa.string()))
    with pa.parquet.ParquetWriter(path, schema) as writer:
        for split, part in parts.items():
            for batch in _decode_nothing(part).iter(_BATCH):
                cells = {name: list(map(to, batch[name])) for name, (_, to) in columns.items()}
                count = len(next(iter(cells.values())))
                cells |= {_SPLIT: [split] * count} if _SPLIT in schema.names else {}
                writer.write_table(pa.table(cells, schema=schema))
                progress.advance(count)


def _choose_columns(
    parts: Mapping[str, Dataset], folder: Path
) -> dict[str, tuple[pa.DataType, Convert]]:
    """Find the columns that all parts have and that a table can hold, and how to convert them."""
    import datasets

    first, *others = parts.values()
    found = {
        name: column
        for name, feature in first.features.items()
        if all(name in other.features for other in others)
        and (column := _convert(feature, folder)) is not None
        and name != _SPLIT
    }
    if not any(isinstance(feature, datasets.Image) for feature in first.features.values()):
        raise DataError(
            f"the data set has no column of images: {', '.join(first.features)}",
            hint="zoo learns from images",
        )
    return found


def _decode_nothing(part: Dataset) -> Dataset:
    """Ask for the bytes of images as they are."""
    import datasets

    for name, feature in part.features.items():
        if isinstance(feature, datasets.Image):
            part = part.cast_column(name, datasets.Image(decode=False))
    return part.with_format(None)


def _convert(feature: Any, folder: Path) -> tuple[pa.DataType, Convert] | None:
    import datasets

    match feature:
        case datasets.Image():
            return pa.string(), partial(_keep, folder)
        case datasets.ClassLabel():
            return pa.string(), partial(_name, feature.names)
        case datasets.Value():
            return feature.pa_type, _same
        case datasets.List(feature=datasets.ClassLabel(names=names)):
            return pa.list_(pa.string()), partial(_names, names)
        case datasets.List(feature=datasets.Value() as inner):
            return pa.list_(inner.pa_type), _same
    return None


def _same(cell: Any) -> Any:
    return cell


def _name(names: Sequence[str], cell: int | None) -> str | None:
    """Name a class; -1 is how data sets hide the classes of their test part."""
    return None if cell is None or cell < 0 else names[cell]


def _names(names: Sequence[str], cells: Sequence[int] | None) -> list[str] | None:
    return None if cells is None else [names[cell] for cell in cells]


def _keep(folder: Path, cell: Mapping[str, Any] | None) -> str | None:
    """Write an image under the hash of its bytes, if it is no file already; say its name."""
    if cell is None:
        return None
    if cell["bytes"] is None:
        return str(cell["path"])
    digest = sha256_of_bytes(cell["bytes"])
    name = f"{digest[:2]}/{digest}{_suffix(cell['bytes'])}"
    path = folder / name
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        temporary = path.with_name(f".{uuid4().hex}.part")
        temporary.write_bytes(cell["bytes"])
        temporary.replace(path)
    return name


def _suffix(content: bytes) -> str:
    """What a file of this content is usually called; `.bin` if it is no image."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            return _SUFFIXES.get(str(image.format), f".{str(image.format).lower()}")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return ".bin"
