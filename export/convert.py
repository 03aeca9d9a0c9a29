"""Export as a user means it: a file in the model folder that is proved, or an error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx

from export.attempts import Unjudged, export_first_that_passes, exporters_for
from export.evidence import Evidence
from export.exporters import Exporter
from export.files import FAILED_FILE, ONNX_FILE, PRECISION_FILES, RAW_FILE, REPORT_FILE
from export.golden import write_golden
from export.golden_file import GOLDEN_FILE
from export.graph import Graph, export_graph, remove_graph, write_graph
from export.hostile import remember
from export.image_sizes import require_free_size
from export.onnx_file import OnnxFile
from export.precision import PrecisionReport, Variant, make_precisions
from export.proof import write_report
from export.raw import embed_preprocessing
from export.samples import choose_samples
from export.settings import ExportSettings
from export.verification import Verification
from export.verify import verify
from export.weights_beside import WEIGHTS_SUFFIX
from zoo.data.dataset import Samples
from zoo.data.record import require_unchanged
from zoo.errors import ExportError, RunError
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
        ExportError: Every exporter that may be used refuses the network, or a converter makes
            no valid graph in fewer bits.
        RunError: Fewer bits are asked for and there is nothing to calibrate on.
    """
    listener, wanted = progress or Silence(), settings or ExportSettings()
    training = _choose_training(evidence, wanted)
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
        if training is not None:
            listener.note(f"{report.file} is proved; now in {' and '.join(wanted.precisions)}")
            content, judged = exported.graph.content, evidence.samples
            variants = make_precisions(
                model,
                content,
                training,
                judged,
                wanted.precisions,
                max_drop=wanted.max_drop,
                calibration_images=wanted.calibration_images,
                workers=workers,
                progress=listener,
            )
            report = replace(report, precisions=_write_variants(folder, variants))
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
    for file in (RAW_FILE, *PRECISION_FILES.values()):
        (folder / file).unlink(missing_ok=True)
    if raw is not None:
        write_bytes(folder / RAW_FILE, raw.content)


def _choose_training(evidence: Evidence | None, settings: ExportSettings) -> Samples | None:
    """Choose what fewer bits are calibrated on, if any are asked for.

    Raises:
        RunError: There is nothing to calibrate on, or nothing to judge by.
        DataError: Training images are gone or have changed.
    """
    if not settings.precisions:
        return None
    if evidence is None or evidence.training is None:
        raise RunError(
            "fewer bits need training images to calibrate on and validation images to judge by",
            hint="export from the run folder, whose images are known, without --no-verify",
        )
    chosen = choose_samples(evidence.training, 2 * settings.calibration_images)
    require_unchanged(chosen)
    return chosen


def _write_variants(folder: Path, variants: Sequence[Variant]) -> dict[str, PrecisionReport]:
    """Write what stayed within its budget."""
    for variant in variants:
        if variant.content is not None:
            remember(variant.content)
            write_bytes(folder / PRECISION_FILES[variant.report.precision], variant.content)
    return {variant.report.precision: variant.report for variant in variants}


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
    files = (RAW_FILE, *PRECISION_FILES.values(), REPORT_FILE, GOLDEN_FILE)
    others = [file.as_posix() for file in files]
    update_manifest(folder, [*graphs, *beside, *others])
