"""What a run came to, in a few lines: its scores, its time, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from cli import render
from cli.figures import significant
from cli.render import Fact
from zoo.data.check import count_of
from zoo.run import Run, RunRecord
from zoo.targets import JointMetrics


def print_outcome(run: Run) -> None:
    """Print what a finished run reached, and the command that comes next."""
    record = run.read()
    timing = record.timing
    assert timing is not None
    speed = significant(timing.images_per_second, 2)
    render.print_facts(
        [
            *_list_scores(record),
            *_list_calibration(record),
            (
                "time",
                f"{timing.seconds:.0f} s, {speed} images/s",
            ),
            ("run", str(run.path)),
            ("next", f"zoo export {shlex.quote(str(run.path))}"),
        ]
    )


def _list_scores(record: RunRecord) -> Iterator[Fact]:
    for split, metrics in record.metrics.items():
        parts = metrics.targets if isinstance(metrics, JointMetrics) else {"": metrics}
        for name, part in parts.items():
            images = count_of(part.num_samples, "image")
            yield f"{split} {name}".strip(), f"{part.headline}, {images}"


def _list_calibration(record: RunRecord) -> Iterator[Fact]:
    several = len(record.calibration) > 1
    for name, found in record.calibration.items():
        yield (
            f"calibration {name}" if several else "calibration",
            f"temperature {found.temperature:.2f}; calibration error "
            f"{found.error_before:.3f} -> {found.error_after:.3f}, loss "
            f"{found.loss_before:.3f} -> {found.loss_after:.3f}",
        )
