"""A folder for deployment: made of a proved model, and there whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import onnx

from export.files import ONNX_FILE
from export.hostile import admit
from export.hostile.examine import parse, weights_files
from export.proof import has_proof
from zoo.errors import RunError, StorageError, VerificationError
from zoo.manifest import check_file


def open_proved(folder: Path, *, unproved: bool) -> onnx.ModelProto:
    """Read the graph of a model folder, without weights that lie beside it.

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
    if not unproved and not has_proof(folder):
        raise VerificationError(
            f"{folder / ONNX_FILE} has no passing verification",
            hint="`zoo verify` makes one; what is not proved is laid out with --unproved alone",
        )
    return parse(admit(check_file(folder, ONNX_FILE.as_posix(), hint="export it again")))


def copy_graph(proto: onnx.ModelProto, folder: Path, place: Path) -> None:
    """Copy the ONNX file as `model.onnx`, and the weights that lie beside it under their names.

    Raises:
        DamagedFileError: Weights beside it are not what the manifest recorded.
    """
    place.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / ONNX_FILE, place / "model.onnx")
    for name in weights_files(proto):
        beside = (ONNX_FILE.parent / Path(name).name).as_posix()
        shutil.copyfile(check_file(folder, beside, hint="export it again"), place / Path(name).name)


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
