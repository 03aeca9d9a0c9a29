"""Torch's two exporters behind one switch: a network as a raw graph, named the same by both."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import onnx_ir as ir
import onnx_ir.passes.common as passes
import torch
from torch import Tensor, nn
from torch.jit._trace import TracerWarning

from export.interface import BATCH, HEIGHT, INPUT, WIDTH, name_outputs
from zoo.errors import ExportError
from zoo.model import TrainedModel

Exporter = Literal["dynamo", "torchscript"]
"""`dynamo` is torch's current exporter, over `torch.export`; `torchscript` the older one, which
records one run of the network. Each is wrong for some networks (pytorch/pytorch#169178)."""
EXPORTERS: tuple[Exporter, ...] = ("dynamo", "torchscript")
"""In the order in which they are to be tried."""

_TRACED_BATCH = 3
"""Not 1, which an exporter takes for a constant; and a size that no check uses again."""
_WIDER = 32
"""How many more pixels wide than high the example is where both may vary, so that neither
exporter takes them for one number."""
_NEWEST_OF_TORCHSCRIPT = 20
"""The newest opset that the older exporter knows; it writes any number that it is given."""

_EXPECTED: tuple[tuple[type[Warning], str], ...] = (
    (DeprecationWarning, "You are using the legacy TorchScript-based ONNX export"),
    (DeprecationWarning, "The feature will be removed. Please remove usage of this function"),
    (TracerWarning, ""),
    (UserWarning, "Constant folding"),
    (UserWarning, "The tensor attributes? self"),
    (UserWarning, "# The axis name: .* will not be used, since it shares the same shape"),
)
"""What the exporters warn of, as the beginning of a text. What tracing may have burnt in is
for the verification to find: it runs other batches and, where promised, other sizes."""
_TALKATIVE = ("torch.onnx", "torch.export", "torch.fx.experimental.symbolic_shapes", "onnxscript")
"""Loggers that tell, in pages, what arrives as an exception or is for us to verify."""


class _InOrder(nn.Module):
    """A network that answers with a tuple, in the order of its targets."""

    def __init__(self, network: nn.Module, targets: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self._targets = targets

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, ...]:
        answers = self.network(pixel_values)
        return tuple(answers[name] for name in self._targets)


def trace_graph(
    model: TrainedModel, opset: int, exporter: Exporter = "dynamo", *, dynamic_size: bool = False
) -> ir.Model:
    """Turn a network into a graph that still has all that its exporter notes.

    Input, outputs and axes have the names of `export.interface` and are the same whichever
    exporter is used. Of the notes, those on modules (`export.locate` reads them) come from
    `dynamo` only.

    Args:
        model: The trained network.
        opset: Version of the operator set; an exporter may write another one.
        exporter: Which of the two.
        dynamic_size: Whether images of any height and width are to be taken.

    Raises:
        ExportError: The exporter refuses the network, or the opset.
    """
    network = copy.deepcopy(model.network).cpu().float()
    outputs = name_outputs(model.targets)
    size = model.preprocess.size
    example = torch.zeros(_TRACED_BATCH, 3, size, size + _WIDER * dynamic_size)
    axes = {0: BATCH, 2: HEIGHT, 3: WIDTH} if dynamic_size else {0: BATCH}
    arguments = (_InOrder(network, list(outputs)).eval(), example, axes, list(outputs.values()))
    try:
        with _quiet(), torch.no_grad():
            if exporter == "torchscript":
                graph = _export_by_torchscript(*arguments, opset)
            else:
                graph = _export_by_dynamo(*arguments, opset)
    except ExportError:
        raise
    except Exception as cause:
        raise ExportError(
            f"torch {torch.__version__}'s {exporter} exporter cannot export "
            f"{model.config.backbone.name}: {_reason(cause)}",
            hint="try another --opset or --exporter",
        ) from cause
    # A target may be called `linear`, as the exporter calls what such a layer computes.
    passes.NameFixPass()(graph)
    return graph


def _export_by_dynamo(
    network: nn.Module, example: Tensor, axes: Mapping[int, str], outputs: list[str], opset: int
) -> ir.Model:
    program = torch.onnx.export(
        network,
        (example,),
        dynamo=True,
        dynamic_shapes=(axes,),
        input_names=[INPUT],
        output_names=outputs,
        opset_version=opset,
        verbose=False,
    )
    assert program is not None
    return program.model


def _export_by_torchscript(
    network: nn.Module, example: Tensor, axes: Mapping[int, str], outputs: list[str], opset: int
) -> ir.Model:
    """Export through a file: only so does this exporter take networks of more than 2 GB."""
    if opset > _NEWEST_OF_TORCHSCRIPT:
        raise ExportError(
            f"torch's torchscript exporter knows no opset {opset}, only those up to "
            f"{_NEWEST_OF_TORCHSCRIPT}",
            hint=f"--opset {_NEWEST_OF_TORCHSCRIPT} or below, or --exporter dynamo",
        )
    network.register_forward_pre_hook(_stop_log)
    with TemporaryDirectory() as folder, _plain_attention():
        path = Path(folder, "model.onnx")
        torch.onnx.export(
            network,
            (example,),
            str(path),
            dynamo=False,
            dynamic_axes={INPUT: axes, **{name: {0: BATCH} for name in outputs}},
            input_names=[INPUT],
            output_names=outputs,
            opset_version=opset,
        )
        graph = ir.external_data.load_to_model(ir.load(path))
    _rename_values(graph.graph)
    # Biases that happen to be equal are stored once and handed on by nodes, which would hide
    # from quantisation that they are weights.
    passes.IdentityEliminationPass()(graph)
    return graph


@contextmanager
def _plain_attention() -> Iterator[None]:
    """Compute attention step by step: the older exporter cannot translate it as one operator."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _stop_log(*_: object) -> None:
    """Keep the older exporter from printing a graph that it cannot translate to stdout.

    It switches its log on by mistake: `setup_onnx_logging` asks whether a function is true, not
    what it returns. This is called in between, with the first image.
    """
    torch._C._jit_set_onnx_log_enabled(False)  # noqa: FBT003, SLF001


def _rename_values(graph: ir.Graph) -> None:
    """Call things as the current exporter does: by module paths, and weights by what they are.

    The older one writes `/network/body/conv/Conv_output_0`, which looks like a file's path, and
    numbers the weights that BatchNorm was folded into, `onnx::Conv_504`.
    """
    for node in graph:
        node.name = _plain(node.name or "")
        for value in node.outputs:
            if not value.is_graph_output():
                value.name = _plain(value.name or "")
        for weights, part in zip(node.inputs[1:], ("weight", "bias"), strict=False):
            if weights and weights.is_initializer() and "::" in (weights.name or ""):
                weights.name = f"{node.name}.{part}"


def _plain(name: str) -> str:
    return name.strip("/").replace("/", ".").replace("::", ".")


def _reason(error: Exception) -> str:
    """Say in a line what failed: the exporters' own texts run to pages."""
    cause = error.__cause__ or error
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(cause).__name__


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the exporters are known to note off the screen; what is new to us is shown."""
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            for category, text in _EXPECTED:
                warnings.filterwarnings("ignore", text, category)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
