"""What an entry of the registry claims of its network, recomputed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from torch import nn

from zoo.backbones.builders import find_builder
from zoo.backbones.measure import build_on_meta, find_classifier, measure
from zoo.errors import RegistryError
from zoo.registry.entries import Backbone

_CLAIMS = (
    *("num_params", "macs", "feature_dim", "num_classes"),
    *("size_step", "fixed_size", "resizable"),
)
"""Fields of a backbone that must be exactly what is measured."""


class Mistake(NamedTuple):
    """A claim that does not hold."""

    field: str
    """Which field of the backbone makes it."""
    text: str


def find_mistakes(entry: Backbone) -> list[Mistake]:
    """Rebuild a backbone and compare every claim that can be recomputed.

    Returns:
        What differs, empty where everything holds.
    """
    mistakes: list[Mistake] = []
    try:
        size = entry.preprocess.size
        network = build_on_meta(entry.builder, entry.architecture, entry.num_classes, size)
        mistakes += [*_check_classifier(network, entry), *_check_stages(network, entry)]
        facts = measure(network, size, entry.classifier, find_builder(entry.builder).resize)
    except RegistryError as cause:
        return [*mistakes, Mistake("architecture", cause.problem)]
    except AttributeError as cause:
        return [*mistakes, Mistake("classifier", str(cause))]
    mistakes += [
        Mistake(claim, f"is {getattr(entry, claim)}, the network's is {getattr(facts, claim)}")
        for claim in _CLAIMS
        if getattr(entry, claim) != getattr(facts, claim)
    ]
    if entry.min_size < facts.min_size:
        text = f"is {entry.min_size}, the network takes {facts.min_size} px and more"
        mistakes.append(Mistake("min_size", text))
    return mistakes


def _check_classifier(network: nn.Module, entry: Backbone) -> Iterator[Mistake]:
    if entry.num_classes and (last := find_classifier(network)) != entry.classifier:
        yield Mistake("classifier", f"is {entry.classifier}, the network's last layer is {last}")


def _check_stages(network: nn.Module, entry: Backbone) -> Iterator[Mistake]:
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
                yield Mistake(f"stages.{stage}", f"names {path}, which has no parameter")
            for name in inside:
                owners[name].append(stage)
    for name, stages in owners.items():
        if len(stages) != 1:
            yield Mistake("stages", f"{name} is in {' and '.join(stages) or 'no stage'}")
