"""Runs that nobody trained: their records are made up, and written by the code that writes them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from export.interface import name_outputs
from export.metadata import describe
from tests.export.small_models import make_model
from zoo.data.dataset import Dataset, make_samples
from zoo.hub.interchange.describe import write_interchange
from zoo.manifest import update_manifest
from zoo.model import CONFIG, TrainedModel
from zoo.recipes import DescendPhase, HeadRecipe, Recipe, SolvePhase
from zoo.run import DataRecord, Run, RunRecord, Timing, now
from zoo.storage import append_line, sha256_of, write_json
from zoo.targets import ClassTarget, LabelsTarget, Target, score_all

SECRET = "alice-of-the-secret-lab"
"""Part of every path and command in a made-up record: no card may tell it."""
TOKEN = "hf_" + "T" * 34
ONNX, REPORT = "onnx/model.onnx", "onnx/verification.json"
RECIPE = Recipe(
    name="made-up",
    summary="A head solved, then everything",
    phases=(
        SolvePhase(strengths=(0.01, 0.1)),
        DescendPhase(train="all", epochs=3, lr=1e-3, patience=2),
    ),
)


@dataclass(frozen=True)
class MadeUp:
    """A run with its model."""

    run: Run
    model: TrainedModel

    @property
    def folder(self) -> Path:
        return self.run.model_folder


def make_run(
    root: Path,
    *targets: Target,
    backbone: str = "efficientnet_lite0",
    head: HeadRecipe | None = None,
    counts: Mapping[str, int] | None = None,
    proved: bool = True,
    pretrained: bool = True,
    **changes: Any,
) -> MadeUp:
    """Write a whole run folder: random weights, random answers, and what they score."""
    run = Run(root / SECRET / "runs" / "made-up")
    size = 32 if backbone == "efficientnet_lite0" else 64
    make_model(run.model_folder, *targets, backbone=backbone, head=head, size=size)
    _complete(run.model_folder, pretrained=pretrained, targets=targets)
    model = make_loaded(run.model_folder)
    dataset = make_dataset(root, targets, counts or {"train": 60, "validation": 30})
    run.write_splits(dataset)
    run.write(_record(model, dataset, changes))
    _write_log(run, targets)
    if proved:
        prove(model, run.model_folder)
    write_interchange(run.model_folder)
    return MadeUp(run, model)


def make_loaded(folder: Path) -> TrainedModel:
    """Load a model folder."""
    from zoo.model import load_model

    return load_model(folder)


def make_dataset(root: Path, targets: tuple[Target, ...], counts: Mapping[str, int]) -> Dataset:
    """Make truths up, some of them missing, of files that are not there."""
    rng = np.random.default_rng(0)
    splits = {
        split: make_samples(
            root / SECRET,
            [f"{SECRET}-{split}-{at}.jpg" for at in range(count)],
            {target.name: _truths(target, count, rng) for target in targets},
        )
        for split, count in counts.items()
    }
    return Dataset(root=root / SECRET, targets=targets, splits=splits)


def prove(model: TrainedModel, folder: Path, **changes: Any) -> None:
    """Write a graph that reads every pixel, and a report that says it passed."""
    (folder / "onnx").mkdir(exist_ok=True)
    onnx.save(_graph(model, folder), folder / ONNX)
    report = json.loads((Path(__file__).parent / "verification.json").read_text())
    write_json(folder / REPORT, {**report, "sha256": sha256_of(folder / ONNX), **changes})
    update_manifest(folder, [ONNX, REPORT])


def change_config(folder: Path, **changes: Any) -> None:
    """Change fields of `zoo_config.json`."""
    content = json.loads((folder / CONFIG).read_text()) | changes
    write_json(folder / CONFIG, content)
    update_manifest(folder, [CONFIG])


def _complete(folder: Path, *, pretrained: bool, targets: tuple[Target, ...]) -> None:
    calibrated = [t.name for t in targets if isinstance(t, ClassTarget | LabelsTarget)]
    fit = {
        "temperature": 1.31,
        "loss_before": 0.61,
        "loss_after": 0.55,
        "error_before": 0.081,
        "error_after": 0.032,
        "num_samples": 30,
    }
    change_config(
        folder,
        pretrained=pretrained,
        recipe=RECIPE.name,
        calibration=dict.fromkeys(calibrated, fit),
        base=["efficientnet_lite0"] if pretrained else [],
    )


def _record(model: TrainedModel, dataset: Dataset, changes: Mapping[str, Any]) -> RunRecord:
    config = model.config
    rng = np.random.default_rng(1)
    measured = [split for split in dataset.splits if split != "train"]
    record = RunRecord(
        status="complete",
        created=now().replace(year=2026, month=11, day=22),
        backbone=config.backbone,
        recipe=RECIPE,
        preprocess=config.preprocess,
        pretrained=config.pretrained,
        reference=f"/home/{SECRET}/models/base",
        origin=f"/home/{SECRET}/zoo.registry.json",
        data=DataRecord(
            root=f"/home/{SECRET}/photos",
            given=f"/home/{SECRET}/photos",
            fingerprint=dataset.fingerprint,
            targets=dataset.targets,
            num_samples={split: len(samples) for split, samples in dataset.splits.items()},
            notes=(f"/home/{SECRET}/photos/notes.txt is ignored",),
            source={"table": f"/home/{SECRET}/t.csv"},
        ),
        seed=7,
        device="cpu",
        device_name="Some_Processor 7",
        precision="fp32",
        threads=2,
        versions={"python": "3.11.7", "torch": "2.14.1"},
        commands=(f"zoo finetune x /home/{SECRET}/photos --token {TOKEN}",),
        metrics={split: _score(dataset, split, rng) for split in measured},
        calibration={name: replace(fit) for name, fit in config.calibration.items()},
        timing=Timing(seconds=75.2, images_per_second=91.4, phases={"solve": 2.0}),
    )
    return replace(record, **changes)


def _score(dataset: Dataset, split: str, rng: np.random.Generator):
    """Score answers that are near the truth."""
    truths = {name: torch.from_numpy(t) for name, t in dataset.splits[split].truths.items()}
    outputs = {}
    for target in dataset.targets:
        truth = dataset.splits[split].truths[target.name]
        noise = rng.normal(size=(len(truth), target.num_outputs))
        if isinstance(target, ClassTarget):
            answers = noise + 2 * np.eye(target.num_outputs)[truth]
        elif isinstance(target, LabelsTarget):
            answers = noise + 2 * truth
        else:
            answers = np.nan_to_num(truth) + noise * np.array(target.std)
        outputs[target.name] = torch.from_numpy(answers).float()
    return score_all(dataset.targets, outputs, truths)


def _truths(target: Target, count: int, rng: np.random.Generator) -> np.ndarray:
    if isinstance(target, ClassTarget):
        truth = np.arange(count) % target.num_outputs
        truth[: count // 10] = 0
        return truth
    if isinstance(target, LabelsTarget):
        return rng.integers(-1, 2, (count, target.num_outputs)).astype(np.int8)
    values = target.mean + rng.normal(size=(count, target.num_outputs)) * target.std
    values[0] = np.nan
    return values


def _write_log(run: Run, targets: tuple[Target, ...]) -> None:
    losses = {"0.1": 0.31, "0.01": 0.29}
    solved = {t.name: {"strength": 0.01, "held_out_loss": losses} for t in targets}
    figures = {"top-1": 0.5, "loss": 1.1}
    line = {"phase": 0, "kind": "solve", "step": 0, "targets": solved, "validation": figures}
    append_line(run.metrics_log, line)
    for epoch in range(1, 4):
        validation = {"top-1": 0.5 + epoch / 10, "loss": 1.1 - epoch / 5}
        line = {"phase": 1, "kind": "descend", "epoch": epoch, "train_loss": 1.2 - epoch / 4}
        append_line(run.metrics_log, line | {"validation": validation})


def _graph(model: TrainedModel, folder: Path) -> onnx.ModelProto:
    """Answer with random sums of all pixels: another pixel is another answer."""
    rng, size = np.random.default_rng(2), model.preprocess.size
    inputs = [helper.make_tensor_value_info("pixel_values", 1, ["batch_size", 3, size, size])]
    nodes = [helper.make_node("Flatten", ["pixel_values"], ["flat"])]
    weights, outputs = [], []
    for target, output in name_outputs(model.targets).items():
        width = next(t.num_outputs for t in model.targets if t.name == target)
        matrix = rng.normal(size=(3 * size * size, width)).astype(np.float32) / 50
        weights.append(numpy_helper.from_array(matrix, f"w_{output}"))
        nodes.append(helper.make_node("MatMul", ["flat", f"w_{output}"], [output]))
        outputs.append(
            helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch_size", width])
        )
    graph = helper.make_graph(nodes, "made_up", inputs, outputs, weights)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(proto, describe(model, folder))
    return proto
