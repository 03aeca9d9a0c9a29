"""Entries for models in folders: what zoo trained, or what timm saved."""

from __future__ import annotations

from pathlib import Path

from zoo.backbones.entries.model import from_model, inherit
from zoo.backbones.entries.timm import from_content
from zoo.backbones.entries.timm_config import read_content
from zoo.errors import RegistryError
from zoo.manifest import check_file
from zoo.model import load_config
from zoo.model_files import WEIGHTS
from zoo.registry import FoundBackbone
from zoo.run import locate_model
from zoo.storage import sha256_of


def describe_folder(folder: Path) -> FoundBackbone:
    """Describe a run folder, a model folder, or a folder in timm's layout.

    Raises:
        RunError: The run is not finished.
        RegistryError: The folder holds nothing of the kind, or something else than it says.
    """
    folder = folder.resolve()
    if (folder / "run.json").exists() or (folder / "zoo_config.json").exists():
        return _from_model_folder(locate_model(folder).folder, folder)
    if (folder / "config.json").exists():
        file = folder / "model.safetensors"
        if not file.exists():
            raise RegistryError(
                f"{folder} holds a config.json, but no model.safetensors",
                hint="save it with timm's save_for_hf(..., safe_serialization=True)",
            )
        weights = {
            "source": "local",
            "location": str(folder),
            "file": file.name,
            "sha256": sha256_of(file),
            "bytes": file.stat().st_size,
        }
        content = read_content(folder / "config.json", str(folder))
        return from_content(content, str(folder), weights, str(folder))
    raise RegistryError(
        f"{folder} is neither a run folder nor a model folder",
        hint="give a folder with a zoo_config.json, or with timm's config.json and "
        "model.safetensors",
    )


def _from_model_folder(model: Path, folder: Path) -> FoundBackbone:
    config = load_config(model)
    path = check_file(model, WEIGHTS)
    is_in_run = (folder.parent / "run.json").exists()
    weights = inherit(
        config,
        source="local",
        location=str(model),
        file=WEIGHTS,
        sha256=sha256_of(path),
        bytes=path.stat().st_size,
    )
    name = str(folder.parent if is_in_run else folder)
    return from_model(config, weights, name=name, reference=str(folder))
