"""A backbone that no registry holds, described from what its network and its makers say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from torch import nn

from zoo.backbones.builders import find_builder
from zoo.backbones.measure import Facts, Resize, build_on_meta, measure
from zoo.errors import RegistryError
from zoo.inputs.contract import Preprocess
from zoo.registry import Backbone


def describe(
    *,
    name: str,
    builder: str,
    architecture: str,
    num_classes: int,
    preprocess: Preprocess,
    classifier: str | None = None,
    **facts: Any,
) -> Backbone:
    """Make an entry of a network: measured where that is possible, told where it is not.

    Args:
        name: What the user called it.
        builder: A key of `BUILDERS`.
        architecture: What the builder calls it.
        num_classes: Outputs of its pretrained classifier.
        preprocess: What its weights were trained with.
        classifier: Path of its last layer, where it is known.
        facts: Further fields of `Backbone`.

    Raises:
        RegistryError: The network cannot be built, has no last layer to replace, or another
            than `classifier`.
    """
    size, resize = preprocess.size, find_builder(builder).resize
    network = build_on_meta(builder, architecture, num_classes, size)
    if classifier:
        found = _measure_told(network, size, classifier, resize, num_classes, name)
    else:
        found = measure(network, size, None, resize)
    return Backbone(
        name=plain_name(name),
        summary=f"{architecture} by {builder}, described from its own configuration",
        family=family_of(architecture),
        task="image-classification" if num_classes else "image-feature-extraction",
        builder=builder,
        architecture=architecture,
        num_classes=num_classes,
        preprocess=preprocess,
        classifier=found.classifier,
        feature_dim=found.feature_dim,
        stages=found.stages,
        num_params=found.num_params,
        macs=found.macs,
        min_size=found.min_size,
        size_step=found.size_step,
        fixed_size=found.fixed_size,
        resizable=found.resizable,
        **facts,
    )


def _measure_told(
    network: nn.Module, size: int, path: str, resize: Resize, num_classes: int, name: str
) -> Facts:
    """Measure a network whose last layer somebody names.

    Raises:
        RegistryError: It is none of the network's, or not the last.
    """
    wrong = RegistryError(
        f"{name} names {path[:80]!r} as its classifier, which is no last layer with {num_classes} "
        "outputs",
        hint="choose weights of an architecture as its library defines it",
    )
    try:
        found = measure(network, size, path, resize)
    except (AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as e:
        raise wrong from e
    if found.num_classes != num_classes:
        raise wrong
    return found


def plain_name(name: str) -> str:
    """Turn a name into one that can stand in a registry and in a file name."""
    last = name.rstrip("/").rsplit("/", 1)[-1].partition("@")[0]
    return re.sub(r"[^A-Za-z0-9._+-]", "-", last).lstrip("._+-") or "model"


def family_of(architecture: str) -> str:
    """Read the family off an architecture's name: `resnet50` -> `resnet`."""
    first = architecture.removeprefix("tf_").split("_")[0]
    match = re.match(r"([a-z]+?)(v\d+)?(\d.*)?$", first)
    return match[1] if match else first


def unknown(name: str, known: Sequence[str], where: str) -> RegistryError:
    """Report a name that a library does not know, with the nearest ones that it does."""
    near = get_close_matches(name, known, n=3)
    hint = f"did you mean {', '.join(near)}?" if near else f"{where} has {', '.join(known[:8])} …"
    return RegistryError(f"{where} has no {name!r}", hint=hint)
