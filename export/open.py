"""A model opened for use: by PyTorch from a folder, or by ONNX Runtime from its export."""

from __future__ import annotations

from pathlib import Path

from export.files import ONNX_FILE
from export.proof import has_proof
from export.session import OnnxModel, Runtime, open_session, resolve_onnx_device
from zoo.errors import RunError
from zoo.evaluation import Predictor
from zoo.hardware import resolve_device
from zoo.manifest import NAME as MANIFEST
from zoo.manifest import check_file
from zoo.model import load_model
from zoo.run import locate_model

_AGAIN = "`zoo export` makes it anew"


def open_predictor(path: Path, runtime: Runtime, device: str) -> Predictor:
    """Open a run folder, a model folder or an `.onnx` file.

    Args:
        path: What to open; an `.onnx` file is always run by ONNX Runtime.
        runtime: What is to run it.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        RunError: There is no such model, or it was not exported yet.
        DamagedFileError: It is not what was written.
        DeviceError: The runtime cannot use the device.
    """
    if path.suffix == ".onnx":
        if not path.is_file():
            raise RunError(f"{path} does not exist")
        around = path.resolve().parent.parent
        if path.resolve().parent.name == ONNX_FILE.parent.name and (around / MANIFEST).exists():
            check_file(around, (ONNX_FILE.parent / path.name).as_posix(), hint=_AGAIN)
        return _require_network(open_session(path, resolve_onnx_device(device)), path)
    folder = locate_model(path).folder
    if runtime == "torch":
        return load_model(folder, resolve_device(device))
    if not (folder / ONNX_FILE).exists():
        raise RunError(f"{folder} has no {ONNX_FILE}", hint=f"zoo export {path}")
    onnx_file = check_file(folder, ONNX_FILE.as_posix(), hint=f"make it anew: zoo export {path}")
    return open_session(onnx_file, resolve_onnx_device(device))


def _require_network(opened: OnnxModel, path: Path) -> OnnxModel:
    """Refuse a graph that prepares its images itself: here they are prepared already."""
    if "zoo.raw" in opened.metadata:
        raise RunError(
            f"{path} takes uint8 images and prepares them itself",
            hint=f"use {ONNX_FILE.name} beside it; docs/files.md tells how to run this one",
        )
    return opened


def is_unproved(path: Path, runtime: Runtime) -> bool:
    """Tell whether an exported model is about to be used without a passing verification.

    A lone `.onnx` file is proved if it is the one of a model folder that proves it.
    """
    if path.suffix == ".onnx":
        folder = path.resolve().parent.parent
        file = ONNX_FILE.with_name(path.name)
        return path.resolve() != folder / file or not has_proof(folder, file)
    return runtime == "onnx" and not has_proof(locate_model(path).folder)
