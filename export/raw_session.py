"""A graph with preprocessing inside, opened so that its pixels are right on every provider.

A provider's Resize may be wrong, or not know antialiasing: bicubic on CUDA was wrong until
microsoft/onnxruntime#25265, TensorRT has none (NVIDIA/TensorRT#3560). So on a GPU the
preprocessing stays on the CPU, with the network on the GPU, unless a table trusts the provider
with the filter and a trial at every opening confirms it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx.utils import Extractor

from export.interface import INPUT
from export.preprocessing import IMAGES
from export.providers import RUNTIME_ERRORS
from export.session import open_session
from zoo.errors import DamagedFileError
from zoo.inputs.contract import Interpolation, Preprocess

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TRUSTED: Mapping[str, frozenset[Interpolation]] = {
    CPU: frozenset(("bilinear", "bicubic")),
    CUDA: frozenset(("bilinear",)),
}
"""Filters that a provider may be tried with."""

LARGEST_ERROR = 0.05
"""Grey levels, of 255, that two right resizers may differ by on the trial's pictures of noise;
float32 alone takes 0.01."""

_PROVIDERS = {"cpu": CPU, "cuda": CUDA}
_TRIAL_SIZES = ((97, 131), (240, 180), (33, 20), (600, 401))
"""(height, width) of the trial's pictures: smaller and larger than any network's, odd, upright."""


@dataclass(frozen=True, slots=True, eq=False)
class RawModel:
    """A raw graph on a device, in one session or in two."""

    sessions: tuple[onnxruntime.InferenceSession, ...]
    """The whole graph; or the preprocessing, and what follows it."""
    preprocessing_provider: str
    """What resizes, crops and normalises."""
    network_provider: str
    note: str
    """Why the two are not the same; empty where they are."""

    def run(
        self, names: Sequence[str], images: NDArray[np.uint8]
    ) -> dict[str, NDArray[np.generic]]:
        """Answer for RGB images [B, H, W, 3] of one size.

        Whatever ONNX Runtime raises passes through.
        """
        value, name = images, IMAGES
        for session in self.sessions[:-1]:
            (value,), name = session.run([INPUT], {name: value}), INPUT
        found = self.sessions[-1].run(list(names), {name: value})
        return dict(zip(names, found, strict=True))


def open_raw(content: bytes, device: torch.device) -> RawModel:
    """Open a raw graph with its network on exactly the device that was asked for.

    Args:
        content: The bytes of a raw graph.
        device: `cpu` or `cuda`.

    Raises:
        DeviceError: ONNX Runtime cannot use CUDA here.
        DamagedFileError: These bytes are no raw graph.
        ExportError: zoo did not write it.
    """
    if device.type == "cpu":
        session = open_session(content, device).session
        return RawModel((session,), CPU, CPU, note="")
    front, _ = split_raw(content)
    note = find_fault(front, device)
    if note:
        return open_split(content, device, note)
    opened = open_session(content, device)
    provider = opened.providers_used[0]
    return RawModel((opened.session,), provider, provider, note="")


def open_split(content: bytes, device: torch.device, note: str) -> RawModel:
    """Open the preprocessing on the CPU, and what follows it on a device."""
    front, back = split_raw(content)
    preprocessing = open_session(front, torch.device("cpu"))
    network = open_session(back, device)
    sessions = (preprocessing.session, network.session)
    return RawModel(sessions, CPU, network.providers_used[0], note)


def split_raw(content: bytes) -> tuple[bytes, bytes]:
    """Cut a raw graph at the network's input: into the preprocessing, and what follows it.

    Raises:
        DamagedFileError: There is no such place in it.
    """
    try:
        proto = onnx.load_from_string(content)
        extractor = Extractor(proto)
        outputs = [value.name for value in proto.graph.output]
        halves = (([IMAGES], [INPUT]), ([INPUT], outputs))
        found = [extractor.extract_model(*ends) for ends in halves]
    except (DecodeError, ValueError) as cause:
        raise DamagedFileError(
            Path("the raw graph"), str(cause), hint="export it again with --embed-preprocessing"
        ) from cause
    for half in found:
        half.metadata_props.extend(proto.metadata_props)
    front, back = (half.SerializeToString(deterministic=True) for half in found)
    return front, back


def find_fault(front: bytes, device: torch.device) -> str:
    """Say why the preprocessing must not run on a device, or nothing if it may.

    Args:
        front: The preprocessing as a graph of its own.
        device: Where the network runs.
    """
    wanted = _PROVIDERS[device.type]
    reference = open_session(front, torch.device("cpu"))
    contract = reference.preprocess
    if contract.interpolation not in TRUSTED[wanted]:
        return f"{wanted} is not trusted with {contract.interpolation} antialiased Resize"
    candidate = open_session(front, device)
    if "Resize" not in candidate.placement().by_provider.get(wanted, {}):
        return f"{wanted} leaves {contract.interpolation} antialiased Resize to another provider"
    try:
        error = measure_error(reference.session, candidate.session, contract)
    except RUNTIME_ERRORS as cause:
        return f"{wanted} cannot preprocess: {cause}"
    if error <= LARGEST_ERROR:
        return ""
    return f"{wanted} preprocesses {error:.2g} grey levels off ({LARGEST_ERROR} is allowed)"


def measure_error(
    reference: onnxruntime.InferenceSession,
    candidate: onnxruntime.InferenceSession,
    contract: Preprocess,
) -> float:
    """Measure how far two runs of the preprocessing are apart on noise, in grey levels.

    Returns:
        The largest difference; NaN or infinite where the candidate is.
    """
    rng = np.random.default_rng(0)
    grey = 255 * np.array(contract.std).reshape(1, 3, 1, 1)
    errors = []
    for height, width in _TRIAL_SIZES:
        images = rng.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
        ours, theirs = (s.run([INPUT], {IMAGES: images})[0] for s in (reference, candidate))
        errors.append(np.abs((theirs - ours) * grey).max())
    return float(np.max(errors))
