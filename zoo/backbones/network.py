"""A backbone and its heads as one network whose stages can be frozen exactly."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from zoo.backbones.builders import find_builder
from zoo.backbones.feature_maps import cut_before_pooling
from zoo.backbones.heads import Head
from zoo.backbones.states import load_state
from zoo.backbones.statistics import follows_inputs
from zoo.backbones.weights import HEADS, load_pretrained
from zoo.errors import RecipeError, RegistryError
from zoo.recipes import AfterFrozen, BatchNorm, DescendPhase, HeadRecipe, TopStages
from zoo.registry import Backbone


class Network(nn.Module):
    """Images [B, 3, H, W] to features [B, D] to one tensor of outputs [B, K] a target.

    The body is the library's own network with its classifier replaced by the identity.
    What is frozen stays frozen through every call of `train`: its BatchNorm statistics do
    not move and its dropout does not drop.
    """

    def __init__(
        self, body: nn.Module, backbone: Backbone, outputs: Mapping[str, int], head: HeadRecipe
    ) -> None:
        super().__init__()
        self.body = body
        self.backbone = backbone
        self.targets = tuple(outputs)
        self._heads = nn.ModuleList(
            Head(backbone.feature_dim, width, head) for width in outputs.values()
        )
        self._pooled = head.features == "pooled"
        self._trained: frozenset[str] = frozenset(backbone.stages)
        self._batch_norm: BatchNorm = "adapt"

    @property
    def heads(self) -> dict[str, Head]:
        """Each target's head."""
        return dict(zip(self.targets, self._heads, strict=True))  # type: ignore[arg-type]

    def forward(self, pixel_values: Tensor) -> dict[str, Tensor]:
        """Map normalised images [B, 3, H, W] to outputs [B, K] by target."""
        return self.answer(self.body(pixel_values))

    def answer(self, features: Tensor) -> dict[str, Tensor]:
        """Map features [B, D] to outputs [B, K] by target."""
        return {name: head(features) for name, head in self.heads.items()}

    def place(self, device: torch.device) -> Network:
        """Move to a device, in the memory layout that its convolutions are fastest in."""
        return self.to(device).to(memory_format=torch.channels_last)

    def freeze_except(
        self,
        trained: frozenset[str],
        batch_norm: BatchNorm,
        parameters: Collection[str] | None = None,
    ) -> None:
        """Choose what trains together with the heads.

        Args:
            trained: Stages that are in training mode.
            batch_norm: Whether the running statistics in them move.
            parameters: Names, in this network, of their parameters that train; None for all.
        """
        self._trained = trained
        self._batch_norm = batch_norm
        self.body.requires_grad_(requires_grad=False)
        for stage in trained:
            for name, parameter in self.stage_parameters(stage).items():
                parameter.requires_grad = parameters is None or name in parameters
        self.train(self.training)

    def train(self, mode: bool = True) -> Network:
        """Set training mode where something trains, evaluation mode everywhere else."""
        super().train(mode)
        if mode and self._trained != frozenset(self.backbone.stages):
            self.body.eval()
            for stage in self._trained:
                for part in self.stage_modules(stage).values():
                    part.train()
        if mode and self._batch_norm == "frozen":
            for module in self.body.modules():
                if follows_inputs(module):
                    module.eval()
        return self

    def stage_modules(self, stage: str) -> dict[str, nn.Module]:
        """Collect the modules of a stage under their paths in the body."""
        parts = {path: _part(self.body, path) for path in self.backbone.stages[stage]}
        return {path: part for path, part in parts.items() if isinstance(part, nn.Module)}

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
        """Return all tensors under the names that the library's own network gives them.

        A single linear head takes the place of the library's classifier; other heads are
        called `zoo_heads.TARGET.…`.
        """
        state = {
            name.removeprefix("body."): value
            for name, value in self.state_dict().items()
            if name.startswith("body.")
        }
        for target, head in self.heads.items():
            prefix = self._library_prefix(target)
            state |= {f"{prefix}.{name}": value for name, value in head.folded_state().items()}
        return {name: value.detach().cpu().contiguous() for name, value in state.items()}

    def load_library_state(self, state: Mapping[str, Tensor]) -> None:
        """Take tensors under the library's names; the inverse of `library_state`.

        Raises:
            RuntimeError: Names or shapes do not fit.
        """
        remaining = dict(state)
        for target, head in self.heads.items():
            prefix = self._library_prefix(target)
            # Looked up by whole names: a target may be called like the beginning of another.
            names = {f"{prefix}.{name}": name for name in head.file_names}
            mine = {name: remaining.pop(key) for key, name in names.items() if key in remaining}
            head.load_folded_state(mine)
        load_state(self.body, remaining)

    def _library_prefix(self, target: str) -> str:
        """Say what a head's tensors are called in files."""
        alone = len(self.targets) == 1 and self._pooled and self.heads[target].is_linear
        return self.backbone.classifier if alone else f"{HEADS}.{target}"


def build_network(
    backbone: Backbone,
    outputs: Mapping[str, int],
    *,
    head: HeadRecipe | None = None,
    weights: Path | None = None,
    size: int | None = None,
    seed: int = 0,
) -> Network:
    """Build the network of a registry entry with fresh heads.

    Args:
        backbone: The registry's entry.
        outputs: How many numbers each target's head answers with, by target.
        head: What the heads look like; linear ones by default.
        weights: The entry's weights as `fetch_weights` checked them; without, they are random.
        size: Input size that the network shall take, pixels; by default the entry's.
        seed: Of the random weights.

    Raises:
        WeightsError: The pretrained weights cannot be read, or do not fit.
        RecipeError: The heads need a feature map that the network does not have.
    """
    head = head or HeadRecipe()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        library = find_builder(backbone.builder)
        try:
            body = library.build(backbone.architecture, backbone.num_classes)
        except ValueError as cause:
            raise RegistryError(
                f"{backbone.builder} cannot build {backbone.architecture!r}: {cause}",
                hint="mend what names this network, or choose another",
            ) from cause
        if backbone.resizable:
            library.resize(body, backbone.preprocess.size)
        if weights is not None:
            load_pretrained(body, backbone, weights)
        if backbone.resizable and size is not None:
            library.resize(body, size)
        body.set_submodule(backbone.classifier, nn.Identity())
        if head.features == "flattened":
            body, backbone = cut_before_pooling(body, backbone, size or backbone.preprocess.size)
        return Network(body, backbone, outputs, head)


def trained_stages(phase: DescendPhase, backbone: Backbone) -> frozenset[str]:
    """Resolve what a phase trains to stage names of a backbone.

    Raises:
        RecipeError: The phase names stages that the backbone does not have.
    """
    stages = tuple(backbone.stages)
    if phase.train == "head":
        return frozenset()
    if phase.train == "all":
        return frozenset(stages)
    if isinstance(phase.train, TopStages):
        return frozenset(stages[-phase.train.top :])
    if isinstance(phase.train, AfterFrozen):
        return frozenset(stages[phase.train.freeze :])
    if unknown := sorted(set(phase.train) - set(stages)):
        raise RecipeError(
            f"{backbone.name} has no stage named {', '.join(unknown)}",
            hint=f"its stages are {', '.join(stages)}; head, all, top:N and freeze:N work as well",
        )
    return frozenset(phase.train)


def _part(body: nn.Module, path: str) -> nn.Module | nn.Parameter:
    """Find a module or a parameter by its path."""
    owner, _, name = path.rpartition(".")
    part: nn.Module | nn.Parameter = getattr(body.get_submodule(owner), name)
    return part
