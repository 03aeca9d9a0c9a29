"""ONNX Runtime on the device that was asked for, or an error; and which node ran where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from export.interface import INPUT
from export.metadata import read_preprocess, read_targets
from zoo.errors import DamagedFileError, DeviceError, ExportError
from zoo.evaluation import Outputs
from zoo.hardware import resolve_device
from zoo.inputs.contract import Preprocess
from zoo.targets import Target

_LOG_ERRORS_ONLY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePlacement:
    """Where ONNX Runtime put the nodes of a graph."""

    by_provider: dict[str, dict[str, int]]
    """Nodes by execution provider and operator."""

    def count(self, provider: str) -> int:
        """Count the nodes of one provider."""
        return sum(self.by_provider.get(provider, {}).values())


@dataclass(frozen=True, slots=True, eq=False)
class OnnxModel:
    """An ONNX file opened on a device; a `Predictor`."""

    session: onnxruntime.InferenceSession
    device: torch.device
    providers_requested: tuple[str, ...]

    @property
    def metadata(self) -> dict[str, str]:
        """What the file says about itself."""
        found: dict[str, str] = self.session.get_modelmeta().custom_metadata_map
        return found

    @property
    def targets(self) -> tuple[Target, ...]:
        """What it answers, from the file's metadata."""
        return tuple(read_targets(self.metadata).values())

    @property
    def preprocess(self) -> Preprocess:
        """What turns a file into the network's input, from the file's metadata."""
        return read_preprocess(self.metadata)

    @property
    def tf32(self) -> bool:
        """Whether the session rounds float32 products to TF32, as it says itself."""
        options = self.session.get_provider_options().get("CUDAExecutionProvider", {})
        return bool(options.get("use_tf32") == "1")

    @property
    def providers_used(self) -> tuple[str, ...]:
        """The providers that the session really has, the preferred one first."""
        return tuple(self.session.get_providers())

    def outputs(self, pixel_values: Tensor) -> Outputs:
        """Map float32 images [B, 3, H, W] to float32 outputs [B, K] by target, on the CPU."""
        targets = read_targets(self.metadata)
        found = self.run(list(targets), pixel_values)
        return {target.name: found[name] for name, target in targets.items()}

    def run(self, names: Sequence[str], pixel_values: Tensor) -> dict[str, Tensor]:
        """Compute outputs of the graph by their names, on the CPU.

        Raises:
            ExportError: The graph has no such outputs, or does not take these images.
        """
        images = np.ascontiguousarray(pixel_values.numpy())
        try:
            found = self.session.run(list(names), {INPUT: images})
        except _RUNTIME_ERRORS as cause:
            raise ExportError(
                f"ONNX Runtime cannot run the model on {tuple(images.shape)}: {cause}",
                hint="`zoo verify` tells what else is wrong with the file",
            ) from cause
        return {name: torch.from_numpy(value) for name, value in zip(names, found, strict=True)}

    def placement(self) -> NodePlacement:
        """Ask the session which provider each node was given to."""
        found: dict[str, Counter[str]] = {}
        for part in self.session.get_provider_graph_assignment_info():
            operators = (node.op_type for node in part.get_nodes())
            found.setdefault(part.ep_name, Counter()).update(operators)
        return NodePlacement(
            by_provider={name: dict(sorted(nodes.items())) for name, nodes in found.items()}
        )


def open_session(source: Path | bytes, device: torch.device) -> OnnxModel:
    """Open an ONNX model on exactly the device that was asked for, in full float32.

    Args:
        source: A file or its bytes.
        device: `cpu` or `cuda`.

    Raises:
        DeviceError: ONNX Runtime cannot use CUDA here; the message says why. It is never
            replaced by the CPU in silence.
        DamagedFileError: The file is no ONNX model.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _LOG_ERRORS_ONLY
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    providers = _providers(device)
    content = str(source) if isinstance(source, Path) else source
    try:
        session = onnxruntime.InferenceSession(content, options, providers=providers)
    except _RUNTIME_ERRORS as cause:
        if device.type == "cuda":
            raise DeviceError(
                f"ONNX Runtime cannot run this model on CUDA: {cause}", hint=_DOCTOR
            ) from cause
        path = source if isinstance(source, Path) else Path("the exported graph")
        raise DamagedFileError(path, str(cause), hint="export it again") from cause
    requested = tuple(p if isinstance(p, str) else p[0] for p in providers)
    if session.get_providers()[0] != requested[0]:
        raise DeviceError(
            f"ONNX Runtime was asked for {requested[0]} and opened the model on "
            f"{session.get_providers()[0]}",
            hint=_DOCTOR,
        )
    return OnnxModel(session, device, requested)


_DOCTOR = "`zoo doctor` examines the installation; --device cpu works everywhere"
_RUNTIME_ERRORS: tuple[type[Exception], ...] = (
    ValueError,
    *(
        found
        for found in vars(onnxruntime.capi.onnxruntime_pybind11_state).values()
        if isinstance(found, type) and issubclass(found, Exception)
    ),
)
"""ONNX Runtime has one exception a status code and no common base; its Python side, ValueError."""


def require_onnx_cuda() -> None:
    """Make sure that both torch and ONNX Runtime can use CUDA before anything is computed.

    Raises:
        DeviceError: One of them cannot; the message says which and why.
    """
    resolve_device("cuda")
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise DeviceError(
            f"the installed ONNX Runtime {onnxruntime.__version__} has no CUDA provider",
            hint="pip uninstall onnxruntime && pip install --force-reinstall onnxruntime-gpu",
        )


def resolve_onnx_device(wanted: str) -> torch.device:
    """Turn `auto`, `cpu` or `cuda` into a device that torch and ONNX Runtime share.

    `auto` is CUDA where torch has it: then ONNX Runtime must have it too.

    Raises:
        DeviceError: CUDA is wanted and one of the two cannot use it.
    """
    device = resolve_device(wanted)
    if device.type == "cuda":
        require_onnx_cuda()
    return device


def _providers(device: torch.device) -> Sequence[str | tuple[str, dict[str, Any]]]:
    if device.type == "cpu":
        return ["CPUExecutionProvider"]
    onnxruntime.preload_dlls()
    options = {
        "device_id": device.index or 0,
        "use_tf32": 0,
        "cudnn_conv_algo_search": "HEURISTIC",
    }
    return [("CUDAExecutionProvider", options), "CPUExecutionProvider"]
