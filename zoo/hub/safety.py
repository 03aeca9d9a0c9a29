"""What a pulled model may consist of: data alone, by the kinds of its files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from zoo.errors import UnsafeFileError

_DATA = frozenset({".safetensors", ".json", ".onnx", ".data", ".txt", ".md", ".png", ".svg"})
_PICKLES = frozenset(
    {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".pt2", ".npy", ".npz", ".th"}
)


def require_data(names: Iterable[str], manifest: Path) -> None:
    """Make sure that a manifest names nothing that could run.

    Raises:
        UnsafeFileError: It does; nothing of the model has been fetched.
    """
    for name in sorted(names):
        suffix = PurePosixPath(name).suffix.lower()
        if suffix in _PICKLES:
            raise UnsafeFileError(manifest, f"it names {name}, a pickle, which may run anything")
        if suffix not in _DATA:
            raise UnsafeFileError(manifest, f"it names {name}, which is no data that zoo writes")
