"""Fine-tuning from a name and labelled data to a finished run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from zoo.backbones.sources import fetch_weights
from zoo.data.apart import require_apart
from zoo.errors import RecipeError
from zoo.hardware import processor_name, resolve_workers
from zoo.progress import Progress, Silence
from zoo.registry import Lock, Registry, load_registry
from zoo.run import DataRecord, Run, RunRecord, create_run, now, require_free
from zoo.training.carry_out import build_planned, carry_out
from zoo.training.compiling import require_compiler
from zoo.training.fits import require_images_for_all
from zoo.training.plan import Plan, Settings
from zoo.training.prepare import default_name, prepare
from zoo.training.processes import Processes, join_processes
from zoo.versions import collect_versions


def finetune(
    backbone: str,
    data: Path,
    settings: Settings | None = None,
    *,
    output: Path | None = None,
    registry: Registry | None = None,
    lock: Lock | None = None,
    progress: Progress | None = None,
    command: str = "",
) -> Run:
    """Fine-tune a backbone on labelled images into a new run folder.

    The kept weights are those after the last step, unless the recipe has patience: validation
    then chooses nothing but one temperature a target and the thresholds of labels, so that its
    figures stay an honest estimate.

    Args:
        backbone: A name in the registry, `timm/NAME`, `torchvision/NAME`, `hf-hub:org/name`, or
            a run or model folder.
        data: A folder with one sub-folder a class, or a table.
        settings: What differs from the recipe's and the backbone's defaults.
        output: The run folder to make; by default `runs/BACKBONE-FOLDER`.
        registry: Another catalogue than `load_registry` gives.
        lock: Remembers what weights fetched from elsewhere were; by default `zoo.lock`.
        progress: Hears what happens.
        command: The command line, for the record.

    Raises:
        ZooError: The registry, the data, the device or the output folder does not allow it;
            nothing was written.
        RunInterruptedError: A signal stopped the run, which `resume` continues.
    """
    settings = settings or Settings()
    processes = join_processes(settings.device, settings.precision)
    listener = (progress or Silence()) if processes.writes else Silence()

    def resolve() -> Plan:
        require_free(output)
        place = output or Path("runs", default_name(backbone, data))
        for source in (data, settings.data.val):
            require_apart(place, source)
        _require_fit_to_processes(settings, processes.count)
        where = registry or load_registry()
        plan = prepare(backbone, data, settings, where, lock, listener, processes.device)
        if plan.compile:
            require_compiler(plan.device)
        return plan

    plan = _adapt_to_process(processes.agree(resolve), processes, settings, lock)
    first = _first_record(plan, processes.count, command)
    network = build_planned(plan)

    def begin() -> Run:
        require_images_for_all(
            plan.recipe,
            network,
            count=len(plan.dataset.train),
            processes=processes.count,
            device=plan.device,
        )
        return _begin(plan, first, output, default_name(backbone, data))

    run = processes.agree(begin)
    listener.note(f"writing {run.path}")
    return carry_out(run, plan, network, processes, listener)


def _require_fit_to_processes(settings: Settings, count: int) -> None:
    """Refuse what one process cannot do while the others wait for it, or cannot do alone.

    Raises:
        RecipeError: Batches are to be halved where they do not fit into memory, or a network is
            to be spread over one process.
    """
    if settings.shard and count == 1:
        raise RecipeError(
            "--shard spreads the network over several processes, and there is one",
            hint="start them with torchrun, as docs/processes.md says, or leave --shard out",
        )
    if settings.auto_batch and count > 1:
        raise RecipeError(
            f"--batch-size auto is for one process, and there are {count}",
            hint="find out in one what fits, then give that number to all",
        )


def _adapt_to_process(
    plan: Plan, processes: Processes, settings: Settings, lock: Lock | None
) -> Plan:
    """Turn the first process's plan into this one's, which may be on another machine."""
    weights, neighbours = plan.weights, processes.count_neighbours()
    if weights is not None and not weights.exists():
        weights = fetch_weights(plan.backbone.weights, lock).path
    workers = resolve_workers(settings.workers, processes.device, neighbours=neighbours)
    return replace(plan, device=processes.device, weights=weights, workers=workers)


def _begin(plan: Plan, record: RunRecord, output: Path | None, name: str) -> Run:
    """Make the run folder."""

    def fill(run: Run) -> None:
        run.write_splits(plan.dataset)
        run.write(record)

    return create_run(output, name, fill)


def _first_record(plan: Plan, processes: int, command: str) -> RunRecord:
    dataset = plan.dataset
    return RunRecord(
        status="running",
        created=now(),
        backbone=plan.backbone,
        recipe=plan.recipe,
        preprocess=plan.preprocess,
        pretrained=plan.pretrained,
        reference=plan.reference,
        origin=plan.origin,
        assumptions=plan.assumptions,
        data=DataRecord(
            root=str(dataset.root),
            given=str(plan.data),
            fingerprint=dataset.fingerprint,
            targets=dataset.targets,
            num_samples={split: len(samples) for split, samples in dataset.splits.items()},
            notes=dataset.notes,
            source=dict(dataset.source),
            asked=dict(plan.asked),
        ),
        seed=plan.seed,
        auto_batch=plan.auto_batch,
        deterministic=plan.deterministic,
        compile=plan.compile,
        device=str(plan.device) if processes == 1 else plan.device.type,
        device_name=processor_name(plan.device),
        precision=plan.precision,
        threads=torch.get_num_threads(),
        processes=processes,
        sharded=plan.sharded,
        versions=collect_versions(),
        commands=(command,) if command else (),
    )
