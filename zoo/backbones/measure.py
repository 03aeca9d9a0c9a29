"""What a network is, found out by building it without memory and running it once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from zoo.backbones.builders import find_builder
from zoo.backbones.stages import Stages, find_stages
from zoo.errors import RegistryError

Resize = Callable[[nn.Module, int], None]

_REFUSALS = (RuntimeError, ValueError, AssertionError, IndexError)
"""How networks say that they do not take a size."""
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
    resizable: bool


def build_on_meta(
    builder: str, architecture: str, num_classes: int, size: int | None = None
) -> nn.Module:
    """Build a network in evaluation mode without memory or weights.

    Args:
        builder: A key of `BUILDERS`.
        architecture: What the builder calls it.
        num_classes: Outputs of its classifier.
        size: Rebuild it for this input size, where it takes one only.

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
                network = build()
        except NotImplementedError:
            # Its constructor computes with tensors, which `meta` has no values for.
            network = build().to("meta")
        if size is not None:
            _fit(network, size, library.resize)
    except (ValueError, RuntimeError, KeyError, TypeError) as cause:
        reason = str(cause).partition("\n")[0]
        raise RegistryError(
            f"{builder} cannot build {architecture!r}: {reason}",
            hint="choose another network, or mend what names this one",
        ) from cause
    return network


def _fit(network: nn.Module, size: int, resize: Resize) -> None:
    """Rebuild a network for a size where it does not take it as it is.

    Raises:
        RuntimeError: It cannot be rebuilt; says why it did not run.
    """
    try:
        _run(network, size)
    except _REFUSALS as refusal:
        try:
            resize(network, size)
        except (*_REFUSALS, TypeError) as cause:
            raise RuntimeError(f"it does not run at {size} px: {refusal}") from cause


def measure(
    network: nn.Module, size: int, classifier: str | None = None, resize: Resize | None = None
) -> Facts:
    """Describe a network by its module tree and one pass.

    Args:
        network: On the `meta` device; its classifier is replaced in the course.
        size: Height and width of its images, pixels.
        classifier: Path of the last layer, where it is known.
        resize: How its builder rebuilds it for another size, if it does.

    Raises:
        RegistryError: It has no single last layer that features go into.
    """
    path = classifier or find_classifier(network)
    num_params = sum(parameter.numel() for parameter in network.parameters())
    macs = count_macs(network, size)
    sizes = _find_sizes(network, size, resize)
    stages = find_stages(network, path, size)
    last = network.get_submodule(path)
    network.set_submodule(path, nn.Identity())
    features = _run(network, size)
    if not isinstance(features, torch.Tensor) or features.dim() != 2:
        shape = getattr(features, "shape", type(features).__name__)
        raise RegistryError(
            f"without {path} the network gives {shape} instead of features [B, D]",
            hint="name the layer that classifies in `classifier`, or choose another network",
        )
    return Facts(
        num_classes=_width(last),
        classifier=path,
        feature_dim=features.shape[1],
        stages=stages,
        num_params=num_params,
        macs=macs,
        min_size=sizes.smallest,
        size_step=sizes.step,
        fixed_size=sizes.fixed,
        resizable=sizes.resizable,
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
    raise RegistryError(
        "the network has no linear layer that a new head could replace",
        hint="choose another network",
    )


def count_macs(network: nn.Module, size: int) -> int:
    """Count the multiply-accumulates of one image, as torch's FlopCounterMode sees them."""
    # Imported when something is counted: it brings triton.
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(_images(network, size, 1))
    flops: int = counter.get_total_flops()
    return flops // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sizes:
    """Which input sizes a network takes, pixels."""

    smallest: int
    step: int
    fixed: bool = False
    resizable: bool = False


def _find_sizes(network: nn.Module, size: int, resize: Resize | None) -> _Sizes:
    """Try sizes, first as the network is, then rebuilt for each."""
    if found := _try_sizes(size, lambda other: _accepts(network, other)):
        return _Sizes(smallest=found[0], step=found[1])
    if resize is not None:
        found = _try_sizes(size, lambda other: _accepts_rebuilt(network, other, resize))
        if _accepts_rebuilt(network, size, resize) and found:
            return _Sizes(smallest=found[0], step=found[1], fixed=True, resizable=True)
    return _Sizes(smallest=size, step=1, fixed=True)


def _try_sizes(size: int, accepts: Callable[[int], bool]) -> tuple[int, int] | None:
    """Find the smallest size and the step between sizes; None where there is only one."""
    step = next((s for s in _STEPS if size % s == 0 and accepts(size + s)), None)
    if step is None:
        return None
    smallest = next(s for least in _SIZES if (s := -(-least // step) * step) >= size or accepts(s))
    return min(smallest, size), step


def _accepts_rebuilt(network: nn.Module, size: int, resize: Resize) -> bool:
    try:
        resize(network, size)
    except (*_REFUSALS, TypeError):
        return False
    return _accepts(network, size)


def _accepts(network: nn.Module, size: int) -> bool:
    try:
        _run(network, size)
    except _REFUSALS:
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
