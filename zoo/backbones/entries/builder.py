"""Entries for networks of a builder that nobody published weights of."""

from __future__ import annotations

from dataclasses import replace

from zoo.backbones.entries.describe import describe
from zoo.inputs.contract import Preprocess
from zoo.registry import FoundBackbone, Weights

USUAL = Preprocess(
    size=224,
    resize=256,
    interpolation="bicubic",
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)
"""What most networks are given; mean and std are ImageNet's."""
_CLASSES = 1000


def describe_architecture(builder: str, architecture: str) -> FoundBackbone:
    """Describe a network by what can be measured of it, and assume the rest.

    Args:
        builder: A key of `BUILDERS`.
        architecture: What the builder calls it.

    Raises:
        RegistryError: The builder cannot build it, or not for the usual inputs.
    """
    backbone = describe(
        name=architecture,
        builder=builder,
        architecture=architecture,
        num_classes=_CLASSES,
        preprocess=USUAL,
        weights=Weights(source="none"),
    )
    return FoundBackbone(
        replace(backbone, summary=f"{architecture} by {builder}, random weights"),
        f"{builder}/{architecture}",
        f"builder {builder}, zoo's defaults",
        (
            f"inputs of {USUAL.size} px, {USUAL.interpolation} from {USUAL.resize} px, with "
            "ImageNet's mean and std",
            f"a classifier of {_CLASSES} classes, which counts among the parameters",
        ),
    )
