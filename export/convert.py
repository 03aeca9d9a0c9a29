"""Export as a user means it: a file in the model folder that is proved, or an error."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import onnx

from export.attempts import Exported, Unjudged, export_first_that_passes, exporters_for
from export.evidence import Evidence
from export.exporters import Exporter
from export.fewer_bits import choose_training, write_in_fewer_bits
from export.files import RAW_FILE
from export.golden import write_golden
from export.golden_file import GOLDEN_FILE
from export.graph import Graph, export_graph
from export.hostile import remember
from export.image_sizes import require_free_size
from export.onnx_file import OnnxFile
from export.proof import write_report
from export.raw import embed_preprocessing
from export.settings import ExportSettings
from export.verification import Verification
from export.verify import verify
from export.written import alone_in, keep, set_aside, staged
from zoo.errors import ExportError
from zoo.manifest import update_manifest
from zoo.model import TrainedModel
from zoo.progress import Progress, Silence


def export_model(
    model: TrainedModel,
    folder: Path,
    evidence: Evidence | None,
    settings: ExportSettings | None = None,
    *,
    workers: int = 0,
    progress: Progress | None = None,
) -> Verification | None:
    """Export a model into its folder and verify it before it gets its name.

    A graph that fails goes to `onnx/model.failed.onnx`, and what was found of it to
    `onnx/verification.failed.json`; an earlier `onnx/model.onnx` stays with its report. What is
    proved stays proved whatever becomes of it in fewer bits.

    Args:
        model: The trained network, on the device to verify on.
        folder: The model folder that it was read from.
        evidence: Images to verify on; None leaves the file unproved.
        settings: How it is to be exported.
        workers: Processes that decode images.
        progress: Hears what happens.

    Raises:
        ExportError: Every exporter that may be used refuses the network, or a converter makes
            no valid graph in fewer bits.
        RunError: Fewer bits are asked for and there is nothing to calibrate on.
    """
    listener, wanted = progress or Silence(), settings or ExportSettings()
    training = choose_training(evidence, wanted)
    if wanted.dynamic_size:
        require_free_size(model)
    with alone_in(folder):
        if evidence is None:
            _export_unproved(model, folder, wanted, listener)
            return None
        exported = _export_and_judge(model, folder, evidence, wanted, workers, listener)
        report = replace(exported.report, attempts=exported.attempts)
        if not exported.passed:
            file = set_aside(folder, exported.graph)
            report = replace(report, file=file.name, sha256=file.sha256, others=file.beside)
            write_report(folder, report)
            return report
        _keep(model, folder, exported.graph, wanted, listener)
        _write_golden(model, folder, evidence, wanted)
        write_report(folder, report)
        if training is None:
            return report
        listener.note(f"{report.file} is proved; now in {' and '.join(wanted.precisions)}")
        content, judged = exported.graph.content, evidence.samples
        precisions = write_in_fewer_bits(
            model, folder, content, training, judged, wanted, workers, listener
        )
        report = replace(report, precisions=precisions)
        write_report(folder, report)
        return report


def _export_unproved(
    model: TrainedModel, folder: Path, settings: ExportSettings, progress: Progress
) -> None:
    """Keep what the first exporter makes that does not refuse the network."""
    exported = export_first_that_passes(
        exporters_for(settings.exporter),
        partial(_export, model, folder, settings, progress),
        lambda _: Unjudged(),
    )
    _keep(model, folder, exported.graph, settings, progress)
    if settings.golden == "none":
        _remove_golden(folder)


def _export_and_judge(
    model: TrainedModel,
    folder: Path,
    evidence: Evidence,
    settings: ExportSettings,
    workers: int,
    progress: Progress,
) -> Exported[Verification]:
    """Export by one exporter after the other until one passes."""

    def judge(graph: Graph) -> Verification:
        raw = _embed(model, graph, settings)
        with staged(graph, folder) as file:
            return verify(
                model,
                folder,
                file,
                evidence.samples,
                raw=raw,
                recorded=evidence.recorded,
                locate=settings.locate,
                workers=workers,
                progress=progress,
            )

    return export_first_that_passes(
        exporters_for(settings.exporter),
        partial(_export, model, folder, settings, progress),
        judge,
    )


def _export(
    model: TrainedModel,
    folder: Path,
    settings: ExportSettings,
    progress: Progress,
    exporter: Exporter,
) -> Graph:
    name, opset = model.config.backbone.name, settings.opset
    progress.note(f"exporting {name} to ONNX opset {opset} ({exporter})")
    dynamic = settings.dynamic_size
    graph = export_graph(model, folder, opset=opset, exporter=exporter, dynamic_size=dynamic)
    if settings.precisions and graph.weights is not None:
        raise ExportError(
            "a network whose weights lie beside it cannot be written in fewer bits",
            hint="leave --precision out",
        )
    return graph


def _keep(
    model: TrainedModel,
    folder: Path,
    graph: Graph,
    settings: ExportSettings,
    progress: Progress,
) -> None:
    """Give a graph the model's name, and say what of an earlier export goes with that."""
    removed = keep(folder, graph, _embed(model, graph, settings))
    if removed:
        progress.note(f"removed {', '.join(removed)}, made of the export before")


def _embed(model: TrainedModel, graph: Graph, settings: ExportSettings) -> OnnxFile | None:
    """Put the preprocessing before a graph, if that is asked for.

    Raises:
        ExportError: Its weights lie beside it, or its operators know no antialiasing.
    """
    if not settings.embed_preprocessing:
        return None
    if graph.weights is not None:
        raise ExportError(
            "a network whose weights lie beside it cannot have its preprocessing inside",
            hint="leave --embed-preprocessing out; docs/files.md describes the preprocessing",
        )
    network = onnx.load_from_string(graph.content)
    facts = {entry.key: entry.value for entry in network.metadata_props}
    raw = embed_preprocessing(network, model.preprocess, model.targets, facts)
    content: bytes = raw.SerializeToString(deterministic=True)
    remember(content)
    return OnnxFile(name=RAW_FILE.name, content=content)


def _write_golden(
    model: TrainedModel, folder: Path, evidence: Evidence, settings: ExportSettings
) -> None:
    if settings.golden == "none":
        _remove_golden(folder)
    else:
        write_golden(model, folder, evidence.samples, pictures=settings.golden == "real")


def _remove_golden(folder: Path) -> None:
    (folder / GOLDEN_FILE).unlink(missing_ok=True)
    update_manifest(folder, [GOLDEN_FILE.as_posix()])
