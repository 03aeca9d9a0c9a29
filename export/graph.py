"""A trained network as an ONNX graph: names, axes, opset, reproducible bytes."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import onnx_ir.passes.common as passes
import torch
from torch import Tensor, nn

from export.interface import BATCH, INPUT, name_outputs
from export.metadata import describe
from zoo.errors import ExportError
from zoo.model import TrainedModel

OPSET = 20
"""Default opset: the first with a native Gelu, and read by ONNX Runtime since 1.17."""

_TRACED_BATCH = 3
"""Not 1, which the exporter takes for a constant; and a size that no check uses again."""


class _InOrder(nn.Module):
    """A network that answers with a tuple, in the order of its targets."""

    def __init__(self, network: nn.Module, targets: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self._targets = targets

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, ...]:
        answers = self.network(pixel_values)
        return tuple(answers[name] for name in self._targets)


def export_graph(model: TrainedModel, folder: Path, *, opset: int = OPSET) -> bytes:
    """Turn a model into the bytes of one self-contained ONNX file.

    The same model, opset and versions give the same bytes: what the exporter notes about
    source files and paths is removed.

    Args:
        model: The trained network.
        folder: The model folder it was read from; its weights' sha256 goes into the metadata.
        opset: Version of the operator set.

    Raises:
        ExportError: The exporter refuses the network.
    """
    network = copy.deepcopy(model.network).cpu().float().eval()
    outputs = name_outputs(model.targets)
    size = model.preprocess.size
    example = torch.zeros(_TRACED_BATCH, 3, size, size)
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                _InOrder(network, list(outputs)),
                (example,),
                dynamo=True,
                dynamic_shapes=({0: BATCH},),
                input_names=[INPUT],
                output_names=list(outputs.values()),
                opset_version=opset,
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as cause:
        raise ExportError(
            f"torch {torch.__version__} cannot export {model.config.backbone.name}: "
            f"{str(cause).splitlines()[0]}",
            hint="try another --opset",
        ) from cause
    assert program is not None
    passes.ClearMetadataAndDocStringPass()(program.model)
    # A target may be called `linear`, as the exporter calls what such a layer computes.
    passes.NameFixPass()(program.model)
    for value in program.model.graph.inputs:
        value.metadata_props.clear()
    with TemporaryDirectory() as place:
        path = Path(place, "model.onnx")
        program.save(path, external_data=False)
        proto = onnx.load(path)
    del proto.graph.value_info[:]
    onnx.helper.set_model_props(proto, describe(model, folder))
    content: bytes = proto.SerializeToString(deterministic=True)
    return content


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's notes about shared axis names and deprecations off the screen."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
