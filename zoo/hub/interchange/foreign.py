"""What a repository of timm's or transformers' holds, in timm's terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from zoo.backbones.entries.timm_config import TimmConfig, merge_config, read_content
from zoo.backbones.entries.transformers_config import read_transformers
from zoo.backbones.tensor_names.transformers import WRAPPER, State, to_timm
from zoo.errors import RegistryError, WeightsError
from zoo.model_files import PROCESSOR, WEIGHTS
from zoo.registry.entries import Match


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """A classifier that somebody else wrote."""

    content: Mapping[str, Any]
    """Of its `config.json`."""
    config: TimmConfig
    """What network it is, and what it sees."""
    state: State
    """Its tensors under names that timm knows."""
    match: Match
    """How the file names them."""
    assumptions: tuple[str, ...] = ()
    """What nobody stated."""


def read_foreign(files: Path, origin: str) -> Foreign:
    """Read a repository's files.

    Args:
        files: A folder with its `config.json` and `model.safetensors`.
        origin: What to call it in errors.

    Raises:
        RegistryError: It holds no classifier of images that timm has.
        WeightsError: Its weights are missing, no safetensors, or damaged.
    """
    content = _read_config(files, origin)
    if "architecture" in content:
        return _from_timm(files, content, origin)
    config, assumptions = read_transformers(content, files / PROCESSOR, origin)
    return Foreign(
        content=content,
        config=config,
        state=to_timm(_read_weights(files, origin), origin),
        match="transformers",
        assumptions=assumptions,
    )


def _from_timm(files: Path, content: Mapping[str, Any], origin: str) -> Foreign:
    state = _read_weights(files, origin)
    return Foreign(
        content=content,
        config=merge_config(content, origin),
        state={name.removeprefix(WRAPPER): value for name, value in state.items()},
        match="name",
    )


def with_license(found: Foreign, name: str | None) -> Foreign:
    """Note the licence that a repository's card names.

    It is its owner's word; what `config.json` names was often copied from where training began.
    """
    inherited = found.config.license
    if name is None or name == inherited:
        return found
    doubt = (f"licence {name}, as its card says; its config.json says {inherited}",)
    return replace(
        found,
        config=replace(found.config, license=name),
        assumptions=found.assumptions + (doubt if inherited else ()),
    )


def _read_config(files: Path, origin: str) -> Mapping[str, Any]:
    path = files / "config.json"
    if not path.exists():
        raise RegistryError(
            f"{origin} has no config.json to describe it",
            hint="choose a repository of an image network that timm or transformers saved",
        )
    return read_content(path, origin)


def _read_weights(files: Path, origin: str) -> State:
    path = files / WEIGHTS
    if not path.exists():
        raise WeightsError(
            f"{origin} has no {WEIGHTS}",
            hint="zoo opens no pickles and no weights in several parts; ask for safetensors, or "
            "convert them",
        )
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) else cause
        raise WeightsError(
            f"the {WEIGHTS} of {origin} cannot be read: {reason}",
            hint="fetch it again; if it stays so, ask its owner to upload it again",
        ) from cause
    _require_finite(state, origin)
    return state


def _require_finite(state: State, origin: str) -> None:
    """Refuse what would answer NaN.

    Raises:
        WeightsError: A tensor is not finite as float32, which zoo computes in.
    """
    for name, value in state.items():
        if value.is_floating_point() and not value.float().isfinite().all():
            raise WeightsError(
                f"tensor {name} in the {WEIGHTS} of {origin} holds NaN or infinity",
                hint="its training diverged, or the file is damaged: ask its owner, or name an "
                "earlier commit with @",
            )
