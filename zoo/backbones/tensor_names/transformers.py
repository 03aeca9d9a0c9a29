"""Classifiers of transformers that are networks of timm's: what they are called there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from zoo.errors import WeightsError

State = dict[str, Tensor]
Config = Mapping[str, Any]
WRAPPER = "timm_model."
"""What tensors of timm's begin with where transformers' wrapper saved them as its own."""
Renames = Sequence[tuple[str, str | Callable[[re.Match[str]], str]]]


@dataclass(frozen=True, slots=True)
class Family:
    """One `model_type`: how its configurations and its tensors are read."""

    architecture: Callable[[Config], str | None]
    """timm's name of the network that a `config.json` describes; None if timm has none."""
    renames: Renames
    """Patterns and what stands for them in timm's names, applied in turn."""


def to_timm(state: Mapping[str, Tensor], origin: str) -> State:
    """Give a file's tensors timm's names; those that no classifier uses are left out.

    What family they are of, their own names say: each begins with it.

    Args:
        state: Tensors under transformers' names.
        origin: What to call the file in errors.

    Raises:
        WeightsError: They have the names of no family that timm has too.
    """
    first = {name.partition(".")[0] for name in state}
    families = sorted(first & FAMILIES.keys())
    if len(families) != 1:
        raise WeightsError(
            f"the tensors of {origin} have no names of transformers' that zoo knows",
            hint=f"zoo knows those of {', '.join(FAMILIES)}",
        )
    return _rename(state, FAMILIES[families[0]])


def _rename(state: Mapping[str, Tensor], family: Family) -> State:
    named: State = {}
    for name, value in state.items():
        if _UNUSED.search(name):
            continue
        for pattern, replacement in family.renames:
            name = re.sub(pattern, replacement, name)
        named[name] = value
    return _join_attention(named)


_UNUSED = re.compile(r"\.pooler\.|\.relative_position_index$")
_ATTENTION = ("query", "key", "value")


def _join_attention(state: State) -> State:
    """Make one tensor of queries, keys and values, which timm computes at once."""
    joined = dict(state)
    for name in state:
        parts = [name.replace(".query.", f".{part}.") for part in _ATTENTION]
        kinds = {(state[part].shape, state[part].dtype) for part in parts if part in state}
        # Others are left for whoever compares them with the network.
        alike = len(kinds) == 1 and all(part in state for part in parts)
        if ".attn.query." in name and alike and state[name].dim():
            tensors = [joined.pop(part) for part in parts]
            joined[name.replace(".query.", ".qkv.")] = torch.cat(tensors)
    return joined


def _next(before: str, after: str = ".") -> Callable[[re.Match[str]], str]:
    """Write a number that timm counts from one more on."""
    return lambda found: f"{before}{int(found[1]) + 1}{after}"


_VIT = {
    (192, 12, 3, 768): "tiny",
    (384, 12, 6, 1536): "small",
    (768, 12, 12, 3072): "base",
    (1024, 24, 16, 4096): "large",
}
"""Size by width, depth, number of heads and width of the hidden layers."""


def _find_vit(config: Config) -> str | None:
    keys = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    size = _VIT.get(tuple(config.get(key) for key in keys))  # type: ignore[arg-type]
    usual = config.get("hidden_act") == "gelu" and config.get("qkv_bias", True)
    patch = config.get("patch_size")
    return f"vit_{size}_patch{patch}_224" if size and usual and patch in (8, 16, 32) else None


_RESNET = {
    ("basic", (2, 2, 2, 2)): "resnet18",
    ("basic", (3, 4, 6, 3)): "resnet34",
    ("bottleneck", (3, 4, 6, 3)): "resnet50",
    ("bottleneck", (3, 4, 23, 3)): "resnet101",
    ("bottleneck", (3, 8, 36, 3)): "resnet152",
}


def _find_resnet(config: Config) -> str | None:
    early = config.get("downsample_in_bottleneck") or config.get("downsample_in_first_stage")
    kind = (config.get("layer_type", "bottleneck"), tuple(config.get("depths", ())))
    return None if early or config.get("hidden_act") != "relu" else _RESNET.get(kind)


_Stages = tuple[tuple[int, ...], int]
"""Depths of the stages, and the width of the first."""

_CONVNEXT: Mapping[_Stages, str] = {
    ((3, 3, 9, 3), 96): "convnext_tiny",
    ((3, 3, 27, 3), 96): "convnext_small",
    ((3, 3, 27, 3), 128): "convnext_base",
    ((3, 3, 27, 3), 192): "convnext_large",
    ((3, 3, 27, 3), 256): "convnext_xlarge",
}
_CONVNEXT_V2: Mapping[_Stages, str] = {
    ((2, 2, 6, 2), 40): "convnextv2_atto",
    ((2, 2, 6, 2), 48): "convnextv2_femto",
    ((2, 2, 6, 2), 64): "convnextv2_pico",
    ((2, 2, 8, 2), 80): "convnextv2_nano",
    ((3, 3, 9, 3), 96): "convnextv2_tiny",
    ((3, 3, 27, 3), 128): "convnextv2_base",
    ((3, 3, 27, 3), 192): "convnextv2_large",
    ((3, 3, 27, 3), 352): "convnextv2_huge",
}


