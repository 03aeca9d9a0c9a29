"""A variant in fewer bits judged once more, on this machine and as it is."""

from __future__ import annotations

from dataclasses import replace

from export.precision.answers import answer, is_finite
from export.precision.budget import compare_answers
from export.precision.report import PrecisionReport
from export.samples import gather_inputs
from zoo.data.dataset import Samples
from zoo.evaluation import truths_of
from zoo.model import TrainedModel
from zoo.progress import Progress
from zoo.storage import sha256_of_bytes


def judge_again(
    model: TrainedModel,
    content: bytes,
    variant: bytes,
    earlier: PrecisionReport,
    validation: Samples,
    *,
    workers: int,
    progress: Progress,
) -> PrecisionReport:
    """Hold a variant against its float32 file within the budget that it was made for.

    Integers that do not overflow on one processor may on another, so that this is worth doing
    wherever the file is to run. How it was made, and its latency then, are told as they were.

    Args:
        model: The trained network, on the device to judge on.
        content: The float32 file.
        variant: The file in fewer bits.
        earlier: What was measured when it was made.
        validation: Images to judge by.
        workers: Processes that decode images.
        progress: Hears what happens.
    """
    inputs = gather_inputs(validation, model.preprocess, workers, progress)
    reference, found = (
        answer(file, model.device, inputs.pixel_values) for file in (content, variant)
    )
    real = {name: outputs[inputs.samples] for name, outputs in found.items()}
    changes = compare_answers(
        model.targets,
        truths_of(validation),
        {name: outputs[inputs.samples] for name, outputs in reference.items()},
        real,
        earlier.max_drop,
    )
    finite = is_finite(found)
    passed = finite and all(change.verdict == "kept" for change in changes.values())
    return replace(
        earlier,
        verdict="kept" if passed else "refused",
        sha256=sha256_of_bytes(variant),
        size_bytes=len(variant),
        targets=changes,
        finite=finite,
        device=model.device.type,
        emulated=False,
    )
