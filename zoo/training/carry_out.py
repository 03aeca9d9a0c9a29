"""A planned run from its first or next step to its model folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from zoo.backbones.network import Network, build_network
from zoo.errors import DivergedError, RunError, RunInterruptedError, StorageError, ZooError
from zoo.hardware import keep_freed_memory, repeatable
from zoo.model import ModelConfig, widths_of
from zoo.progress import Progress
from zoo.run import Run, RunFailure, now
from zoo.targets import ValueTarget
from zoo.training.context import Training
from zoo.training.finish import finish
from zoo.training.fits import require_fit_to_network
from zoo.training.interruption import stop_on_signals
from zoo.training.loop import run_phases
from zoo.training.plan import Plan
from zoo.training.prepare import warnings_of
from zoo.training.processes import Processes
from zoo.versions import zoo_version


def build_planned(plan: Plan) -> Network:
    """Build the network of a plan; its heads answer values in the user's units.

    Raises:
        WeightsError: The pretrained weights cannot be read, or do not fit.
        RecipeError: The recipe's heads or phases do not fit the backbone.
    """
    network = build_network(
        plan.backbone,
        widths_of(plan.dataset.targets),
        head=plan.recipe.head,
        weights=plan.weights,
        size=plan.preprocess.size,
        seed=plan.seed,
    )
    for target in plan.dataset.targets:
        if isinstance(target, ValueTarget):
            network.heads[target.name].answer_in(target.std, target.mean)
    require_fit_to_network(plan.recipe, network)
    return network


def carry_out(
    run: Run, plan: Plan, network: Network, processes: Processes, progress: Progress
) -> Run:
    """Go through the phases from wherever the run stands, then measure and write the model.

    Raises:
        RunInterruptedError: A signal came; the run can be resumed.
        RecipeError: The loss is not finite, or a batch does not fit into memory.
        DeviceError: An operator cannot be repeated, and was to be.
    """
    if plan.device.type == "cpu":
        keep_freed_memory()
    with _recorded(run, processes), repeatable(strict=plan.deterministic):
        with stop_on_signals() as stop:
            training = Training(
                run=run,
                plan=plan,
                network=network,
                config=_config_of(plan),
                processes=processes,
                progress=progress,
                stop=stop,
            )
            run_phases(training)
        finish(training)
    return run


@contextmanager
def _recorded(run: Run, processes: Processes) -> Iterator[None]:
    """Write into the record how a run ended early; whoever cannot write has told why."""
    ended: dict[str, Any] = {}
    try:
        yield
    except (RunInterruptedError, KeyboardInterrupt):
        ended = {"status": "interrupted"}
        raise
    except Exception as error:
        repeats = isinstance(error, DivergedError)
        failure = RunFailure(problem=_line_of(error), time=now(), repeats=repeats)
        ended = {"status": "failed", "failure": failure}
        raise
    finally:
        if ended and processes.writes:
            with suppress(RunError, StorageError):
                run.update(**ended)


def _line_of(error: Exception) -> str:
    """Say in a line what stopped a run."""
    if isinstance(error, ZooError):
        return error.problem.partition("\n")[0]
    return f"{type(error).__name__}: {error}".partition("\n")[0]


def _config_of(plan: Plan) -> ModelConfig:
    return ModelConfig(
        backbone=plan.backbone,
        preprocess=plan.preprocess,
        targets=plan.dataset.targets,
        head=plan.recipe.head,
        data_fingerprint=plan.dataset.fingerprint,
        recipe=plan.recipe.name,
        pretrained=plan.pretrained,
        zoo_version=zoo_version(),
        base=(_public(plan.reference), *plan.backbone.weights.base),
        assumptions=plan.assumptions,
        notes=tuple(warnings_of(plan)),
    )


def _public(reference: str) -> str:
    """Name a backbone without saying where on this machine it lay."""
    path = Path(reference)
    if not path.is_absolute():
        return reference
    return f"./{path.parent.name if (path.parent / 'run.json').exists() else path.name}"