def _find_convnext(config: Config) -> str | None:
    return _CONVNEXT.get(_stages_of(config)) if config.get("hidden_act") == "gelu" else None


def _find_convnext_v2(config: Config) -> str | None:
    return _CONVNEXT_V2.get(_stages_of(config)) if config.get("hidden_act") == "gelu" else None


def _stages_of(config: Config) -> _Stages:
    """Read depths and the first width; each stage doubles it."""
    widths = config.get("hidden_sizes") or [0]
    doubled = all(b == 2 * a for a, b in pairwise(widths))
    return tuple(config.get("depths", ())), widths[0] if doubled else 0


_SWIN = {
    (96, (2, 2, 6, 2)): "tiny",
    (96, (2, 2, 18, 2)): "small",
    (128, (2, 2, 18, 2)): "base",
    (192, (2, 2, 18, 2)): "large",
}


def _find_swin(config: Config) -> str | None:
    size = _SWIN.get((config.get("embed_dim", 0), tuple(config.get("depths", ()))))
    usual = config.get("hidden_act") == "gelu" and not config.get("use_absolute_embeddings")
    window, image = config.get("window_size"), config.get("image_size")
    return f"swin_{size}_patch4_window{window}_{image}" if size and usual else None


_BLOCKS: Renames = (
    (r"attention\.(?:attention|self)\.(query|key|value)\.", r"attn.\1."),
    (r"attention\.self\.(relative_position_\w+)", r"attn.\1"),
    (r"attention\.output\.dense\.", "attn.proj."),
    (r"intermediate\.dense\.", "mlp.fc1."),
    (r"output\.dense\.", "mlp.fc2."),
    (r"layernorm_before\.", "norm1."),
    (r"layernorm_after\.", "norm2."),
    (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"^layernorm\.", "norm."),
)
_CONVNEXTS: Renames = (
    (r"^convnext(v2)?\.", ""),
    (r"^embeddings\.patch_embeddings\.", "stem.0."),
    (r"^embeddings\.layernorm\.", "stem.1."),
    (r"^layernorm\.", "head.norm."),
    (r"^classifier\.", "head.fc."),
    (r"^encoder\.stages\.(\d+)\.downsampling_layer\.", r"stages.\1.downsample."),
    (r"^encoder\.stages\.(\d+)\.layers\.", r"stages.\1.blocks."),
    (r"\.dwconv\.", ".conv_dw."),
    (r"(blocks\.\d+)\.layernorm\.", r"\1.norm."),
    (r"\.pwconv(\d)\.", r".mlp.fc\1."),
    (r"\.grn\.", ".mlp.grn."),
    (r"\.layer_scale_parameter$", ".gamma"),
)

MOST_ADDED = 1e-5
"""What timm's networks of these families add to variances, at most; less is float noise."""


def find_added(config: Config) -> Mapping[str, object]:
    """Find what a `config.json` adds to variances beyond what the same network of timm's does."""
    return {
        name: value
        for name, value in config.items()
        if (name == "eps" or name.endswith("_eps")) and not _is_noise(value)
    }


def _is_noise(value: object) -> bool:
    return isinstance(value, (int, float)) and 0 <= value <= MOST_ADDED


FAMILIES: Mapping[str, Family] = {
    "convnext": Family(_find_convnext, _CONVNEXTS),
    "convnextv2": Family(_find_convnext_v2, _CONVNEXTS),
    "resnet": Family(
        _find_resnet,
        (
            (r"^resnet\.embedder\.embedder\.convolution\.", "conv1."),
            (r"^resnet\.embedder\.embedder\.normalization\.", "bn1."),
            (r"^resnet\.encoder\.stages\.(\d+)\.layers\.", _next("layer")),
            (r"\.layer\.(\d+)\.convolution\.", _next(".conv")),
            (r"\.layer\.(\d+)\.normalization\.", _next(".bn")),
            (r"\.shortcut\.convolution\.", ".downsample.0."),
            (r"\.shortcut\.normalization\.", ".downsample.1."),
            (r"^classifier\.1\.", "fc."),
        ),
    ),
    "swin": Family(
        _find_swin,
        (
            (r"^swin\.", ""),
            # A stage of transformers' ends with what the next one of timm's begins with.
            (r"^encoder\.layers\.(\d+)\.downsample\.", _next("layers.", ".downsample.")),
            (r"^encoder\.layers\.", "layers."),
            (r"^embeddings\.norm\.", "patch_embed.norm."),
            (r"^classifier\.", "head.fc."),
            *_BLOCKS,
        ),
    ),
    "vit": Family(
        _find_vit,
        (
            (r"^vit\.", ""),
            (r"^embeddings\.cls_token$", "cls_token"),
            (r"^embeddings\.position_embeddings$", "pos_embed"),
            (r"^encoder\.layer\.", "blocks."),
            (r"^classifier\.", "head."),
            *_BLOCKS,
        ),
    ),
}
"""By transformers' `model_type`. Each is held to answer as transformers does."""
