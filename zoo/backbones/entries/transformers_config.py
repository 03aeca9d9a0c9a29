"""Which network of timm's a classifier of transformers is, and what it sees."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo.backbones.entries.timm_config import TimmConfig, check_config
from zoo.backbones.entries.timm_pixels import timm_preprocess
from zoo.backbones.entries.transformers_pixels import read_processor
from zoo.backbones.tensor_names.transformers import FAMILIES, MOST_ADDED, find_added
from zoo.errors import RegistryError


def read_transformers(
    content: Mapping[str, Any], processor: Path, origin: str
) -> tuple[TimmConfig, tuple[str, ...]]:
    """Describe a classifier of transformers in timm's terms.

    Args:
        content: Of its `config.json`.
        processor: Its `preprocessor_config.json`.
        origin: What to call it in errors.

    Returns:
        What network it is and what it sees, and what had to be assumed.

    Raises:
        RegistryError: It is no classifier of images that timm has, or nothing says what it sees.
    """
    try:
        facts = {"architecture": _find_architecture(content), "num_classes": _outputs(content)}
    except (AttributeError, LookupError, TypeError, ValueError) as cause:
        # Fields of other kinds than transformers writes.
        raise _unsupported(content, origin) from cause
    for field, value in find_added(content).items():
        raise RegistryError(
            f"{origin} adds {field} = {str(value)[:80]} to variances, which is unsupported: the "
            f"same network of timm's adds {MOST_ADDED} at most",
            hint="choose weights of the network as its makers published it",
        )
    contract, assumptions = read_processor(processor, origin)
    return check_config(timm_preprocess(contract) | facts, origin), assumptions


def _find_architecture(content: Mapping[str, Any]) -> str:
    """Find timm's name of the network; ValueError if it has none."""
    family = FAMILIES.get(str(content.get("model_type")))
    architecture = family.architecture(content) if family and _classifies(content) else None
    if architecture is None:
        raise ValueError("timm has no such classifier")
    return architecture


def _classifies(content: Mapping[str, Any]) -> bool:
    classes = _classes(content) or ("ForImageClassification",)
    return any(name.endswith("ForImageClassification") for name in classes)


def _classes(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Name transformers' classes that the tensors are of."""
    names = content.get("architectures")
    return tuple(map(str, names)) if isinstance(names, list) else ()


def _outputs(content: Mapping[str, Any]) -> int:
    """Count the classifier's outputs; transformers leaves out what is its default, two."""
    names = content.get("id2label")
    return len(names) if isinstance(names, dict) else int(content.get("num_labels", 2))


def _unsupported(content: Mapping[str, Any], origin: str) -> RegistryError:
    kind = content.get("model_type", "no model_type")
    task = ", ".join(_classes(content)) or "no task"
    return RegistryError(
        f"{origin} ({kind}, {task}) is no classifier of images that timm has too",
        hint="zoo takes what it pushed itself, repositories in timm's layout, and "
        f"ForImageClassification of {', '.join(sorted(FAMILIES))} in the sizes that their makers "
        "published",
    )
