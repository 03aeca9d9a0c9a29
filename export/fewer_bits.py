"""A proved graph in fewer bits, beside it in its model folder."""

from __future__ import annotations

from pathlib import Path

from export.evidence import Evidence
from export.files import PRECISION_FILES
from export.hostile import remember
from export.precision import PrecisionReport, make_precisions
from export.samples import choose_samples
from export.settings import ExportSettings
from export.written import record
from zoo.data.dataset import Samples
from zoo.data.record import require_unchanged
from zoo.errors import RunError
from zoo.model import TrainedModel
from zoo.progress import Progress
from zoo.storage import write_bytes


def choose_training(evidence: Evidence | None, settings: ExportSettings) -> Samples | None:
    """Choose what fewer bits are calibrated on, if any are asked for.

    Raises:
        RunError: There is nothing to calibrate on, or nothing to judge by.
        DataError: Training images are gone or have changed.
    """
    if not settings.precisions:
        return None
    if evidence is None or evidence.training is None:
        raise RunError(
            "fewer bits need training images to calibrate on and validation images to judge by",
            hint="export from the run folder, whose images are known, without --no-verify",
        )
    chosen = choose_samples(evidence.training, 2 * settings.calibration_images)
    require_unchanged(chosen)
    return chosen


def write_in_fewer_bits(
    model: TrainedModel,
    folder: Path,
    content: bytes,
    training: Samples,
    validation: Samples,
    settings: ExportSettings,
    workers: int,
    progress: Progress,
) -> dict[str, PrecisionReport]:
    """Write what stays within its budget, and tell of all that was tried.

    Args:
        model: The trained network.
        folder: The model folder.
        content: The proved graph.
        training: Images to calibrate on.
        validation: Images to judge by.
        settings: In which fewer bits, and how much they may cost.
        workers: Processes that decode images.
        progress: Hears what happens.

    Raises:
        ExportError: A converter makes no valid graph of it.
    """
    variants = make_precisions(
        model,
        content,
        training,
        validation,
        settings.precisions,
        max_drop=settings.max_drop,
        calibration_images=settings.calibration_images,
        workers=workers,
        progress=progress,
    )
    for variant in variants:
        if variant.content is not None:
            remember(variant.content)
            write_bytes(folder / PRECISION_FILES[variant.report.precision], variant.content)
    record(folder)
    return {variant.report.precision: variant.report for variant in variants}
