"""Pretrained weights into a network: read without unpickling, fitted name by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from zoo.backbones.builders import find_builder
from zoo.backbones.sources import SAFE_SUFFIX
from zoo.backbones.states import in_shape, load_state
from zoo.backbones.tensor_names.file import from_file
from zoo.backbones.tensor_names.transformers import WRAPPER, to_timm
from zoo.errors import WeightsError
from zoo.registry import Backbone
from zoo.torch_files import find_dishonest, read_torch_file

_AUXILIARY = ("AuxLogits.", "aux1.", "aux2.")
"""Tensors of training-time side outputs, which zoo builds networks without."""

HEADS = "zoo_heads"
"""How the tensors of heads are called that a library's own network has no place for."""


def load_pretrained(network: nn.Module, backbone: Backbone, path: Path) -> None:
    """Fill a freshly built network with its pretrained weights, all but the classifier.

    Args:
        network: As the backbone's builder makes it.
        backbone: Says where its classifier is and how the file names its tensors.
        path: What `fetch_weights` found and checked.

    Raises:
        WeightsError: They cannot be read, or do not fit the network.
    """
    state = {name.removeprefix(WRAPPER): value for name, value in _read(path).items()}
    state = {name: value for name, value in state.items() if not name.startswith(_AUXILIARY)}
    expected = network.state_dict()
    if backbone.weights.match == "order":
        state = _rename_by_order(state, expected, backbone.name)
    elif backbone.weights.match == "transformers":
        state = in_shape(to_timm(state, str(path)), expected)
    state = from_file(backbone, state, expected)
    expected = _without(expected, backbone.classifier)
    fitting = _without(state, backbone.classifier)
    problems = _misfits(fitting, expected)
    if problems:
        listing = "\n".join(sorted(problems)[:20])
        misfit = WeightsError(f"the weights do not fit {backbone.name}:\n{listing}")
        try:
            adapted = find_builder(backbone.builder).adapt(state, network)
        except Exception as cause:
            # A library's converter fails in its own ways on what it has no rule for.
            raise misfit from cause
        fitting = _without(adapted, backbone.classifier)
        if _misfits(fitting, expected):
            raise misfit
    load_state(network, fitting, strict=False)


def _without(state: Mapping[str, Tensor], classifier: str) -> dict[str, Tensor]:
    heads = (f"{classifier}.", f"{HEADS}.")
    return {name: value for name, value in state.items() if not name.startswith(heads)}


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == SAFE_SUFFIX:
            return load_file(path)
        state = read_torch_file(path)
    except (SafetensorError, ValueError, OSError) as cause:
        raise WeightsError(f"{path} cannot be read: {cause}") from cause
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise WeightsError(f"{path} holds no named tensors")
    if problems := list(find_dishonest(state)):
        listing = "\n".join(problems[:20])
        raise WeightsError(f"{path} claims tensors that are not in it:\n{listing}")
    return state


def _rename_by_order(
    state: Mapping[str, Tensor], expected: Mapping[str, Tensor], name: str
) -> dict[str, Tensor]:
    """Give tensors the network's names where the file has others in the same order.

    The last part of each name (weight, running_mean, …) must agree.
    """
    kinds = [key.rsplit(".", 1)[-1] for key in state]
    if kinds != [key.rsplit(".", 1)[-1] for key in expected]:
        raise WeightsError(f"the weights of {name} are not in the network's order")
    return dict(zip(expected, state.values(), strict=True))


def _misfits(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> list[str]:
    """Compare names and shapes before anything is copied.

    A file of a kilobyte can claim to hold a terabyte.
    """
    problems = [f"  {key} is missing" for key in expected.keys() - state.keys()]
    problems += [f"  {key} is not in the network" for key in state.keys() - expected.keys()]
    problems += [
        f"  {key} has shape {_shape(state[key])} instead of {_shape(expected[key])}"
        for key in expected.keys() & state.keys()
        if _shape(state[key]) != _shape(expected[key])
    ]
    return problems


def _shape(value: object) -> list[int] | None:
    """Tell the shape of a tensor; a file may have something else under its name."""
    return list(value.shape) if isinstance(value, Tensor) else None
