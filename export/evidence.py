"""What an export is verified on: labelled images, and what training measured on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from export.samples import NUM_SAMPLES, choose_samples
from zoo.data.dataset import Samples
from zoo.data.open import DataSettings, open_labelled
from zoo.data.record import require_unchanged
from zoo.errors import RunError
from zoo.run import Run
from zoo.targets import Metrics, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Labelled images to verify on."""

    samples: Samples
    recorded: Metrics | None
    """What training measured, where these are all the images that it measured on."""
    training: Samples | None = None
    """Images that were trained on, to calibrate fewer bits with; None without a run."""


def gather_evidence(
    run: Run | None,
    data: Path | None,
    targets: Sequence[Target],
    count: int = NUM_SAMPLES,
    *,
    settings: DataSettings | None = None,
) -> Evidence:
    """Choose labelled images: of other data if some is given, else of the run's validation split.

    Args:
        run: The run that the model belongs to, if any.
        data: Labelled images of the same targets.
        targets: What the model answers.
        count: How many images to choose at most.
        settings: How the other data is to be read.

    Raises:
        DataError: The images are gone, have changed, or are of other classes.
        RunError: There is neither a run nor other data.
    """
    if data is not None:
        samples = choose_samples(open_labelled(data, targets, settings), count)
        training = run.read_dataset().train if run else None
        return Evidence(samples=samples, recorded=None, training=training)
    if run is None:
        raise RunError(
            "a model folder alone has no images to verify on",
            hint="name labelled images of the same kind as it was trained on: --data DATA",
        )
    dataset = run.read_dataset()
    chosen = choose_samples(dataset.validation, count)
    require_unchanged(chosen)
    whole = len(chosen) == len(dataset.validation)
    recorded = run.read().metrics.get("validation") if whole else None
    return Evidence(samples=chosen, recorded=recorded, training=dataset.train)
