"""Entries for timm's networks, from timm's own configuration, here or on the Hub."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import timm
from timm.models import get_pretrained_cfg, list_pretrained

from zoo.backbones.entries.describe import describe, unknown
from zoo.backbones.entries.timm_config import TimmConfig, check_config, merge_config
from zoo.errors import RegistryError
from zoo.inputs.contract import CropMode, Interpolation, Preprocess
from zoo.registry import FoundBackbone, Weights
from zoo.registry.licenses import OTHER, is_spdx

_LICENSES: Mapping[str, str] = {
    "dinov3-license": "https://ai.meta.com/resources/models-and-libraries/dinov3-license/",
    "fastvit-license": "https://github.com/apple/ml-fastvit/blob/main/LICENSE",
}
"""Licences that timm names and SPDX does not list, by where their text is."""
_NOT_COMMERCIAL = ("noncommercial", "seer-license", "apple-amlr")
"""Of those, the ones that forbid commercial use."""


def describe_timm(name: str) -> FoundBackbone:
    """Describe a timm network from timm's own configuration of its weights.

    Args:
        name: `resnet50` (timm's default weights) or `resnet50.a1_in1k`.
    """
    architecture = name.partition(".")[0]
    if not timm.is_model(architecture):
        raise unknown(name, timm.list_models(), "timm")
    try:
        config = get_pretrained_cfg(name)
    except RuntimeError:
        config = None
    if config is None or not (config.hf_hub_id or config.url):
        raise unknown(name, [n for n in list_pretrained() if n.startswith(architecture)], "timm")
    repo = config.hf_hub_id
    if not repo:
        raise RegistryError(
            f"timm's weights {name} are not on the Hub, but a file of unknown hash at {config.url}",
            hint="write a registry entry with that url and its sha256",
        )
    weights = {
        "source": "hub",
        "location": repo,
        "file": config.hf_hub_filename or "model.safetensors",
    }
    checked = check_config(asdict(config), name)
    return from_config(f"timm/{name}", checked, weights, f"timm {timm.__version__}")


def from_content(
    content: Mapping[str, Any], reference: str, weights: dict[str, Any], origin: str
) -> FoundBackbone:
    """Describe a network from the `config.json` that timm writes beside its weights, parsed."""
    return from_config(reference, merge_config(content, origin), weights, origin)


def from_config(
    reference: str, config: TimmConfig, weights: dict[str, Any], origin: str
) -> FoundBackbone:
    """Describe a network from timm's configuration of its weights.

    Args:
        reference: What names it from anywhere.
        config: What timm says of the weights.
        weights: Fields of `Weights` that say where they lie.
        origin: Where the configuration came from.

    Raises:
        RegistryError: The network has several classifiers.
    """
    if isinstance(config.classifier, tuple):
        raise RegistryError(
            f"{reference} has several classifiers, which zoo cannot replace by one head: "
            + ", ".join(config.classifier),
            hint="choose a network with one",
        )
    assumptions: list[str] = []
    interpolation: Interpolation = "bicubic"
    if config.interpolation == "bilinear":
        interpolation = "bilinear"
    elif config.interpolation != "bicubic":
        assumptions.append(f"bicubic interpolation, where the weights name {config.interpolation}")
    crop_mode: CropMode = "squash" if config.crop_mode == "squash" else "center"
    if config.crop_mode not in ("center", "squash"):
        assumptions.append(f"a centre crop, where the weights name {config.crop_mode}")
    page = f"https://huggingface.co/{weights['location']}" if weights["source"] == "hub" else None
    size = config.input_size[1]
    backbone = describe(
        name=reference,
        builder="timm",
        architecture=config.architecture,
        num_classes=config.num_classes,
        classifier=config.classifier,
        weights=Weights(
            **weights,
            **license_facts(config.license, page, assumptions),
            origin_url=config.origin_url or page,
            paper=_arxiv(config.paper_ids),
        ),
        preprocess=Preprocess(
            size=size,
            resize=max(size, math.floor(size / config.crop_pct)),
            interpolation=interpolation,
            crop_mode=crop_mode,
            mean=config.mean,
            std=config.std,
        ),
    )
    return FoundBackbone(backbone, reference, origin, tuple(assumptions))


def license_facts(name: str | None, page: str | None, assumptions: list[str]) -> dict[str, Any]:
    """Say under which licence weights are.

    Args:
        name: What timm or a card on the Hub calls it, if it does.
        page: Where the weights are described, if they come from the Hub.
        assumptions: Grows by what is not known.
    """
    if name and is_spdx(name):
        return {"license": name.lower()}
    text = _LICENSES.get(name or "", page)
    if not name or name == "unknown":
        where = f": read {page}" if page else ": ask whoever made the weights,"
        assumptions.append(f"licence unknown{where} before you ship anything")
    elif text is None:
        assumptions.append(f"licence {name!r}, which SPDX does not list")
    if text is None:
        return {"license": ""}
    forbidden = any(word in (name or "") for word in _NOT_COMMERCIAL)
    return {
        "license": OTHER,
        "license_url": text,
        "commercial_use": False if forbidden else None,
    }


def _arxiv(identifiers: object) -> str | None:
    found = re.search(r"arXiv:(\d{4}\.\d{4,5})", str(identifiers))
    return found[1] if found else None
