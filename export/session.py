"""ONNX Runtime on the device that was asked for, or an error; and which node ran where."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from export.graph import INPUT, OUTPUT
from zoo.errors import DamagedFileError, DeviceError, ExportError
from zoo.hardware import resolve_device
from zoo.inputs.contract import Preprocess

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
    """An ONNX file opened on a device; a `Classifier`."""

    session: onnxruntime.InferenceSession
    device: torch.device
    providers_requested: tuple[str, ...]

    @property
    def metadata(self) -> dict[str, str]:
        """What the file says about itself."""
        found: dict[str, str] = self.session.get_modelmeta().custom_metadata_map
        return found

    @property
    def classes(self) -> tuple[str, ...]:
        """Names in the order of the logits, from the file's metadata."""
        return tuple(self._read("zoo.labels"))

    @property
    def preprocess(self) -> Preprocess:
        """What turns a file into the network's input, from the file's metadata."""
        facts = self._read("zoo.preprocess")
        return Preprocess(
            size=facts["size"],
            resize=facts["resize"],
            interpolation=facts["interpolation"],
            mean=tuple(facts["mean"]),
            std=tuple(facts["std"]),
        )

    def _read(self, key: str) -> Any:
        """Parse one entry of the metadata."""
        if key not in self.metadata:
            raise ExportError(
                f"this ONNX file was not made by zoo: it has no {key} in its metadata",
                hint="use a file that `zoo export` wrote",
            )
        return json.loads(self.metadata[key])

    @property
    def tf32(self) -> bool:
        """Whether the session rounds float32 products to TF32, as it says itself."""
        options = self.session.get_provider_options().get("CUDAExecutionProvider", {})
        return bool(options.get("use_tf32") == "1")

    @property
    def providers_used(self) -> tuple[str, ...]:
        """The providers that the session really has, the preferred one first."""
        return tuple(self.session.get_providers())

    def logits(self, pixel_values: Tensor) -> Tensor:
        """Map float32 images [B, 3, H, W] to float32 logits [B, C], both on the CPU."""
        images = np.ascontiguousarray(pixel_values.numpy())
        try:
            (logits,) = self.session.run([OUTPUT], {INPUT: images})
        except _RUNTIME_ERRORS as cause:
            raise ExportError(
                f"ONNX Runtime cannot run the model on {tuple(images.shape)}: {cause}",
                hint="`zoo verify` tells what else is wrong with the file",
            ) from cause
        return torch.from_numpy(logits)

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
