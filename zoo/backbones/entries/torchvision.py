"""Entries for torchvision's networks, from torchvision's own metadata."""

from __future__ import annotations

from typing import Any

import torchvision
from torchvision.models import get_model_weights, list_models

from zoo.backbones.entries.describe import describe, unknown
from zoo.inputs.contract import Preprocess
from zoo.registry import FoundBackbone, Weights

_LICENSE = {
    "license": "bsd-3-clause",
    "license_url": "https://github.com/pytorch/vision/blob/main/LICENSE",
}
_SWAG_LICENSE = {
    "license": "cc-by-nc-4.0",
    "license_url": "https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
}


def describe_torchvision(name: str) -> FoundBackbone:
    """Describe a torchvision network from its Weights enum and its modules.

    Args:
        name: `resnet50` (the library's default weights) or `resnet50.IMAGENET1K_V1`.
    """
    architecture, _, wanted = name.partition(".")
    known = list_models(module=torchvision.models)
    if architecture not in known:
        raise unknown(architecture, known, "torchvision")
    choices = get_model_weights(architecture)
    if wanted and wanted not in choices.__members__:
        raise unknown(wanted, list(choices.__members__), f"torchvision's {architecture}")
    weights = choices[wanted] if wanted else choices.DEFAULT
    transforms, meta = weights.transforms(), weights.meta
    file = weights.url.rsplit("/", 1)[1]
    assumptions = []
    mean, std = tuple(transforms.mean), tuple(transforms.std)
    if architecture in ("googlenet", "inception_v3"):
        mean = std = (0.5, 0.5, 0.5)
        assumptions.append(
            "mean and std are 0.5: torchvision renormalises inside the network "
            "(transform_input), which here happens before it"
        )
    license_facts: dict[str, Any] = _SWAG_LICENSE if "SWAG" in weights.name else _LICENSE
    if license_facts is _LICENSE:
        assumptions.append("licence bsd-3-clause: torchvision's own; its weights name none")
    (size,), (resize,) = transforms.crop_size, transforms.resize_size
    backbone = describe(
        name=name,
        builder="torchvision",
        architecture=architecture,
        num_classes=len(meta["categories"]),
        weights=Weights(
            source="torchvision",
            location=str(weights),
            file=file,
            sha256=file.rsplit("-", 1)[1].split(".")[0],
            origin_url=meta.get("recipe"),
            **license_facts,
        ),
        preprocess=Preprocess(
            size=size,
            resize=max(size, resize),
            interpolation=transforms.interpolation.value,
            mean=mean,
            std=std,
        ),
    )
    return FoundBackbone(
        backbone,
        f"torchvision/{name}",
        f"torchvision {torchvision.__version__}",
        tuple(assumptions),
    )
