"""A folder for deployment: made of a proved model, and there whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import onnx

from export.files import ONNX_FILE
from export.hostile import admit
from export.hostile.examine import parse, weights_files
from export.proof import has_proof
from zoo.errors import DamagedFileError, RunError, StorageError, VerificationError
from zoo.manifest import check_file, recorded_files
from zoo.storage import sha256_of, sha256_of_bytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Proved:
    """The graph of a model folder, read once: what was checked is what is laid out."""

    folder: Path
    """The model folder."""
    content: bytes
    """The graph's bytes, which were admitted, recorded and proved."""
    proto: onnx.ModelProto
    """The same, parsed, without weights that lie beside it."""


def open_proved(folder: Path, *, unproved: bool) -> Proved:
    """Read the graph of a model folder.

    Args:
        folder: The model folder.
        unproved: Take it even if no verification of these very bytes has passed.

    Raises:
        RunError: The folder has no ONNX file.
        VerificationError: Nobody proved that it is the model that was trained.
        DamagedFileError: It is not what the manifest recorded, or no ONNX model.
        UnsafeFileError: It is hostile.
    """
    if not (folder / ONNX_FILE).exists():
        raise RunError(f"{folder} has no {ONNX_FILE}", hint="zoo export makes it")
    content = admit(check_file(folder, ONNX_FILE.as_posix(), hint=_AGAIN))
    if not unproved and not has_proof(folder):
        raise VerificationError(
            f"{folder / ONNX_FILE} has no passing verification",
            hint="`zoo verify` makes one; what is not proved is laid out with --unproved alone",
        )
    _require_recorded(folder, ONNX_FILE.as_posix(), sha256_of_bytes(content))
    return Proved(folder=folder, content=content, proto=parse(content))


def copy_graph(found: Proved, place: Path) -> None:
    """Write the graph as `model.onnx`, and copy the weights that lie beside it.

    They are hashed as they were copied, whatever becomes of the originals meanwhile.

    Raises:
        DamagedFileError: Weights beside it are not what the manifest recorded.
    """
    place.mkdir(parents=True, exist_ok=True)
    (place / "model.onnx").write_bytes(found.content)
    for weights in weights_files(found.proto):
        name = (ONNX_FILE.parent / weights).as_posix()
        copied = Path(shutil.copyfile(check_file(found.folder, name, hint=_AGAIN), place / weights))
        _require_recorded(found.folder, name, sha256_of(copied))


_AGAIN = "export it again"


def _require_recorded(folder: Path, name: str, sha256: str) -> None:
    """Hold what was read against the manifest: the file may have changed since it was checked."""
    if recorded_files(folder).get(name) != sha256:
        raise DamagedFileError(folder / name, "it changed while it was read", hint=_AGAIN)


@contextmanager
def appearing(place: Path) -> Iterator[Path]:
    """Fill a folder that gets its name when it is whole.

    Raises:
        RunError: There is something already.
        StorageError: The disk refuses it.
    """
    if place.exists():
        raise RunError(f"{place} exists; nothing is overwritten", hint="choose another folder")
    staged = place.with_name(f".{place.name}.{uuid4().hex}.part")
    try:
        staged.mkdir(parents=True)
        yield staged
        staged.rename(place)
    except OSError as cause:
        raise StorageError(place, cause) from cause
    finally:
        shutil.rmtree(staged, ignore_errors=True)
