"""L4: did every node that computes run on the provider asked for?"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import torch
from torch import Tensor

from export.levels import PlacementLevel, verdict_of
from export.onnx_file import OnnxFile
from export.placement import (
    PlacedNode,
    PlacementSource,
    ask_session,
    can_ask,
    count_nodes,
    read_profile,
    split_off,
)
from export.providers import Demands
from export.session import OnnxModel, open_session
from zoo.errors import ExportError


def verify_placement(
    onnx_model: OnnxModel, file: OnnxFile, images: Tensor, *, strict: bool = False
) -> PlacementLevel:
    """Require that nothing but arithmetic on sizes is elsewhere, and something on the provider.

    Args:
        onnx_model: The session that was verified.
        file: What it was opened from.
        images: float32 [N, 3, H, W] to run on where only a run can tell.
        strict: Whether the session was not allowed to leave anything to the CPU.
    """
    nodes, source = _find_nodes(onnx_model, file, images)
    placement, wanted = count_nodes(nodes), onnx_model.providers_requested[0]
    allowed, strays = split_off(nodes, wanted, onnx.load_from_string(file.content))
    return PlacementLevel(
        verdict=verdict_of(not strays and placement.count(wanted) > 0),
        placement=placement,
        strays=tuple(str(node) for node in strays),
        num_shape_nodes=len(allowed),
        source=source,
        strict=strict,
    )


def _find_nodes(
    onnx_model: OnnxModel, file: OnnxFile, images: Tensor
) -> tuple[list[PlacedNode], PlacementSource]:
    if can_ask(onnx_model.session):
        return ask_session(onnx_model.session), "session"
    return profile_nodes(file, onnx_model.device, images), "profile"


def profile_nodes(file: OnnxFile, device: torch.device, images: Tensor) -> list[PlacedNode]:
    """Run a graph once, and read from ONNX Runtime's profile what ran where.

    Returns:
        Nothing where it does not run.
    """
    with TemporaryDirectory() as folder:
        opened = open_session(file.source, device, Demands(profile=Path(folder, "run")))
        try:
            opened.run([output.name for output in opened.session.get_outputs()], images)
        except ExportError:
            return []
        finally:
            path = Path(opened.session.end_profiling())
        return read_profile(path.read_text(encoding="utf-8"))
