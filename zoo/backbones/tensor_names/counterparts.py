"""Networks of torchvision that timm has too: under which name, and what it takes."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from zoo.backbones.tensor_names.names import Names
from zoo.backbones.tensor_names.torchvision import (
    CONVNEXT,
    EFFICIENTNET,
    EFFICIENTNET_V2,
    MNASNET,
    MOBILENET_V2,
    MOBILENET_V3_LARGE,
    MOBILENET_V3_SMALL,
    REGNET,
    SWIN,
    SWIN_V2,
    VGG,
    VIT,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterpart:
    """timm's network that computes what one of torchvision's does."""

    architecture: str
    """What timm calls it."""
    names: Names = field(default_factory=Names)
    """How its tensors are called there; as in torchvision where nothing is said."""
    arguments: Mapping[str, float] = field(default_factory=dict)
    """What its constructor has to be told."""
    sizes: range | None = None
    """Input sizes at which the two are one, pixels; None for all."""
    sized: bool = False
    """Whether its constructor has to be told the input size."""


_EPSILON = {"bn_eps": 0.001}
"""What torchvision adds to a variance, and timm adds 1e-5."""
_POOLED_TO_7 = range(32, 8 * 32)
"""torchvision pools a VGG's map to 7 x 7 before the linear layers; timm slides them over what
is larger."""
_TILED_BY_7 = range(224, sys.maxsize, 224)
_TILED_BY_8 = range(256, sys.maxsize, 256)
"""Windows of 7 and of 8 patches tile every map of a Swin then. Where they do not, torchvision
fills the map up before it shifts it, timm after."""


def _same(name: str) -> Counterpart:
    return Counterpart(architecture=name)


def _regnet(name: str) -> Counterpart:
    return Counterpart(architecture=name, names=REGNET)


def _vgg(name: str) -> Counterpart:
    return Counterpart(architecture=name, names=VGG, sizes=_POOLED_TO_7)


def _convnext(name: str) -> Counterpart:
    return Counterpart(architecture=name, names=CONVNEXT)


def _efficientnet(name: str, arguments: Mapping[str, float] | None = None) -> Counterpart:
    return Counterpart(architecture=name, names=EFFICIENTNET, arguments=arguments or {})


def _efficientnet_v2(name: str) -> Counterpart:
    return Counterpart(architecture=name, names=EFFICIENTNET_V2, arguments=_EPSILON)


def _mnasnet(name: str) -> Counterpart:
    return Counterpart(architecture=name, names=MNASNET)


def _mobilenet_v3(name: str, names: Names) -> Counterpart:
    return Counterpart(architecture=name, names=names, arguments=_EPSILON)


def _swin(name: str) -> Counterpart:
    return Counterpart(architecture=name, names=SWIN, sizes=_TILED_BY_7, sized=True)


def _swin_v2(name: str) -> Counterpart:
    return Counterpart(architecture=name, names=SWIN_V2, sizes=_TILED_BY_8, sized=True)


def _vit(name: str) -> Counterpart:
    return Counterpart(architecture=name, names=VIT)


TORCHVISION_IN_TIMM: Mapping[str, Counterpart] = {
    "convnext_base": _convnext("convnext_base"),
    "convnext_large": _convnext("convnext_large"),
    "convnext_small": _convnext("convnext_small"),
    "convnext_tiny": _convnext("convnext_tiny"),
    "densenet121": _same("densenet121"),
    "densenet161": _same("densenet161"),
    "densenet169": _same("densenet169"),
    "densenet201": _same("densenet201"),
    "efficientnet_b0": _efficientnet("efficientnet_b0"),
    "efficientnet_b1": _efficientnet("efficientnet_b1"),
    "efficientnet_b2": _efficientnet("efficientnet_b2"),
    "efficientnet_b3": _efficientnet("efficientnet_b3"),
    "efficientnet_b4": _efficientnet("efficientnet_b4"),
    "efficientnet_b5": _efficientnet("efficientnet_b5", _EPSILON),
    "efficientnet_b6": _efficientnet("efficientnet_b6", _EPSILON),
    "efficientnet_b7": _efficientnet("efficientnet_b7", _EPSILON),
    "efficientnet_v2_l": _efficientnet_v2("efficientnetv2_l"),
    "efficientnet_v2_m": _efficientnet_v2("efficientnetv2_m"),
    "efficientnet_v2_s": _efficientnet_v2("efficientnetv2_s"),
    "inception_v3": _same("inception_v3"),
    "mnasnet0_5": _mnasnet("mnasnet_050"),
    "mnasnet0_75": _mnasnet("mnasnet_075"),
    "mnasnet1_0": _mnasnet("mnasnet_100"),
    "mobilenet_v2": Counterpart(architecture="mobilenetv2_100", names=MOBILENET_V2),
    "mobilenet_v3_large": _mobilenet_v3("mobilenetv3_large_100", MOBILENET_V3_LARGE),
    "mobilenet_v3_small": _mobilenet_v3("mobilenetv3_small_100", MOBILENET_V3_SMALL),
    "regnet_x_16gf": _regnet("regnetx_160"),
    "regnet_x_1_6gf": _regnet("regnetx_016"),
    "regnet_x_32gf": _regnet("regnetx_320"),
    "regnet_x_3_2gf": _regnet("regnetx_032"),
    "regnet_x_400mf": _regnet("regnetx_004_tv"),
    "regnet_x_800mf": _regnet("regnetx_008"),
    "regnet_x_8gf": _regnet("regnetx_080"),
    "regnet_y_128gf": _regnet("regnety_1280"),
    "regnet_y_16gf": _regnet("regnety_160"),
    "regnet_y_1_6gf": _regnet("regnety_016"),
    "regnet_y_32gf": _regnet("regnety_320"),
    "regnet_y_3_2gf": _regnet("regnety_032"),
    "regnet_y_400mf": _regnet("regnety_004"),
    "regnet_y_800mf": _regnet("regnety_008_tv"),
    "regnet_y_8gf": _regnet("regnety_080_tv"),
    "resnet101": _same("resnet101"),
    "resnet152": _same("resnet152"),
    "resnet18": _same("resnet18"),
    "resnet34": _same("resnet34"),
    "resnet50": _same("resnet50"),
    "resnext101_32x8d": _same("resnext101_32x8d"),
    "resnext101_64x4d": _same("resnext101_64x4d"),
    "resnext50_32x4d": _same("resnext50_32x4d"),
    "swin_b": _swin("swin_base_patch4_window7_224"),
    "swin_s": _swin("swin_small_patch4_window7_224"),
    "swin_t": _swin("swin_tiny_patch4_window7_224"),
    "swin_v2_b": _swin_v2("swinv2_base_window8_256"),
    "swin_v2_s": _swin_v2("swinv2_small_window8_256"),
    "swin_v2_t": _swin_v2("swinv2_tiny_window8_256"),
    "vgg11": _vgg("vgg11"),
    "vgg11_bn": _vgg("vgg11_bn"),
    "vgg13": _vgg("vgg13"),
    "vgg13_bn": _vgg("vgg13_bn"),
    "vgg16": _vgg("vgg16"),
    "vgg16_bn": _vgg("vgg16_bn"),
    "vgg19": _vgg("vgg19"),
    "vgg19_bn": _vgg("vgg19_bn"),
    "vit_b_16": _vit("vit_base_patch16_224"),
    "vit_b_32": _vit("vit_base_patch32_224"),
    "vit_h_14": _vit("vit_huge_patch14_224"),
    "vit_l_16": _vit("vit_large_patch16_224"),
    "vit_l_32": _vit("vit_large_patch32_224"),
    "wide_resnet101_2": _same("wide_resnet101_2"),
    "wide_resnet50_2": _same("wide_resnet50_2"),
}
"""By torchvision's name. Each pair is held to have the same tensors, and to give the same
answers with random weights."""
