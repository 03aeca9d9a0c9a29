"""The exported files of a model folder that take part in a benchmark."""

from __future__ import annotations

from pathlib import Path

from export.benchmark.contenders import FILES, NumberFormat
from export.hostile import admit
from zoo.manifest import check_file


def read_graphs(folder: Path) -> dict[NumberFormat, bytes]:
    """Read each ONNX file of a model folder that can be compared with its network.

    Raises:
        DamagedFileError: One is not what the manifest says.
        UnsafeFileError: One did harm when it was tried.
    """
    return {
        precision: admit(check_file(folder, file.as_posix(), hint="make it anew: zoo export"))
        for precision, file in FILES.items()
        if (folder / file).exists()
    }
