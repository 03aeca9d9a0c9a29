"""A backbone and a head as one network whose stages can be frozen exactly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zoo.backbones.builders import find_builder
from zoo.backbones.weights import load_pretrained
from zoo.errors import RecipeError
from zoo.recipes import BatchNorm, DescendPhase
from zoo.registry import Backbone


class Network(nn.Module):
    """`head(body(x))`: images [B, 3, H, W] to features [B, D] to logits [B, C].

    The body is the library's own network with its classifier replaced by the identity.
    What is frozen stays frozen through every call of `train`: its BatchNorm statistics do
    not move and its dropout does not drop.
    """

    def __init__(self, body: nn.Module, backbone: Backbone, num_classes: int) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Linear(backbone.feature_dim, num_classes)
        self.backbone = backbone
        self._trained: frozenset[str] = frozenset(backbone.stages)
        self._batch_norm: BatchNorm = "adapt"

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Map normalised images [B, 3, H, W] to logits [B, C] (unnormalised, nats)."""
        logits: Tensor = self.head(self.body(pixel_values))
        return logits

    def place(self, device: torch.device) -> Network:
        """Move to a device, in the memory layout that its convolutions are fastest in."""
        return self.to(device).to(memory_format=torch.channels_last)

    def freeze_except(self, trained: frozenset[str], batch_norm: BatchNorm) -> None:
        """Choose the stages whose parameters train together with the head."""
        self._trained = trained
        self._batch_norm = batch_norm
        self.body.requires_grad_(requires_grad=False)
        for stage in trained:
            for parameter in self.stage_parameters(stage).values():
                parameter.requires_grad = True
        self.train(self.training)

    def train(self, mode: bool = True) -> Network:
        """Set training mode where something trains, evaluation mode everywhere else."""
        super().train(mode)
        if mode and self._trained != frozenset(self.backbone.stages):
            self.body.eval()
            for stage in self._trained:
                for path in self.backbone.stages[stage]:
                    if isinstance(part := _part(self.body, path), nn.Module):
                        part.train()
        if mode and self._batch_norm == "frozen":
            for module in self.body.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def stage_parameters(self, stage: str) -> dict[str, nn.Parameter]:
        """Collect a stage's parameters under their names in this network."""
        found: dict[str, nn.Parameter] = {}
        for path in self.backbone.stages[stage]:
            part = _part(self.body, path)
            if isinstance(part, nn.Parameter):
                found[f"body.{path}"] = part
            else:
                found |= {f"body.{path}.{name}": p for name, p in part.named_parameters()}
        return found

    def library_state(self) -> dict[str, Tensor]:
        """Return all tensors under the names that the library's own network gives them."""
        state = {
            name.removeprefix("body."): value.detach().cpu().contiguous()
            for name, value in self.state_dict().items()
            if name.startswith("body.")
        }
        for part in ("weight", "bias"):
            value = getattr(self.head, part)
            state[f"{self.backbone.classifier}.{part}"] = value.detach().cpu().contiguous()
        return state

    def load_library_state(self, state: Mapping[str, Tensor]) -> None:
        """Take tensors under the library's names; the inverse of `library_state`.

        Raises:
            RuntimeError: Names or shapes do not fit.
        """
        prefix = f"{self.backbone.classifier}."
        self.load_state_dict(
            {
                f"head.{name.removeprefix(prefix)}"
                if name.startswith(prefix)
                else f"body.{name}": value
                for name, value in state.items()
            }
        )


def build_network(
    backbone: Backbone,
    num_classes: int,
    *,
    weights: Path | None = None,
    size: int | None = None,
    seed: int = 0,
) -> Network:
    """Build the network of a registry entry with a fresh head.

    Args:
        backbone: The registry's entry.
        num_classes: Outputs of the head.
        size: Input size that the network shall take, pixels; by default the entry's.
        weights: The entry's weights as `fetch_weights` checked them; without, they are random.
        seed: Of the random weights.

    Raises:
        WeightsError: The pretrained weights cannot be read, or do not fit.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        library = find_builder(backbone.builder)
        body = library.build(backbone.architecture, backbone.num_classes)
        if backbone.resizable:
            library.resize(body, backbone.preprocess.size)
        if weights is not None:
            load_pretrained(body, backbone, weights)
        if backbone.resizable and size is not None:
            library.resize(body, size)
        body.set_submodule(backbone.classifier, nn.Identity())
        return Network(body, backbone, num_classes)


def trained_stages(phase: DescendPhase, backbone: Backbone) -> frozenset[str]:
    """Resolve what a phase trains to stage names of a backbone.

    Raises:
        RecipeError: The phase names stages that the backbone does not have.
    """
    if phase.train == "head":
        return frozenset()
    if phase.train == "all":
        return frozenset(backbone.stages)
    if unknown := sorted(set(phase.train) - set(backbone.stages)):
        raise RecipeError(
            f"{backbone.name} has no stage named {', '.join(unknown)}",
            hint=f"its stages are {', '.join(backbone.stages)}",
        )
    return frozenset(phase.train)


def _part(body: nn.Module, path: str) -> nn.Module | nn.Parameter:
    """Find a module or a parameter by its path."""
    owner, _, name = path.rpartition(".")
    part: nn.Module | nn.Parameter = getattr(body.get_submodule(owner), name)
    return part
