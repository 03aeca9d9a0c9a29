"""What a network is, found out by building it without memory and running it once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from zoo.backbones.builders import find_builder
from zoo.backbones.stages import Stages, find_stages
from zoo.errors import RegistryError
from zoo.registry.entries import Backbone

_SIZES = (32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 288, 320, 384, 448, 512)
"""Smallest input sizes tried, pixels; multiples of these steps as well."""
_STEPS = (1, 2, 4, 7, 8, 14, 16, 28, 32, 56, 64)
"""What a network may want its input size to be a multiple of, pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What can be recomputed of a backbone; the meaning of `Backbone`'s fields of that name."""

    num_classes: int
    classifier: str
    feature_dim: int
    stages: Stages
    num_params: int
    macs: int
    min_size: int
    size_step: int
    fixed_size: bool


def build_on_meta(builder: str, architecture: str, num_classes: int) -> nn.Module:
    """Build a network in evaluation mode without memory or weights.

    Raises:
        RegistryError: zoo has no such builder, or the builder no such architecture.
    """
    library = find_builder(builder)

    def build() -> nn.Module:
        network = library.build(architecture, num_classes)
        return network.eval().requires_grad_(requires_grad=False)

    try:
        try:
            with torch.device("meta"):
                return build()
        except NotImplementedError:
            # Its constructor computes with tensors, which `meta` has no values for.
            return build().to("meta")
    except (ValueError, RuntimeError, KeyError, TypeError) as cause:
        raise RegistryError(f"{builder} cannot build {architecture!r}: {cause}") from cause


def measure(network: nn.Module, size: int, classifier: str | None = None) -> Facts:
    """Describe a network by its module tree and one pass.

    Args:
        network: On the `meta` device; its classifier is replaced in the course.
        size: Height and width of its images, pixels.
        classifier: Path of the last layer, where it is known.

    Raises:
        RegistryError: It has no single last layer that features go into.
    """
    path = classifier or find_classifier(network)
    num_params = sum(parameter.numel() for parameter in network.parameters())
    macs = count_macs(network, size)
    sizes = _accepted_sizes(network, size)
    stages = find_stages(network, path, size)
    last = network.get_submodule(path)
    network.set_submodule(path, nn.Identity())
    features = _run(network, size)
    if not isinstance(features, torch.Tensor) or features.dim() != 2:
        shape = getattr(features, "shape", type(features).__name__)
        raise RegistryError(f"without {path} the network gives {shape} instead of features [B, D]")
    return Facts(
        num_classes=_width(last),
        classifier=path,
        feature_dim=features.shape[1],
        stages=stages,
        num_params=num_params,
        macs=macs,
        min_size=sizes[0],
        size_step=sizes[1],
        fixed_size=sizes[2],
    )


def find_classifier(network: nn.Module) -> str:
    """Find the last layer: the last linear one, or a convolution where there is none.

    Raises:
        RegistryError: There is neither.
    """
    for kind in (nn.Linear, nn.Conv2d):
        found: list[str] = [
            name for name, module in network.named_modules() if isinstance(module, kind)
        ]
        if found:
            return found[-1]
    raise RegistryError("the network has no linear layer that a new head could replace")


def count_macs(network: nn.Module, size: int) -> int:
    """Count the multiply-accumulates of one image, as torch's FlopCounterMode sees them."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(_images(network, size, 1))
    flops: int = counter.get_total_flops()
    return flops // 2


def find_mistakes(entry: Backbone) -> list[str]:
    """Rebuild a backbone and compare every claim that can be recomputed.

    Returns:
        What differs, empty where everything holds.
    """
    try:
        network = build_on_meta(entry.builder, entry.architecture, entry.num_classes)
        mistakes = [*_check_classifier(network, entry), *_check_stages(network, entry)]
        facts = measure(network, entry.preprocess.size, entry.classifier)
    except (RegistryError, AttributeError) as cause:
        return [str(cause)]
    claims = ("num_params", "macs", "feature_dim", "num_classes", "size_step", "fixed_size")
    mistakes += [
        f"{claim} is {getattr(entry, claim)}, the network's is {getattr(facts, claim)}"
        for claim in claims
        if getattr(entry, claim) != getattr(facts, claim)
    ]
    if entry.min_size < facts.min_size:
        mistakes.append(f"min_size is {entry.min_size}, the network takes {facts.min_size} px")
    return mistakes


def _check_classifier(network: nn.Module, entry: Backbone) -> Iterator[str]:
    if entry.num_classes and (last := find_classifier(network)) != entry.classifier:
        yield f"classifier is {entry.classifier}, the network's last layer is {last}"


def _check_stages(network: nn.Module, entry: Backbone) -> Iterator[str]:
    """Every parameter but the classifier's belongs to exactly one stage."""
    owners: dict[str, list[str]] = {
        name: []
        for name, _ in network.named_parameters()
        if not name.startswith(f"{entry.classifier}.")
    }
    for stage, paths in entry.stages.items():
        for path in paths:
            inside = [name for name in owners if f"{name}.".startswith(f"{path}.")]
            if not inside:
                yield f"stages.{stage} names {path}, which has no parameter"
            for name in inside:
                owners[name].append(stage)
    for name, stages in owners.items():
        if len(stages) != 1:
            yield f"{name} is in {' and '.join(stages) or 'no stage'}"


def _accepted_sizes(network: nn.Module, size: int) -> tuple[int, int, bool]:
    """Find the smallest size that runs, the step between sizes, and whether there is only one."""
    step = next((s for s in _STEPS if size % s == 0 and _accepts(network, size + s)), None)
    if step is None:
        return size, 1, True
    sizes = (least // step * step for least in _SIZES)
    smallest = next(s for s in (*sizes, size) if s >= step and _accepts(network, s))
    return min(smallest, size), step, False


def _accepts(network: nn.Module, size: int) -> bool:
    try:
        _run(network, size)
    except (RuntimeError, ValueError, AssertionError, IndexError):
        return False
    return True


def _run(network: nn.Module, size: int) -> object:
    with torch.no_grad():
        return network(_images(network, size, 2))


def _images(network: nn.Module, size: int, count: int) -> torch.Tensor:
    device = next(network.parameters()).device
    return torch.empty(count, 3, size, size, device=device)


def _width(layer: nn.Module) -> int:
    """Count the outputs of a classifier; an absent one has none."""
    for name in ("out_features", "out_channels"):
        width = getattr(layer, name, None)
        if isinstance(width, int):
            return width
    return 0
