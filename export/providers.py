"""ONNX Runtime opened on exactly the device that was asked for. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx.parser
import onnxruntime

from export.hostile import WEIGHTS_FOLDER, admit
from zoo.errors import DamagedFileError, DeviceError

RUNTIME_ERRORS: tuple[type[Exception], ...] = (
    ValueError,
    *(
        found
        for found in vars(onnxruntime.capi.onnxruntime_pybind11_state).values()
        if isinstance(found, type) and issubclass(found, Exception)
    ),
)
"""ONNX Runtime has one exception a status code and no common base; its Python side, ValueError."""

_Providers = Sequence[str | tuple[str, dict[str, Any]]]
_DOCTOR = "`zoo doctor` examines the installation; --device cpu works everywhere"
_LOG_ERRORS, _LOG_NOTHING = 3, 4
"""Whatever ONNX Runtime logs as an error it raises too, but for what keeps CUDA from loading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """What is asked of a session besides its device."""

    tf32: bool = False
    """Round the factors of float32 products to TF32 on a GPU that can."""
    strict: bool = False
    """Refuse a graph of which anything, even arithmetic on sizes, is left to the CPU."""
    profile: Path | None = None
    """Beginning of the path of a profile to write; `end_profiling` tells the whole path."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Started:
    """A session that computes where it was asked to."""

    session: onnxruntime.InferenceSession
    providers_requested: tuple[str, ...]


PLAIN = Demands()
"""Full float32, and the arithmetic on sizes wherever ONNX Runtime wants it."""


def require_cuda_provider() -> None:
    """Make sure that the installed ONNX Runtime was built for CUDA.

    Raises:
        DeviceError: It was not.
    """
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise DeviceError(
            f"the installed ONNX Runtime {onnxruntime.__version__} has no CUDA provider",
            hint="pip uninstall onnxruntime && pip install --force-reinstall onnxruntime-gpu",
        )


def start_session(
    source: Path | bytes, kind: str, index: int = 0, demands: Demands = PLAIN
) -> Started:
    """Open an ONNX model on a device, in full float32 unless TF32 is demanded.

    Args:
        source: A file, which is hostile until checked; or bytes that were admitted, or made
            here.
        kind: `cpu` or `cuda`.
        index: Which GPU.
        demands: What else is asked for.

    Raises:
        DeviceError: ONNX Runtime cannot use CUDA here, or has not the memory; the message says
            why. It is never replaced by the CPU in silence. Or something is left to the CPU that
            must not be.
        DamagedFileError: The file is no ONNX model, or none that the device takes, which takes
            others.
        UnsafeFileError: It did harm when it was tried, or holds what no model needs.
    """
    options = _write_options(kind, demands)
    providers = _providers(kind, index, demands)
    if isinstance(source, Path):
        options.add_session_config_entry(WEIGHTS_FOLDER, str(source.parent))
    content = admit(source) if isinstance(source, Path) else source
    try:
        session = onnxruntime.InferenceSession(content, options, providers=providers)
    except RUNTIME_ERRORS as cause:
        if kind == "cuda" and (demands.strict or _is_devices_fault(cause, providers)):
            raise DeviceError(
                f"ONNX Runtime cannot run this model on CUDA{' alone' if demands.strict else ''}: "
                f"{cause}",
                hint=_ALONE if demands.strict else _DOCTOR,
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
    return Started(session=session, providers_requested=requested)


def _is_devices_fault(cause: Exception, providers: _Providers) -> bool:
    """Tell whether a GPU has no memory left, or runs not even a graph of one node."""
    if any(words in str(cause).lower() for words in _NO_MEMORY):
        return True
    try:
        session = onnxruntime.InferenceSession(_ONE_NODE, providers=providers)
    except RUNTIME_ERRORS:
        return True
    return bool(session.get_providers()[0] != "CUDAExecutionProvider")


_NO_MEMORY = ("out of memory", "failed to allocate", "alloc_failed", "allocation failed")
"""What ONNX Runtime, CUDA, cuBLAS and cuDNN say of it."""
_ONE_NODE: bytes = onnx.parser.parse_model(
    '<ir_version: 8, opset_import: ["": 17]> g (float[1] x) => (float[1] y) { y = Relu (x) }'
).SerializeToString()


def _write_options(kind: str, demands: Demands) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _LOG_NOTHING if kind == "cpu" else _LOG_ERRORS
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    if demands.strict:
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    if demands.profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(demands.profile)
    return options


def _providers(kind: str, index: int, demands: Demands) -> _Providers:
    """List what may run nodes, the preferred one first.

    A session that may not fall back to the CPU refuses to have it listed.
    """
    if kind == "cpu":
        if demands.strict:
            raise DeviceError("nothing is to be left to the CPU, and it is on the CPU", hint=_GPU)
        return ["CPUExecutionProvider"]
    require_cuda_provider()
    onnxruntime.preload_dlls()
    options = {
        "device_id": index,
        "use_tf32": int(demands.tf32),
        "cudnn_conv_algo_search": "HEURISTIC",
    }
    cuda = ("CUDAExecutionProvider", options)
    return [cuda] if demands.strict else [cuda, "CPUExecutionProvider"]


_GPU = "--strict is for --device cuda"
_ALONE = (
    "without --strict arithmetic on sizes may stay on the CPU, where ONNX Runtime keeps it by "
    "design, and everything else still fails the verification"
)
