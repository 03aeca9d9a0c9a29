"""ONNX Runtime on the device that was asked for, or an error; and which node ran where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from export.interface import INPUT
from export.metadata import read_preprocess, read_targets
from export.placement import NodePlacement, ask_session, count_nodes
from export.providers import PLAIN, RUNTIME_ERRORS, Demands, require_cuda_provider, start_session
from zoo.errors import ExportError
from zoo.evaluation import Outputs
from zoo.hardware import resolve_device
from zoo.inputs.contract import Preprocess
from zoo.targets import Target

Runtime = Literal["torch", "onnx"]
"""What may run a model."""


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """An ONNX file opened on a device; a `Predictor`. What it says of itself is read once."""

    session: onnxruntime.InferenceSession
    device: torch.device
    providers_requested: tuple[str, ...]

    @cached_property
    def metadata(self) -> dict[str, str]:
        """What the file says about itself."""
        found: dict[str, str] = self.session.get_modelmeta().custom_metadata_map
        return found

    @property
    def targets(self) -> tuple[Target, ...]:
        """What it answers, from the file's metadata."""
        return tuple(self._targets.values())

    @cached_property
    def _targets(self) -> Mapping[str, Target]:
        """Each target by the name of its output."""
        return read_targets(self.metadata)

    @cached_property
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
        found = self.run(list(self._targets), pixel_values)
        return {target.name: found[name] for name, target in self._targets.items()}

    def run(self, names: Sequence[str], pixel_values: Tensor) -> dict[str, Tensor]:
        """Compute outputs of the graph by their names, on the CPU.

        Raises:
            ExportError: The graph has no such outputs, or does not take these images.
        """
        images = np.ascontiguousarray(pixel_values.numpy())
        try:
            found = self.session.run(list(names), {INPUT: images})
        except RUNTIME_ERRORS as cause:
            raise ExportError(
                f"ONNX Runtime cannot run the model on {tuple(images.shape)}: {cause}",
                hint="`zoo verify` tells what else is wrong with the file",
            ) from cause
        return {name: torch.from_numpy(value) for name, value in zip(names, found, strict=True)}

    def placement(self) -> NodePlacement:
        """Ask the session which provider each node was given to."""
        return count_nodes(ask_session(self.session))


def open_session(source: Path | bytes, device: torch.device, demands: Demands = PLAIN) -> OnnxModel:
    """Open an ONNX model on exactly the device that was asked for, in full float32.

    Args:
        source: A file or its bytes.
        device: `cpu` or `cuda`.
        demands: What else is asked for.

    Raises:
        DeviceError: ONNX Runtime cannot use CUDA here; the message says why. It is never
            replaced by the CPU in silence.
        DamagedFileError: The file is no ONNX model.
    """
    started = start_session(source, device.type, device.index or 0, demands)
    return OnnxModel(started.session, device, started.providers_requested)


def require_onnx_cuda() -> None:
    """Make sure that both torch and ONNX Runtime can use CUDA before anything is computed.

    Raises:
        DeviceError: One of them cannot; the message says which and why.
    """
    resolve_device("cuda")
    require_cuda_provider()


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
