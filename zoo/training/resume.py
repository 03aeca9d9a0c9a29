"""Continuing an unfinished run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from zoo.backbones.find import reference_of
from zoo.backbones.network import trained_stages
from zoo.backbones.sources import fetch_weights
from zoo.data.dataset import Dataset
from zoo.data.record import require_unchanged
from zoo.errors import RunError, WeightsError
from zoo.hardware import resolve_workers
from zoo.progress import Progress, Silence
from zoo.recipes import DescendPhase, Recipe
from zoo.registry import Backbone, Lock
from zoo.run import Run, RunRecord, find_unfinished
from zoo.storage import remove_unfinished
from zoo.training.carry_out import build_planned, carry_out
from zoo.training.changes import change_recipe, check_recipe, flag_of
from zoo.training.checkpoint import has_checkpoint
from zoo.training.plan import Plan, Settings, adapt_preprocess, adapt_recipe
from zoo.training.prepare import default_name, describe_plan
from zoo.training.processes import join_processes

_MAY_DIFFER = frozenset({"skip_bad", "allow_leaks", "accept_guess"})
"""What is settled once the data is opened: it does no harm to say it again."""


def resume(
    output: Path | None,
    backbone: str | None = None,
    data: Path | None = None,
    settings: Settings | None = None,
    *,
    lock: Lock | None = None,
    progress: Progress | None = None,
    command: str = "",
) -> Run:
    """Continue an unfinished run to the weights that it would have had, bit for bit.

    Args:
        output: The run folder, or None for the newest `runs/BACKBONE-FOLDER…`.
        backbone: As the run was begun with; may be left out.
        data: Likewise.
        settings: Likewise; what is given must agree with the run. `workers` may differ.
        lock: Remembers what weights fetched from elsewhere were; by default `zoo.lock`.
        progress: Hears what happens.
        command: The command line, for the record.

    Raises:
        RunError: There is no such run, it is complete, or it was begun otherwise.
        DamagedFileError: A file of it is not what was written.
        DataError: The data is not what the run began with.
        RunInterruptedError: A signal stopped the run again.
    """
    if output is None and (backbone is None or data is None):
        raise RunError("which run is to be resumed?", hint="name its folder with --output")
    run = find_unfinished(output, default_name(backbone or "", data or Path()))
    record = run.read()
    if record.status == "complete":
        raise RunError(
            f"{run.path} is complete; there is nothing to resume",
            hint=f"zoo export {run.path}",
        )
    settings = settings or Settings()
    processes = join_processes(record.device, record.precision)

    def read() -> Dataset:
        _require_as_many(run, record, processes.count)
        _require_same(run, record, backbone, data, settings)
        dataset = run.read_dataset()
        for samples in dataset.splits.values():
            require_unchanged(samples)
        return dataset

    dataset, neighbours = processes.agree(read), processes.count_neighbours()
    plan = Plan(
        backbone=record.backbone,
        recipe=record.recipe,
        preprocess=record.preprocess,
        dataset=dataset,
        data=Path(record.data.given),
        device=processes.device,
        precision=record.precision,
        workers=resolve_workers(settings.workers, processes.device, neighbours=neighbours),
        auto_batch=record.auto_batch or settings.auto_batch,
        deterministic=record.deterministic,
        compile=record.compile,
        sharded=record.sharded,
        cache=settings.cache,
        pretrained=record.pretrained,
        weights=_weights_to_resume(run, record, lock),
        reference=record.reference,
        origin=record.origin,
        assumptions=record.assumptions,
    )
    torch.set_num_threads(record.threads)
    network = build_planned(plan)
    listener = (progress or Silence()) if processes.writes else Silence()
    listener.note(f"resuming {run.path}")
    for line in describe_plan(plan):
        listener.note(line)

    def take_up() -> None:
        remove_unfinished(run.path)
        run.update(status="running", failure=None, commands=(*record.commands, command))

    processes.agree(take_up)
    return carry_out(run, plan, network, processes, listener)


def _weights_to_resume(run: Run, record: RunRecord, lock: Lock | None) -> Path | None:
    """Have the pretrained weights at hand, unless a checkpoint holds what became of them.

    Raises:
        WeightsError: They are needed and cannot be had any more.
    """
    if not record.pretrained or has_checkpoint(run.checkpoints):
        return None
    try:
        return fetch_weights(record.backbone.weights, lock).path
    except WeightsError as cause:
        raise WeightsError(
            f"{run.path} cannot be resumed: {cause.problem}",
            hint="put the weights back where they were, or begin a new run",
        ) from cause


def _require_as_many(run: Run, record: RunRecord, count: int) -> None:
    """Refuse to resume with another number of processes: it makes other steps.

    Raises:
        RunError: It is another.
    """
    then = record.processes
    if count != then:
        many = f"torchrun --nproc-per-node {then} --no-python " if then > 1 else ""
        where = f" ({then} processes; on several machines, as many on each as then)"
        raise RunError(
            f"{run.path} was begun by {then} process{'es' if then > 1 else ''}, not by {count}",
            hint=f"resume it as it was: {many}zoo finetune --resume --output {run.path}"
            f"{where if then > 1 else ''}",
        )


def _require_same(
    run: Run, record: RunRecord, backbone: str | None, data: Path | None, settings: Settings
) -> None:
    """Refuse to resume with other settings than the run was begun with."""
    size = settings.img_size or record.preprocess.size
    preprocess = adapt_preprocess(record.backbone, size).crop_by(record.recipe.crop_mode)
    given = {
        "backbone": (backbone and reference_of(backbone), record.reference),
        "data": (data and str(data.expanduser().resolve()), record.data.given),
        "--recipe": _named_or_made(record, settings),
        "--img-size": (preprocess, record.preprocess),
        "--device": (settings.device.replace("auto", record.device), record.device),
        "--precision": (settings.precision.replace("auto", record.precision), record.precision),
    }
    other = [name for name, (now, then) in given.items() if now is not None and now != then]
    other += [
        flag_of(name)
        for name, value in settings.asked_of_data.items()
        if name not in _MAY_DIFFER and _as_json(value) != record.data.asked.get(name)
    ]
    switches = ("deterministic", "compile")
    other += [flag_of(name) for name in switches if getattr(settings, name) > getattr(record, name)]
    if settings.shard and not record.sharded:
        other.append("--shard")
    if record.pretrained and not settings.pretrained:
        other.append("--random-weights")
    if other := [*other, *_changed_flags(record, settings)]:
        raise RunError(
            f"{run.path} was begun with other settings: {', '.join(other)}",
            hint=f"resume it as it was: zoo finetune --resume --output {run.path}",
        )


def _named_or_made(
    record: RunRecord, settings: Settings
) -> tuple[str | Recipe | None, str | Recipe]:
    """Choose what to compare: names, or where a recipe was made in Python all of it."""
    made = settings.recipe
    if not isinstance(made, Recipe):
        return made, record.recipe.name
    return adapt_recipe(check_recipe(made), record.backbone, settings), record.recipe


def _changed_flags(record: RunRecord, settings: Settings) -> list[str]:
    """Name the fields that would make another recipe of the run's own."""
    recipe = _with_stage_names(record.recipe, record.backbone)
    return [
        flag_of(name)
        for name, value in settings.recipe_changes.items()
        if _with_stage_names(change_recipe(recipe, {name: value}), record.backbone) != recipe
    ]


def _with_stage_names(recipe: Recipe, backbone: Backbone) -> Recipe:
    """Spell out what every phase trains: gradual phases were, when the run began."""
    phases = tuple(
        replace(phase, gradual=False, train=tuple(sorted(trained_stages(phase, backbone))))
        if isinstance(phase, DescendPhase)
        else phase
        for phase in recipe.phases
    )
    return replace(recipe, phases=phases)


def _as_json(value: Any) -> Any:
    """Write a value as the record has it after it was read."""
    return list(value) if isinstance(value, tuple) else value
