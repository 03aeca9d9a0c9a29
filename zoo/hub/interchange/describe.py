"""The small files that make a model folder loadable by other libraries, as it is."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from zoo.backbones.tensor_names.counterparts import Counterpart
from zoo.hub.interchange.counterpart import find_counterpart
from zoo.hub.interchange.layout import library_config
from zoo.hub.interchange.loading import Interchange, Library, Unloadable
from zoo.hub.interchange.pixels import processor_config
from zoo.manifest import update_manifest
from zoo.model import ModelConfig, load_config
from zoo.model_files import PROCESSOR
from zoo.storage import write_together

CONFIG = "config.json"

DTYPES: Mapping[str, str] = {
    "onnx/model.onnx": "fp32",
    "onnx/model_fp16.onnx": "fp16",
    "onnx/model_int8.onnx": "int8",
}
"""What transformers.js calls the precision of each graph that zoo exports."""


def describe_for_libraries(config: ModelConfig, graphs: Collection[str] = ()) -> Interchange:
    """Describe a model for timm, transformers and transformers.js. Pure: no file is touched.

    Args:
        config: The model.
        graphs: Names of the files under `onnx/` in its folder, `onnx/model.onnx` among them.
    """
    found = find_counterpart(config)
    obstacles: dict[Library, str | None] = {
        "timm": found if isinstance(found, str) else None,
        "transformers": found if isinstance(found, str) else None,
        "transformers.js": _obstacle_in_javascript(config, graphs),
    }
    return Interchange(
        files=_files(config, None if isinstance(found, str) else found),
        loads=tuple(library for library, reason in obstacles.items() if reason is None),
        unloadable=tuple(
            Unloadable(library, reason) for library, reason in obstacles.items() if reason
        ),
        dtypes=tuple(dtype for name, dtype in DTYPES.items() if name in graphs),
    )


def write_interchange(folder: Path) -> Interchange:
    """Write what other libraries need into a model folder; what is there already stays.

    Raises:
        RunError: The folder holds no model.
        DamagedFileError: Its configuration is not what was written.
    """
    graphs = [f"onnx/{path.name}" for path in folder.glob("onnx/*")]
    found = describe_for_libraries(load_config(folder), graphs)
    new = {
        folder / name: content
        for name, content in found.files.items()
        if _differs(folder / name, content)
    }
    if new:
        write_together(new)
        update_manifest(folder, [path.name for path in new])
    return found


def _files(config: ModelConfig, counterpart: Counterpart | None) -> dict[str, bytes]:
    if len(config.targets) > 1:
        return {}
    return {
        CONFIG: _as_json(library_config(config, counterpart)),
        PROCESSOR: _as_json(processor_config(config.preprocess)),
    }


def _obstacle_in_javascript(config: ModelConfig, graphs: Collection[str]) -> str | None:
    if len(config.targets) > 1:
        return f"it answers {len(config.targets)} targets, and a pipeline has one answer"
    if "onnx/model.onnx" not in graphs:
        return "it has no onnx/model.onnx, which `zoo export` writes"
    if "onnx/model.onnx.data" in graphs:
        return "its weights lie beside its graph, under a name that only the graph knows"
    return None


def _differs(path: Path, content: bytes) -> bool:
    return not path.exists() or path.read_bytes() != content


def _as_json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n"
