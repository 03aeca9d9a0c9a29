"""Classifiers that transformers itself saves, with random weights."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

transformers = pytest.importorskip("transformers", reason="transformers is not installed")

NAMES = {0: "checks", 1: "discs", 2: "stripes"}
SMALL = {
    "convnext": ("ConvNext", {}, 64),
    "convnextv2": ("ConvNextV2", {"depths": [2, 2, 6, 2], "hidden_sizes": [40, 80, 160, 320]}, 64),
    "resnet": (
        "ResNet",
        {"layer_type": "basic", "depths": [2, 2, 2, 2], "hidden_sizes": [64, 128, 256, 512]},
        64,
    ),
    "swin": ("Swin", {}, 224),
    "vit": (
        "ViT",
        {
            "hidden_size": 192,
            "num_attention_heads": 3,
            "intermediate_size": 768,
            "image_size": 96,
        },
        96,
    ),
}
"""Class, arguments and image size of the smallest that its makers published."""


def save(folder: Path, kind: str) -> nn.Module:
    """Save a classifier by transformers itself; BatchNorm has numbers of its own."""
    name, arguments, size = SMALL[kind]
    labels = {"id2label": NAMES, "label2id": {name: at for at, name in NAMES.items()}}
    config = getattr(transformers, f"{name}Config")(**arguments, **labels)
    torch.manual_seed(0)
    model = getattr(transformers, f"{name}ForImageClassification")(config).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    for parameter in model.parameters():
        parameter.data += torch.randn_like(parameter) * (0.02 if parameter.dim() > 1 else 0.2)
    model.save_pretrained(folder)
    processor(folder, size={"height": size, "width": size})
    return model


def processor(folder: Path, **fields: object) -> None:
    """Write what happens to images; sizes are the caller's to say."""
    plain = {"resample": 2, "image_mean": [0.5] * 3, "image_std": [0.25] * 3}
    folder.mkdir(exist_ok=True)
    (folder / "preprocessor_config.json").write_text(json.dumps(plain | fields))
