"""The phases of a run, one after the other, from wherever its last checkpoint stands."""

from __future__ import annotations

import json

from zoo.recipes import SolvePhase
from zoo.run import Run
from zoo.storage import write_bytes
from zoo.training.checkpoint import Checkpoint, load_checkpoint
from zoo.training.context import Training
from zoo.training.descent import Descent
from zoo.training.solve import solve


def run_phases(training: Training) -> None:
    """Carry out all that the last checkpoint has not seen.

    Raises:
        RunInterruptedError: A signal came; the run can be resumed.
        RecipeError: The loss is not finite.
    """
    start = load_checkpoint(training.run.checkpoints)
    if start is not None and start.phase_state is None:
        training.continue_from(start)
    if training.processes.writes:
        _forget_after(training.run, start)
    for index, phase in enumerate(training.plan.recipe.phases):
        if start is not None and index < start.phase:
            continue
        if isinstance(phase, SolvePhase):
            solve(training, index, phase)
        else:
            Descent(training, index, phase).execute(
                start if start is not None and start.phase == index else None
            )
        training.save(index + 1, 0)
        training.stop_if_asked()


def _forget_after(run: Run, start: Checkpoint | None) -> None:
    """Drop the log lines of steps that are going to be taken again, and a torn last one."""
    if not run.metrics_log.exists():
        return
    reached = (start.phase, start.step) if start else (-1, 0)
    kept = []
    for text in run.metrics_log.read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            break
        if (line["phase"], line["step"]) <= reached:
            kept.append(text + "\n")
    write_bytes(run.metrics_log, "".join(kept).encode())
