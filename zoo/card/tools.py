"""Which tools load a model, and why others do not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from zoo.hub.interchange.describe import describe_for_libraries
from zoo.hub.interchange.loading import Library
from zoo.manifest import recorded_files
from zoo.model import ModelConfig

_LAYOUT = "config.json"
_ONNX, _RAW = "onnx/model.onnx", "onnx/model_raw.onnx"
_LIBRARIES: tuple[Library, ...] = ("timm", "transformers", "transformers.js")
_NO_LAYOUT = "it has no `config.json`, which describes it to them"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a repository can be opened with, besides zoo itself."""

    libraries: tuple[Library, ...]
    """Those that give the model's own answers."""
    why_not: Mapping[Library, str] = field(default_factory=dict)
    """What the others have no counterpart of, as the end of a sentence about the model."""
    dtypes: tuple[str, ...] = ()
    """What transformers.js calls the precisions that there are files of."""
    onnx: bool
    """Whether there is an ONNX file, which every runtime opens."""
    raw: bool
    """Whether there is one that takes pixels and has the preprocessing inside."""


def find_tools(folder: Path, config: ModelConfig) -> Tools:
    """Find out what loads a model folder, from what its manifest records.

    Raises:
        DamagedFileError: The manifest is missing or none.
    """
    graphs = [f"onnx/{path.name}" for path in sorted(folder.glob("onnx/*"))]
    found = describe_for_libraries(config, graphs)
    obstacles = {each.library: each.reason for each in found.unloadable}
    if _LAYOUT not in recorded_files(folder):
        obstacles = _all_without_layout(obstacles, found.loads)
    return Tools(
        libraries=tuple(library for library in _LIBRARIES if library not in obstacles),
        why_not=obstacles,
        dtypes=found.dtypes,
        onnx=_ONNX in recorded_files(folder),
        raw=_RAW in recorded_files(folder),
    )


def _all_without_layout(
    obstacles: Mapping[Library, str], loads: Iterable[Library]
) -> dict[Library, str]:
    return {**obstacles, **dict.fromkeys(loads, _NO_LAYOUT)}
