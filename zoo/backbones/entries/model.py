"""Entries for models that zoo trained, from their own configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from zoo.backbones.entries.describe import plain_name
from zoo.backbones.measure import build_on_meta, measure
from zoo.errors import RegistryError
from zoo.model import ModelConfig
from zoo.registry import FoundBackbone, Weights
from zoo.targets import Target

MARK = "zoo_config"
"""Field of a `config.json` that names the file that says more, where zoo wrote both."""

_NOBODYS = Weights(source="none")
"""Whose licence a model trained from random weights is under: zoo does not know."""


def inherit(config: ModelConfig, **facts: Any) -> Weights:
    """Describe a model's weights: terms and ancestors are those of what it began with.

    Args:
        config: The model.
        facts: Fields of `Weights` that say where they lie and what the file is; any other of
            them counts before what is inherited.
    """
    parent = config.backbone
    own: dict[str, Any] = {
        "revision": None,
        "requirement": None,
        "match": "name",
        "base": (config.base or (parent.name,)) if config.pretrained else (),
    }
    return replace(parent.weights if config.pretrained else _NOBODYS, **(own | facts))


def from_model(
    config: ModelConfig,
    weights: Weights,
    *,
    name: str,
    reference: str,
    assumptions: Sequence[str] = (),
) -> FoundBackbone:
    """Describe a trained model as a backbone for the next.

    Args:
        config: The model.
        weights: Where its weights lie, and what they are.
        name: A path or an address; its last part names the entry.
        reference: What names it from anywhere.
        assumptions: What nobody stated, beyond what the model itself records.

    Raises:
        RegistryError: Its network ends before its pooling, or cannot be built here.
    """
    parent = config.backbone
    if config.head.features != "pooled":
        raise RegistryError(
            f"{reference} is a network cut before its pooling, which is no backbone",
            hint=f"begin with {parent.name} again",
        )
    num_outputs = sum(target.num_outputs for target in config.targets)
    size = config.preprocess.size
    network = build_on_meta(parent.builder, parent.architecture, num_outputs, size)
    facts = measure(network, size, parent.classifier)
    backbone = replace(
        parent,
        name=plain_name(name),
        summary=f"{parent.name}, fine-tuned by {config.recipe} for {_describe(config.targets)}",
        task="image-classification",
        num_classes=num_outputs,
        num_params=facts.num_params,
        macs=facts.macs,
        weights=weights,
        preprocess=config.preprocess,
        results=(),
        notes="",
    )
    return FoundBackbone(backbone, reference, reference, (*config.assumptions, *assumptions))


def _describe(targets: Sequence[Target]) -> str:
    if len(targets) == 1 and targets[0].kind == "class":
        return f"{targets[0].num_outputs} classes"
    return ", ".join(target.name for target in targets)
