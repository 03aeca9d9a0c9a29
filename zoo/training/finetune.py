"""Fine-tuning from a name and a folder to a finished run."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import torch

from zoo.backbones.find import reference_of
from zoo.backbones.network import Network, build_network
from zoo.backbones.sources import fetch_weights
from zoo.data.dataset import SplitName
from zoo.errors import RecipeError, RunError, RunInterruptedError, WeightsError
from zoo.evaluation import evaluate
from zoo.hardware import keep_freed_memory, resolve_device, resolve_workers
from zoo.model import ClassTarget, ModelConfig, TrainedModel, save_model
from zoo.progress import Progress, Silence
from zoo.registry import Lock, Registry, load_registry
from zoo.run import (
    DataRecord,
    Run,
    RunRecord,
    Timing,
    collect_versions,
    create_run,
    find_unfinished,
    now,
    require_free,
    require_unchanged,
    zoo_version,
)
from zoo.targets.classes import ClassMetrics
from zoo.training.context import Training
from zoo.training.interruption import stop_on_signals
from zoo.training.loop import run_phases
from zoo.training.plan import Plan, Settings, adapt_preprocess, adapt_recipe
from zoo.training.prepare import default_name, describe_plan, prepare, warnings_of


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
    """Fine-tune a backbone on a folder of labelled images into a new run folder.

    The kept weights are those after the last step: the validation images choose nothing, so
    that their figures stay an honest estimate.

    Args:
        backbone: A name in the registry, `timm/NAME`, `torchvision/NAME`, `hf-hub:org/name`, or
            a run or model folder.
        data: A folder with one sub-folder a class.
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
    listener = progress or Silence()
    require_free(output)
    plan = prepare(
        backbone, data, settings or Settings(), registry or load_registry(), lock, listener
    )
    network = build_network(
        plan.backbone,
        len(plan.dataset.classes),
        weights=plan.weights,
        size=plan.preprocess.size,
        seed=plan.seed,
    )
    run = create_run(output, default_name(backbone, data))
    listener.note(f"writing {run.path}")
    run.write_splits(plan.dataset)
    run.write(_first_record(plan, command))
    return _execute(run, plan, network, listener)


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
    _require_same(run, record, backbone, data, settings)
    dataset = run.read_dataset()
    for samples in dataset.splits.values():
        require_unchanged(samples)
    plan = Plan(
        backbone=record.backbone,
        recipe=record.recipe,
        preprocess=record.preprocess,
        dataset=dataset,
        device=resolve_device(record.device),
        precision=record.precision,
        workers=resolve_workers(settings.workers, resolve_device(record.device)),
        pretrained=record.pretrained,
        weights=_weights_to_resume(run, record, lock),
        reference=record.reference,
        origin=record.origin,
        assumptions=record.assumptions,
    )
    torch.set_num_threads(record.threads)
    network = build_network(
        plan.backbone,
        len(dataset.classes),
        weights=plan.weights,
        size=plan.preprocess.size,
        seed=plan.seed,
    )
    listener = progress or Silence()
    listener.note(f"resuming {run.path}")
    for line in describe_plan(plan):
        listener.note(line)
    run.update(status="running", commands=(*record.commands, command))
    return _execute(run, plan, network, listener)


def _first_record(plan: Plan, command: str) -> RunRecord:
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
            fingerprint=dataset.fingerprint,
            classes=dataset.classes,
            num_samples={split: len(samples) for split, samples in dataset.splits.items()},
            notes=dataset.notes,
        ),
        seed=plan.seed,
        device=str(plan.device),
        precision=plan.precision,
        threads=torch.get_num_threads(),
        versions=collect_versions(),
        commands=(command,) if command else (),
    )


