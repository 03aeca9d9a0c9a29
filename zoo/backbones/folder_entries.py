"""Entries for models in folders: what zoo trained, or what timm saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from zoo.backbones.describe import plain_name
from zoo.backbones.measure import build_on_meta, measure
from zoo.backbones.timm_entries import from_config_file
from zoo.errors import RegistryError
from zoo.manifest import check_file
from zoo.model import WEIGHTS, load_config
from zoo.registry import FoundBackbone, Weights
from zoo.run import locate_model
from zoo.storage import sha256_of
from zoo.targets import Target

_NOBODYS = Weights(source="none")
"""Whose licence a model trained from random weights is under: zoo does not know."""


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
            raise RegistryError(f"{folder} holds a config.json, but no model.safetensors")
        weights = {
            "source": "local",
            "location": str(folder),
            "file": file.name,
            "sha256": sha256_of(file),
            "bytes": file.stat().st_size,
        }
        return from_config_file(folder / "config.json", str(folder), weights, str(folder))
    raise RegistryError(
        f"{folder} is neither a run folder nor a model folder",
        hint="give a folder with a zoo_config.json, or with timm's config.json and "
        "model.safetensors",
    )


def _from_model_folder(model: Path, folder: Path) -> FoundBackbone:
    config = load_config(model)
    path = check_file(model, WEIGHTS)
    parent = config.backbone
    is_in_run = (folder.parent / "run.json").exists()
    weights = replace(
        parent.weights if config.pretrained else _NOBODYS,
        source="local",
        location=str(model),
        file=WEIGHTS,
        revision=None,
        requirement=None,
        match="name",
        sha256=sha256_of(path),
        bytes=path.stat().st_size,
        base=(config.base or (parent.name,)) if config.pretrained else (),
    )
    if config.head.features != "pooled":
        raise RegistryError(
            f"{folder} is a network cut before its pooling, which is no backbone",
            hint=f"begin with {parent.name} again",
        )
    num_outputs = sum(target.num_outputs for target in config.targets)
    size = config.preprocess.size
    network = build_on_meta(parent.builder, parent.architecture, num_outputs, size)
    facts = measure(network, size, parent.classifier)
    backbone = replace(
        parent,
        name=plain_name(str(folder.parent if is_in_run else folder)),
        summary=f"{parent.name}, fine-tuned by {config.recipe} for {_describe(config.targets)}",
        task="image-classification",
        num_classes=num_outputs,
        num_params=facts.num_params,
        macs=facts.macs,
        weights=weights,
        preprocess=config.preprocess,
        results=(),
        notes="",
    )
    return FoundBackbone(backbone, str(folder), str(folder), config.assumptions)


def _describe(targets: Sequence[Target]) -> str:
    if len(targets) == 1 and targets[0].kind == "class":
        return f"{targets[0].num_outputs} classes"
    return ", ".join(target.name for target in targets)
