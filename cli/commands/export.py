"""`zoo export`: a trained model as ONNX, proved before it gets its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.bits_options import BitsOptions
from cli.evidence_options import EvidenceOptions
from cli.graph_options import GraphOptions
from cli.grouped import grouped
from cli.layout_options import LayoutOptions
from cli.options import DeviceOption, Format, FormatOption, ModelArgument, WorkersOption

if TYPE_CHECKING:
    from export.settings import ExportSettings
    from zoo.run import Located


@grouped
def export(
    *,
    model: ModelArgument,
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Compare the export with PyTorch.")
    ] = True,
    graph: GraphOptions,
    bits: BitsOptions,
    images: EvidenceOptions,
    layout: LayoutOptions,
    device: DeviceOption = "auto",
    workers: WorkersOption = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Export a fine-tuned model to ONNX and prove that it is the model that was trained."""
    from cli import render
    from export.files import ONNX_FILE
    from zoo.run import locate_model

    layout.require_place()
    place = locate_model(model)
    if layout.layout is None or not (place.folder / ONNX_FILE).exists():
        settings = bits.add_to(graph.to_settings())
        _export(place, settings, images if verify else None, device, workers, fmt)
    elif (graph, bits) != (GraphOptions(), BitsOptions()):
        raise typer.BadParameter(
            f"{place.folder / ONNX_FILE} is there already and is laid out as it is; export it "
            "anew first, without --layout"
        )
    if layout.layout is not None:
        render.note(f"wrote {layout.write(place.folder)}")


def _export(
    place: Located,
    settings: ExportSettings,
    images: EvidenceOptions | None,
    device: str,
    workers: int | None,
    fmt: Format,
) -> None:
    from cli import verdict
    from cli.progress import TerminalProgress
    from export.convert import export_model
    from export.files import ONNX_FILE
    from export.session import resolve_onnx_device
    from zoo.hardware import resolve_workers
    from zoo.model import load_model

    target = resolve_onnx_device(device)
    loaded = load_model(place.folder, target)
    with TerminalProgress() as progress:
        report = export_model(
            loaded,
            place.folder,
            images.gather(loaded, place.run) if images else None,
            settings,
            workers=resolve_workers(workers, target),
            progress=progress,
        )
    if report is None:
        progress.note(f"wrote {place.folder / ONNX_FILE}; NOT VERIFIED")
    else:
        verdict.print_report(report, place.folder, fmt)
