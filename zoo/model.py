"""The model folder: a trained network with all that is needed to use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from zoo.backbones.network import Network, build_network
from zoo.backbones.tensor_names.file import from_file, is_renamed, to_file
from zoo.errors import DamagedFileError, RunError
from zoo.hardware import exact_float32
from zoo.inputs.contract import Preprocess
from zoo.manifest import check_file, write_manifest
from zoo.model_files import WEIGHTS
from zoo.recipes import HeadRecipe
from zoo.registry import Backbone, list_mistakes
from zoo.storage import sha256_of, write_bytes
from zoo.targets import Calibration, Target

CONFIG = "zoo_config.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """`zoo_config.json`: everything about a model but its numbers."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    format: Literal[2] = 2
    backbone: Backbone
    preprocess: Preprocess
    targets: Annotated[tuple[Target, ...], Field(min_length=1)]
    """What the network answers, in the order of its heads."""
    head: HeadRecipe = field(default_factory=HeadRecipe)
    """What its heads look like."""
    calibration: Mapping[str, Calibration] = field(default_factory=dict)
    """By target: the temperature that the weights' last layer was divided by, so that
    probabilities are what they say, and what it changed."""
    data_fingerprint: str
    """Of the data set that the model was trained on."""
    recipe: str
    """Name of the recipe."""
    pretrained: bool
    """Whether training started from the backbone's weights."""
    zoo_version: str
    base: tuple[str, ...] = ()
    """What training started from, the newest first; as `Weights.base`."""
    assumptions: tuple[str, ...] = ()
    """What nobody stated of the backbone and zoo took to be so."""
    notes: tuple[str, ...] = ()
    """What whoever uses the model has to know, such as the weights' licence."""
    tensor_names: Literal["library", "timm"] = "library"
    """Whose names the weights have in their file: those of the library that built the network, or
    timm's, which has it too. `save_model` says so."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainedModel:
    """A network on a device together with its configuration; a `Predictor`."""

    network: Network
    config: ModelConfig
    device: torch.device

    @property
    def targets(self) -> tuple[Target, ...]:
        """What it answers."""
        return self.config.targets

    @property
    def preprocess(self) -> Preprocess:
        """What turns a file into the network's input."""
        return self.config.preprocess

    @torch.inference_mode()
    def outputs(self, pixel_values: Tensor) -> dict[str, Tensor]:
        """Map float32 images [B, 3, H, W] to float32 outputs [B, K] by target, on the CPU."""
        images = pixel_values.to(self.device, memory_format=torch.channels_last)
        with exact_float32():
            found: dict[str, Tensor] = self.network(images)
        return {name: value.float().cpu() for name, value in found.items()}


def save_model(folder: Path, network: Network, config: ModelConfig) -> None:
    """Write weights, configuration and manifest."""
    state = to_file(config.backbone, network.library_state())
    config = replace(config, tensor_names="timm" if is_renamed(config.backbone) else "library")
    write_bytes(folder / WEIGHTS, save(state, metadata={"format": "pt"}))
    write_bytes(folder / CONFIG, TypeAdapter(ModelConfig).dump_json(config, indent=2) + b"\n")
    write_manifest(folder)


def load_config(folder: Path) -> ModelConfig:
    """Read and check a model folder's configuration.

    Raises:
        RunError: The folder is no model folder.
        DamagedFileError: The configuration is not what was written.
    """
    if not (folder / CONFIG).exists():
        raise RunError(
            f"{folder} holds no model ({CONFIG} is missing)",
            hint="give a finished run folder or a model folder",
        )
    path = check_file(folder, CONFIG)
    try:
        return TypeAdapter(ModelConfig).validate_json(path.read_bytes())
    except ValidationError as cause:
        raise DamagedFileError(path, "\n" + "\n".join(list_mistakes(cause))) from cause


def load_model(folder: Path, device: torch.device | None = None) -> TrainedModel:
    """Rebuild a trained network in evaluation mode.

    Raises:
        RunError: The folder is no model folder.
        DamagedFileError: A file is missing or is not what was written.
    """
    config = load_config(folder)
    path = check_file(folder, WEIGHTS)
    widths = widths_of(config.targets)
    try:
        network = build_network(
            config.backbone, widths, head=config.head, size=config.preprocess.size
        )
    except (RuntimeError, ValueError, KeyError) as cause:  # a library that has no such network
        raise DamagedFileError(folder / CONFIG, str(cause)) from cause
    try:
        state = from_file(config.backbone, load_file(path), network.library_state())
        network.load_library_state(state)
    except (SafetensorError, RuntimeError) as cause:
        raise DamagedFileError(path, str(cause)) from cause
    device = device or torch.device("cpu")
    network.eval().requires_grad_(requires_grad=False)
    return TrainedModel(network.place(device), config, device)


def widths_of(targets: Sequence[Target]) -> dict[str, int]:
    """Count the outputs of each target's head."""
    return {target.name: target.num_outputs for target in targets}


def weights_sha256(folder: Path) -> str:
    """Hash the weights of a model folder."""
    return sha256_of(folder / WEIGHTS)
