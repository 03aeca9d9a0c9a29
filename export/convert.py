"""Export as a user means it: a file in the model folder that is proved, or an error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx

from export.attempts import Unjudged, export_first_that_passes, exporters_for
from export.evidence import Evidence
from export.exporters import Exporter
from export.files import FAILED_FILE, ONNX_FILE, RAW_FILE, REPORT_FILE
from export.golden import write_golden
from export.golden_file import GOLDEN_FILE
from export.graph import Graph, export_graph, remove_graph, write_graph
from export.hostile import remember
from export.image_sizes import require_free_size
from export.onnx_file import OnnxFile
from export.proof import write_report
from export.raw import embed_preprocessing
from export.settings import ExportSettings
from export.verification import Verification
from export.verify import verify
from export.weights_beside import WEIGHTS_SUFFIX
from zoo.errors import ExportError
from zoo.manifest import update_manifest
from zoo.model import TrainedModel
from zoo.progress import Progress, Silence
from zoo.storage import write_bytes


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

    A graph that fails goes to `onnx/model.failed.onnx`; an earlier `onnx/model.onnx` stays.
    `onnx/verification.json` is about the file that it names, with its sha256.

    Args:
        model: The trained network, on the device to verify on.
        folder: The model folder that it was read from.
        evidence: Images to verify on; None leaves the file unproved.
        settings: How it is to be exported.
        workers: Processes that decode images.
        progress: Hears what happens.

    Raises:
        ExportError: Every exporter that may be used refuses the network.
    """
    listener, wanted = progress or Silence(), settings or ExportSettings()
    if wanted.dynamic_size:
        require_free_size(model)

    def export(exporter: Exporter) -> Graph:
        name, opset = model.config.backbone.name, wanted.opset
        listener.note(f"exporting {name} to ONNX opset {opset} ({exporter})")
        dynamic = wanted.dynamic_size
        return export_graph(model, folder, opset=opset, exporter=exporter, dynamic_size=dynamic)

    exporters = exporters_for(wanted.exporter)
    if evidence is None:
        unproved = export_first_that_passes(exporters, export, lambda _: Unjudged())
        _keep(model, folder, unproved.graph, wanted)
        (folder / REPORT_FILE).unlink(missing_ok=True)
        _record(folder)
        return None

    def judge(graph: Graph) -> Verification:
        raw = _embed(model, graph) if wanted.embed_preprocessing else None
        with _staged(graph, folder) as file:
            return verify(
                model,
                folder,
                file,
                evidence.samples,
                raw=raw,
                recorded=evidence.recorded,
                locate=wanted.locate,
                workers=workers,
                progress=listener,
            )

    exported = export_first_that_passes(exporters, export, judge)
    report = replace(exported.report, attempts=exported.attempts)
    if exported.passed:
        _keep(model, folder, exported.graph, wanted)
        remove_graph(folder / FAILED_FILE)
        _write_golden(model, folder, evidence, wanted)
    else:
        report = _set_aside(folder, exported.graph, report)
    _record(folder)
    write_report(folder, report)
    return report


@contextmanager
def _staged(graph: Graph, folder: Path) -> Iterator[OnnxFile]:
    """Give a graph to a verification: on disk, beside its weights, only if it has to be."""
    if graph.weights is None:
        remember(graph.content)
        yield OnnxFile(name=ONNX_FILE.name, content=graph.content)
        return
    with TemporaryDirectory(prefix=".staged-", dir=folder) as place:
        path = Path(place, ONNX_FILE.name)
        write_graph(graph, path)
        yield OnnxFile(name=path.name, content=path.read_bytes(), path=path)


def _embed(model: TrainedModel, graph: Graph) -> OnnxFile:
    """Put the preprocessing before a graph.

    Raises:
        ExportError: Its weights lie beside it, or its operators know no antialiasing.
    """
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


def _keep(model: TrainedModel, folder: Path, graph: Graph, settings: ExportSettings) -> None:
    """Give a graph the model's name, and remove what was made of an earlier one."""
    raw = _embed(model, graph) if settings.embed_preprocessing else None
    write_graph(graph, folder / ONNX_FILE)
    if raw is None:
        (folder / RAW_FILE).unlink(missing_ok=True)
    else:
        write_bytes(folder / RAW_FILE, raw.content)


def _set_aside(folder: Path, graph: Graph, report: Verification) -> Verification:
    """Keep a graph that failed under another name, and let the report be about that."""
    path = folder / FAILED_FILE
    write_graph(graph, path)
    beside = None if graph.weights is None else path
    file = OnnxFile(name=path.name, content=path.read_bytes(), path=beside)
    return replace(report, file=file.name, sha256=file.sha256, others=file.beside)


def _write_golden(
    model: TrainedModel, folder: Path, evidence: Evidence, settings: ExportSettings
) -> None:
    if settings.golden == "none":
        (folder / GOLDEN_FILE).unlink(missing_ok=True)
    else:
        write_golden(model, folder, evidence.samples, pictures=settings.golden == "real")


def _record(folder: Path) -> None:
    """Record all that an export writes or removes."""
    graphs = [file.as_posix() for file in (ONNX_FILE, FAILED_FILE)]
    beside = [f"{name}{WEIGHTS_SUFFIX}" for name in graphs]
    others = [file.as_posix() for file in (RAW_FILE, REPORT_FILE, GOLDEN_FILE)]
    update_manifest(folder, [*graphs, *beside, *others])
