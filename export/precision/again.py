"""Variants in fewer bits judged once more, on this machine and as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from export.precision.emulate import is_emulated, stand_in_for
from export.precision.images import gather_validation
from export.precision.judge import Judge
from export.precision.report import PrecisionReport
from zoo.data.dataset import Samples
from zoo.model import TrainedModel
from zoo.progress import Progress
from zoo.storage import sha256_of_bytes


def judge_again(
    model: TrainedModel,
    content: bytes,
    variants: Sequence[tuple[bytes, PrecisionReport]],
    validation: Samples,
    *,
    workers: int,
    progress: Progress,
) -> tuple[PrecisionReport, ...]:
    """Hold variants against their float32 file, each within the budget that it was made for.

    Integers that do not overflow on one processor may on another, so that this is worth doing
    wherever a file is to run. Where it is a CPU, every rounding of a float16 file is written down
    first, as when it was made: the file itself overflows on GPUs only. How it was made, and its
    latency then, are told as they were.

    Args:
        model: The trained network, on the device to judge on.
        content: The float32 file.
        variants: Each file in fewer bits, with what was measured when it was made.
        validation: Images to judge by.
        workers: Processes that decode images.
        progress: Hears what happens.

    Raises:
        DamagedFileError: A file is no model that runs.
        ExportError: One takes other images, or tells nothing of its float16 tensors.
        UnreadableImagesError: Images that cannot be decoded.
    """
    if not variants:
        return ()
    images = gather_validation(validation, model.preprocess, workers=workers, progress=progress)
    judge = Judge(model, content, images)
    return tuple(_judge(judge, variant, earlier) for variant, earlier in variants)


def _judge(judge: Judge, variant: bytes, earlier: PrecisionReport) -> PrecisionReport:
    device = judge.model.device
    run = stand_in_for(variant, earlier.precision, device)
    found = judge.judge(run, earlier.max_drop)
    return replace(
        earlier,
        verdict="kept" if found.passed else "refused",
        sha256=sha256_of_bytes(variant),
        size_bytes=len(variant),
        size_float32_bytes=len(judge.content),
        targets=found.targets,
        finite=found.finite,
        device=device.type,
        emulated=is_emulated(earlier.precision, device),
    )
