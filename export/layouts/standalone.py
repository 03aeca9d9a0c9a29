"""A folder that answers images without zoo and torch: `predict.py` and the model beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

from export.layouts.folder import appearing, copy_graph, open_proved

SCRIPT = Path(__file__).with_name("predict.py")


def write_standalone(folder: Path, place: Path, *, unproved: bool = False) -> Path:
    """Write `predict.py` and `model.onnx` into a new folder.

    Args:
        folder: The model folder.
        place: The folder to make.
        unproved: Take the model even if no verification of it has passed.

    Raises:
        RunError: The model was not exported yet, or `place` exists.
        VerificationError: Nobody proved that the export is the model that was trained.
        DamagedFileError: The export is not what was written.
    """
    found = open_proved(folder, unproved=unproved)
    with appearing(place) as staged:
        copy_graph(found, staged)
        shutil.copyfile(SCRIPT, staged / SCRIPT.name)
    return place