def _execute(run: Run, plan: Plan, network: Network, progress: Progress) -> Run:
    config = ModelConfig(
        backbone=plan.backbone,
        preprocess=plan.preprocess,
        target=ClassTarget(classes=plan.dataset.classes),
        data_fingerprint=plan.dataset.fingerprint,
        recipe=plan.recipe.name,
        pretrained=plan.pretrained,
        zoo_version=zoo_version(),
        base=(_public(plan.reference), *plan.backbone.weights.base),
        assumptions=plan.assumptions,
        notes=tuple(warnings_of(plan)),
    )
    if plan.device.type == "cpu":
        keep_freed_memory()
    with stop_on_signals() as stop:
        training = Training(
            run=run, plan=plan, network=network, config=config, progress=progress, stop=stop
        )
        try:
            run_phases(training)
        except RunInterruptedError:
            run.update(status="interrupted")
            raise
    _finish(training)
    return run


def _finish(training: Training) -> None:
    """Measure the kept weights in float32, write the model, then let go of the checkpoints."""
    run, plan = training.run, training.plan
    training.network.place(plan.device).eval()
    model = TrainedModel(training.network, training.config, plan.device)
    metrics: dict[SplitName, ClassMetrics] = {
        split: evaluate(model, samples, workers=plan.workers, progress=training.progress)
        for split, samples in plan.dataset.splits.items()
        if split != "train"
    }
    if not all(math.isfinite(found.loss) for found in metrics.values()):
        raise RecipeError("training ended in weights that are not finite", hint="lower --lr")
    _compare_with_head(training, metrics["validation"])
    save_model(run.model_folder, training.network, training.config)
    seconds = sum(training.seconds.values())
    run.update(
        status="complete",
        metrics=metrics,
        timing=Timing(
            seconds=round(seconds, 3),
            images_per_second=round(training.images / seconds, 3),
            phases={name: round(value, 3) for name, value in training.seconds.items()},
        ),
    )
    shutil.rmtree(run.checkpoints, ignore_errors=True)


def _compare_with_head(training: Training, final: ClassMetrics) -> None:
    """Say so when training everything did not improve on the solved head."""
    lines = [json.loads(line) for line in training.run.metrics_log.read_text().splitlines()]
    solved = [line["validation_top1"] for line in lines if line["kind"] == "solve"]
    if solved and lines[-1]["kind"] == "descend" and final.top1 <= solved[-1]:
        training.progress.note(
            f"note: gradient descent did not improve on the solved head (top-1 {solved[-1]:.3f}, "
            f"now {final.top1:.3f}); with little data try --recipe linear-probe or finetune-few"
        )


def _weights_to_resume(run: Run, record: RunRecord, lock: Lock | None) -> Path | None:
    """Have the pretrained weights at hand, unless a checkpoint holds what became of them.

    Raises:
        WeightsError: They are needed and cannot be had any more.
    """
    if not record.pretrained or any(run.checkpoints.glob("*")):
        return None
    try:
        return fetch_weights(record.backbone.weights, lock).path
    except WeightsError as cause:
        raise WeightsError(
            f"{run.path} cannot be resumed: {cause.problem}",
            hint="put the weights back where they were, or begin a new run",
        ) from cause


def _public(reference: str) -> str:
    """Name a backbone without saying where on this machine it lay."""
    path = Path(reference)
    if not path.is_absolute():
        return reference
    return f"./{path.parent.name if (path.parent / 'run.json').exists() else path.name}"


def _require_same(
    run: Run, record: RunRecord, backbone: str | None, data: Path | None, settings: Settings
) -> None:
    """Refuse to resume with other settings than the run was begun with."""
    recipe = adapt_recipe(record.recipe, record.backbone, settings)
    preprocess = adapt_preprocess(record.backbone, settings.img_size or record.preprocess.size)
    given = {
        "backbone": (backbone and reference_of(backbone), record.reference),
        "data": (data and str(data.expanduser().resolve()), record.data.root),
        "--recipe": (settings.recipe, record.recipe.name),
        "--epochs, --lr, --batch-size or --seed": (recipe, record.recipe),
        "--img-size": (preprocess, record.preprocess),
        "--device": (settings.device.replace("auto", record.device), record.device),
        "--precision": (settings.precision.replace("auto", record.precision), record.precision),
    }
    if other := [name for name, (now, then) in given.items() if now is not None and now != then]:
        raise RunError(
            f"{run.path} was begun with other settings: {', '.join(other)}",
            hint=f"resume it as it was: zoo finetune --resume --output {run.path}",
        )
