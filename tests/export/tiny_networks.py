"""Real architectures with few channels, and with the statistics that training leaves behind."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torchvision import models
from torchvision.models.convnext import CNBlockConfig, ConvNeXt

from zoo.backbones.network import Network
from zoo.model import ModelConfig, TrainedModel, save_model, widths_of
from zoo.recipes import HeadRecipe
from zoo.registry import load_registry
from zoo.targets import Target

SIZE = 32


def _resnet() -> nn.Module:
    return models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1])


def _vit() -> nn.Module:
    return models.VisionTransformer(
        image_size=SIZE, patch_size=8, num_layers=2, num_heads=2, hidden_dim=24, mlp_dim=40
    )


def _convnext() -> nn.Module:
    stages = [CNBlockConfig(12, 16, 1), CNBlockConfig(16, None, 1)]
    return ConvNeXt(stages)


def _densenet() -> nn.Module:
    return models.DenseNet(growth_rate=8, block_config=(2, 2), num_init_features=16, bn_size=2)


NETWORKS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "resnet": (_resnet, "fc"),
    "vit": (_vit, "heads.head"),
    "mobilenet": (partial(models.mobilenet_v3_small, width_mult=0.25), "classifier.3"),
    "convnext": (_convnext, "classifier.2"),
    "densenet": (_densenet, "classifier"),
    "squeezenet": (partial(models.squeezenet1_1, num_classes=16), "dropout"),
    "inception": (
        partial(models.GoogLeNet, aux_logits=False, init_weights=False, num_classes=16),
        "dropout",
    ),
}
"""How each is built, and the path of its classifier."""


def make_tiny(name: str, folder: Path, *targets: Target) -> TrainedModel:
    """Build a network in evaluation mode, and save it for the hash of its weights."""
    build, classifier = NETWORKS[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        body = build()
        body.set_submodule(classifier, nn.Identity())
        _live_a_little(body)
        width = body.eval()(torch.zeros(1, 3, SIZE, SIZE)).shape[1]
        entry = replace(load_registry().backbone("squeezenet1_1"), feature_dim=width)
        network = Network(body, entry, widths_of(targets), HeadRecipe())
    network.eval().requires_grad_(requires_grad=False)
    config = ModelConfig(
        backbone=entry,
        preprocess=entry.preprocess.at_size(SIZE),
        targets=targets,
        data_fingerprint="0" * 64,
        recipe="none",
        pretrained=False,
        zoo_version="0",
    )
    save_model(folder, network, config)
    device = torch.device("cpu")
    return TrainedModel(network.place(device), config, device)


@torch.no_grad()
def _live_a_little(body: nn.Module) -> None:
    """Make no two channels alike, as after training, and let BatchNorm see some images."""
    for parameter in body.parameters():
        if parameter.ndim == 1:
            parameter.add_(torch.randn_like(parameter) * 0.1)
    for module in body.modules():
        if isinstance(module, _BatchNorm):
            module.momentum = 0.3
    body.train()
    for _ in range(6):
        body(_make_images(16))


def _make_images(count: int) -> torch.Tensor:
    """Draw smooth noise: neighbouring pixels of a photo are alike."""
    coarse = torch.randn(count, 3, SIZE // 4, SIZE // 4)
    return nn.functional.interpolate(coarse, size=(SIZE, SIZE), mode="bilinear")


def make_images(count: int, seed: int = 0) -> torch.Tensor:
    """Draw images that a network has not seen."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _make_images(count)
