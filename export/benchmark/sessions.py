"""ONNX Runtime opened for speed, with as many threads and as exact as PyTorch beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import onnxruntime

from export.benchmark.bench import Bench
from export.benchmark.contenders import NumberFormat, OnnxContender, Provider
from export.benchmark.failures import EXPECTED
from export.hostile import WEIGHTS_FOLDER
from zoo.errors import DeviceError

_Options = dict[str, Any]
_LOG_WARNINGS, _LOG_NOTHING = 2, 4
"""What ONNX Runtime logs by default; and nothing of what it raises or a row says."""


def open_for_speed(contender: OnnxContender, bench: Bench) -> onnxruntime.InferenceSession:
    """Open a graph with all of ONNX Runtime's optimisations, on exactly the provider named.

    Raises:
        DeviceError: The provider cannot be used here.
    """
    wanted = contender.provider
    if wanted not in onnxruntime.get_available_providers():
        raise DeviceError(f"the installed ONNX Runtime has no {wanted}")
    if bench.device.type == "cuda":
        onnxruntime.preload_dlls()
    try:
        session = _open(contender, bench)
    except EXPECTED as cause:
        reason = _SOURCE.sub("", str(cause))
        raise DeviceError(f"ONNX Runtime cannot open it on {wanted}: {reason}") from cause
    if session.get_providers()[0] != wanted:
        raise DeviceError(f"ONNX Runtime cannot load {wanted} here: `zoo doctor` says more")
    return session


_SOURCE = re.compile(r"^/onnxruntime_src/\S+ .*?\) ")
"""The line and the function of ONNX Runtime that a message begins with."""


def _open(contender: OnnxContender, bench: Bench) -> onnxruntime.InferenceSession:
    with _without_log():
        return onnxruntime.InferenceSession(
            bench.graphs[contender.precision],
            _session_options(contender, bench),
            providers=_providers(contender.provider, contender.precision, bench),
            enable_fallback=False,
        )


def _session_options(contender: OnnxContender, bench: Bench) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _LOG_NOTHING
    options.intra_op_num_threads = bench.threads
    options.inter_op_num_threads = 1
    weights_folder = (bench.folder / contender.file).parent
    options.add_session_config_entry(WEIGHTS_FOLDER, str(weights_folder))
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(bench.spin)))
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    return options


def _providers(
    wanted: Provider, precision: NumberFormat, bench: Bench
) -> list[str | tuple[str, _Options]]:
    """List what may run nodes, the wanted one first."""
    if wanted == "CPUExecutionProvider":
        return [wanted]
    place: _Options = {
        "device_id": bench.device.index or 0,
        "user_compute_stream": str(bench.stream or 0),
    }
    exactness: _Options = {
        "use_tf32": int(bench.tf32),
        # As torch.backends.cudnn.benchmark, which is on beside it.
        "cudnn_conv_algo_search": "EXHAUSTIVE",
    }
    cuda = ("CUDAExecutionProvider", place | exactness)
    if wanted == "CUDAExecutionProvider":
        return [cuda, "CPUExecutionProvider"]
    engine: _Options = {
        "trt_fp16_enable": precision == "fp16",
        "trt_int8_enable": precision == "int8",
    }
    return [(wanted, place | engine), cuda, "CPUExecutionProvider"]


@contextmanager
def _without_log() -> Iterator[None]:
    """Keep silent for a while about libraries that are not there."""
    onnxruntime.set_default_logger_severity(_LOG_NOTHING)
    try:
        yield
    finally:
        onnxruntime.set_default_logger_severity(_LOG_WARNINGS)
