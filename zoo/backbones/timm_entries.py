"""Entries for timm's networks, from timm's own configuration, here or on the Hub."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import timm
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import RemoteEntryNotFoundError
from timm.models import get_pretrained_cfg, list_pretrained

from zoo.backbones.describe import describe, unknown
from zoo.errors import RegistryError, WeightsError
from zoo.hub import HUB_FAILURES, reason_of
from zoo.inputs.contract import Preprocess
from zoo.registry import Found, Weights
from zoo.registry.licenses import OTHER, is_spdx

_LICENSES: Mapping[str, str] = {
    "dinov3-license": "https://ai.meta.com/resources/models-and-libraries/dinov3-license/",
    "fastvit-license": "https://github.com/apple/ml-fastvit/blob/main/LICENSE",
}
"""Licences that timm names and SPDX does not list, by where their text is."""
_NOT_COMMERCIAL = ("noncommercial", "seer-license", "apple-amlr")
"""Of those, the ones that forbid commercial use."""


def describe_timm(name: str) -> Found:
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
    facts = asdict(config)
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
    return from_config(name, facts, weights, f"timm {timm.__version__}")


def describe_repository(name: str) -> Found:
    """Describe a repository on the Hub from its `config.json`, as timm writes it.

    Args:
        name: `org/name` or `org/name@revision`.
    """
    match = re.fullmatch(r"([\w.-]+/[\w.-]+)(?:@([\w./-]+))?", name)
    if match is None:
        raise RegistryError(
            f"hf-hub:{name} does not name a repository",
            hint="write hf-hub:org/name or hf-hub:org/name@revision",
        )
    repo, revision = match[1], match[2]
    try:
        path = Path(hf_hub_download(repo, "config.json", revision=revision))
    except RemoteEntryNotFoundError as cause:
        raise RegistryError(f"hf-hub:{name} has no config.json to describe it") from cause
    except HUB_FAILURES as cause:
        raise WeightsError(
            f"cannot fetch hf-hub:{name}: {reason_of(cause)}",
            hint="check the name, the network and, for a private repository, `hf auth login`",
        ) from cause
    weights = {
        "source": "hub",
        "location": repo,
        "file": "model.safetensors",
        "revision": path.parent.name,
    }
    return from_config_file(path, name, weights, f"hf-hub:{name}")


def from_config_file(path: Path, name: str, weights: dict[str, Any], origin: str) -> Found:
    """Describe a network from the `config.json` that timm writes beside its weights."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        facts = {**config, **config["pretrained_cfg"]}
        facts["architecture"] = config["architecture"]
        facts["num_classes"] = config.get("num_classes", facts["num_classes"])
    except (KeyError, TypeError, ValueError) as cause:
        raise RegistryError(
            f"the config.json of {origin} is not one that timm writes",
            hint="zoo reads image networks in timm's layout; see docs/registry.md",
        ) from cause
    return from_config(name, facts, weights, origin)


def from_config(name: str, facts: Mapping[str, Any], weights: dict[str, Any], origin: str) -> Found:
    """Describe a network from timm's configuration of its weights.

    Args:
        name: What the user called it.
        facts: timm's `pretrained_cfg`.
        weights: Fields of `Weights` that say where they lie.
        origin: Where the configuration came from.

    Raises:
        RegistryError: The network has several classifiers.
    """
    assumptions: list[str] = []
    size = facts["input_size"][-1]
    if facts.get("crop_mode", "center") != "center":
        assumptions.append(f"a centre crop, where the weights name {facts['crop_mode']}")
    interpolation = facts.get("interpolation", "bicubic")
    if interpolation not in ("bilinear", "bicubic"):
        assumptions.append(f"bicubic interpolation, where the weights name {interpolation}")
        interpolation = "bicubic"
    classifier = facts.get("classifier")
    if classifier is not None and not isinstance(classifier, str):
        raise RegistryError(
            f"{name} has several classifiers ({', '.join(classifier)}), which zoo cannot replace "
            "by one head",
            hint="choose a variant without distillation heads",
        )
    backbone = describe(
        name=name,
        builder="timm",
        architecture=facts["architecture"],
        num_classes=facts["num_classes"],
        classifier=classifier,
        weights=Weights(
            **weights,
            **_license_facts(facts.get("license"), weights["location"], assumptions),
            origin_url=facts.get("origin_url") or _hub_page(weights),
            paper=_arxiv(facts.get("paper_ids")),
        ),
        preprocess=Preprocess(
            size=size,
            resize=max(size, math.floor(size / facts["crop_pct"])),
            interpolation=interpolation,
            mean=tuple(facts["mean"]),
            std=tuple(facts["std"]),
        ),
    )
    return Found(backbone, origin, tuple(assumptions))


def _license_facts(name: str | None, place: str, assumptions: list[str]) -> dict[str, Any]:
    if name and is_spdx(name):
        return {"license": name.lower()}
    page = _LICENSES.get(name or "", f"https://huggingface.co/{place}")
    if not name or name == "unknown":
        assumptions.append(f"licence unknown: read {page} before you ship anything")
    forbidden = any(word in (name or "") for word in _NOT_COMMERCIAL)
    return {
        "license": OTHER,
        "license_url": page,
        "commercial_use": False if forbidden else None,
    }


def _hub_page(weights: Mapping[str, Any]) -> str | None:
    if weights["source"] != "hub":
        return None
    return f"https://huggingface.co/{weights['location']}"


def _arxiv(identifiers: Any) -> str | None:
    found = re.search(r"arXiv:(\d{4}\.\d{4,5})", str(identifiers))
    return found[1] if found else None
