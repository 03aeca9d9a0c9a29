"""`config.json`: the fields that timm, transformers and transformers.js read in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.backbones.entries.model import MARK
from zoo.backbones.entries.timm_pixels import timm_preprocess
from zoo.backbones.tensor_names.counterparts import Counterpart
from zoo.model import CONFIG, ModelConfig
from zoo.recipes import TargetKind
from zoo.targets import Target

PROBLEM_TYPES: Mapping[TargetKind, str] = {
    "class": "single_label_classification",
    "labels": "multi_label_classification",
    "value": "regression",
}
"""What transformers calls each kind of target: whether its pipeline takes a softmax, a sigmoid, or
the outputs as they are."""


def library_config(config: ModelConfig, counterpart: Counterpart | None) -> dict[str, Any]:
    """Describe a model of one target for the libraries that load it.

    transformers tells a network of timm's by `pretrained_cfg` and by there being no `model_type`.
    Where it does not load the tensors, one that it does not know makes it say so: it would warn,
    and answer with random weights.

    Args:
        config: The model.
        counterpart: timm's network, where it has it.
    """
    backbone = config.backbone
    content = (
        {"model_type": f"{backbone.builder}_{backbone.architecture}"}
        if counterpart is None
        else _timm_fields(config, counterpart)
    )
    return content | _label_fields(config.targets[0]) | {MARK: CONFIG}


def names_of_outputs(target: Target) -> tuple[str, ...]:
    """Name the outputs of a target in their order."""
    return target.columns if target.kind == "value" else target.classes


def _timm_fields(config: ModelConfig, counterpart: Counterpart) -> dict[str, Any]:
    """Write what timm reads, as its `save_for_hf` does."""
    # Imported here: timm brings torchvision.
    from timm.models import get_pretrained_cfg

    own = get_pretrained_cfg(counterpart.architecture)
    names = names_of_outputs(config.targets[0])
    arguments = _arguments(config, counterpart)
    return {
        "architecture": counterpart.architecture,
        "num_classes": len(names),
        "num_features": config.backbone.feature_dim,
        "label_names": list(names),
        **({"model_args": arguments} if arguments else {}),
        "pretrained_cfg": {
            **timm_preprocess(config.preprocess),
            "fixed_input_size": bool(own and own.fixed_input_size),
            "num_classes": len(names),
            "pool_size": None,
            "first_conv": own.first_conv if own else None,
            "classifier": own.classifier if own else config.backbone.classifier,
            **({"license": config.backbone.weights.license} if _is_licensed(config) else {}),
        },
    }


def _arguments(config: ModelConfig, counterpart: Counterpart) -> dict[str, float]:
    """Collect what timm's constructor has to be told of the network."""
    sized = counterpart.sized or config.backbone.resizable
    size = {"img_size": config.preprocess.size} if sized else {}
    return {**size, **counterpart.arguments}


def _is_licensed(config: ModelConfig) -> bool:
    return config.pretrained and bool(config.backbone.weights.license)


def _label_fields(target: Target) -> dict[str, Any]:
    names = names_of_outputs(target)
    return {
        "problem_type": PROBLEM_TYPES[target.kind],
        "id2label": {str(at): name for at, name in enumerate(names)},
        "label2id": {name: at for at, name in enumerate(names)},
        # A browser takes an 8-bit graph of a name that zoo does not write, if it is not told.
        "transformers.js_config": {"dtype": "fp32"},
    }
