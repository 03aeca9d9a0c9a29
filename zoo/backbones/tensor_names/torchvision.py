"""torchvision's names of tensors, family by family, and what timm calls the same ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import accumulate

from zoo.backbones.tensor_names.names import Names, Renames


def _less(by: int, before: str) -> Callable[[re.Match[str]], str]:
    """Write a number that torchvision counts from `by` on."""
    return lambda found: f"{before}{int(found[1]) - by}."


def _halved(before: str, after: str) -> Callable[[re.Match[str]], str]:
    """Write the number of a stage where torchvision counts what is between two as well."""
    return lambda found: f"{before}{int(found[1]) // 2}.{after}"


def _in_stages(*lengths: int) -> Callable[[re.Match[str]], str]:
    """Write the number of a block, from 1 on, as its stage's and its own in the stage."""
    begins = [0, *accumulate(lengths)]

    def place(found: re.Match[str]) -> str:
        at = int(found[1]) - 1
        stage = max(number for number, begin in enumerate(begins) if begin <= at)
        return f"blocks.{stage}.{at - begins[stage]}."

    return place


def _within(blocks: str, parts: Mapping[str, str]) -> Renames:
    """Rename the parts of blocks."""
    return tuple((rf"^({blocks})\.{re.escape(old)}\.", rf"\1.{new}.") for old, new in parts.items())


_SEPARABLE = {
    "0.0": "conv_dw",
    "0.1": "bn1",
    "1.fc1": "se.conv_reduce",
    "1.fc2": "se.conv_expand",
    "1.0": "conv_pw",
    "1.1": "bn2",
    "2.0": "conv_pw",
    "2.1": "bn2",
}
"""A block that does not widen; with and without squeeze-and-excitation."""
_INVERTED = {
    "0.0": "conv_pw",
    "0.1": "bn1",
    "1.0": "conv_dw",
    "1.1": "bn2",
    "2.fc1": "se.conv_reduce",
    "2.fc2": "se.conv_expand",
    "2.0": "conv_pwl",
    "2.1": "bn3",
    "3.0": "conv_pwl",
    "3.1": "bn3",
}
_COMMON: Renames = (
    (r"^features\.0\.0\.", "conv_stem."),
    (r"^features\.0\.1\.", "bn1."),
    (r"^features\.\d+\.0\.(?=weight)", "conv_head."),
    (r"^features\.\d+\.1\.(?!block)", "bn2."),
    (r"^features\.(\d)\.(?=\d+\.block\.)", _less(1, "blocks.")),
    (r"\.block\.", "."),
    (r"^classifier\.1\.", "classifier."),
)

EFFICIENTNET = Names(
    renames=(
        *_COMMON,
        *_within(r"blocks\.0\.\d+", _SEPARABLE),
        *_within(r"blocks\.[1-9]\.\d+", _INVERTED),
    )
)
EFFICIENTNET_V2 = Names(
    renames=(
        *_COMMON,
        *_within(r"blocks\.0\.\d+", {"0.0": "conv", "0.1": "bn1"}),
        *_within(
            r"blocks\.[12]\.\d+", {"0.0": "conv_exp", "0.1": "bn1", "1.0": "conv_pwl", "1.1": "bn2"}
        ),
        *_within(r"blocks\.[3-9]\.\d+", _INVERTED),
    )
)
MOBILENET_V2 = Names(
    renames=(
        *_COMMON,
        (r"^features\.(\d+)\.conv\.", _in_stages(1, 2, 3, 4, 3, 3, 1)),
        *_within(r"blocks\.0\.0", {"0.0": "conv_dw", "0.1": "bn1", "1": "conv_pw", "2": "bn2"}),
        *_within(
            r"blocks\.[1-9]\.\d+",
            {
                "0.0": "conv_pw",
                "0.1": "bn1",
                "1.0": "conv_dw",
                "1.1": "bn2",
                "2": "conv_pwl",
                "3": "bn3",
            },
        ),
    )
)


def _mobilenet_v3(last: int, head: tuple[int, int], *stages: int) -> Names:
    """Name the tensors of a network.

    Args:
        last: Where its last convolution is.
        head: Widths after and before the hidden layer of its classifier.
        stages: How many blocks there are at each resolution.
    """
    return Names(
        renames=(
            (rf"^features\.{last}\.0\.", f"blocks.{len(stages)}.0.conv."),
            (rf"^features\.{last}\.1\.", f"blocks.{len(stages)}.0.bn1."),
            (r"^features\.0\.0\.", "conv_stem."),
            (r"^features\.0\.1\.", "bn1."),
            (r"^features\.(\d+)\.block\.", _in_stages(*stages)),
            *_within(r"blocks\.0\.0", _SEPARABLE),
            *_within(r"blocks\.[1-9]\.\d+", _INVERTED),
            (r"^classifier\.0\.", "conv_head."),
            (r"^classifier\.3\.", "classifier."),
        ),
        shapes={r"^conv_head\.weight$": (*head, 1, 1)},
    )


MOBILENET_V3_LARGE = _mobilenet_v3(16, (1280, 960), 1, 2, 3, 4, 2, 3)
MOBILENET_V3_SMALL = _mobilenet_v3(12, (1024, 576), 1, 2, 3, 2, 3)

MNASNET = Names(
    renames=(
        (r"^layers\.0\.", "conv_stem."),
        (r"^layers\.1\.", "bn1."),
        (r"^layers\.3\.", "blocks.0.0.conv_dw."),
        (r"^layers\.4\.", "blocks.0.0.bn1."),
        (r"^layers\.6\.", "blocks.0.0.conv_pw."),
        (r"^layers\.7\.", "blocks.0.0.bn2."),
        (r"^layers\.14\.", "conv_head."),
        (r"^layers\.15\.", "bn2."),
        (r"^layers\.(\d+)\.(?=\d)", _less(7, "blocks.")),
        *_within(
            r"blocks\.[1-9]\.\d+\.layers",
            {
                "0": "conv_pw",
                "1": "bn1",
                "3": "conv_dw",
                "4": "bn2",
                "6": "conv_pwl",
                "7": "bn3",
            },
        ),
        (r"\.layers\.", "."),
        (r"^classifier\.1\.", "classifier."),
    )
)
REGNET = Names(
    renames=(
        (r"^stem\.0\.", "stem.conv."),
        (r"^stem\.1\.", "stem.bn."),
        (r"^trunk_output\.block(\d+)\.block\d+-(\d+)\.", lambda m: f"s{m[1]}.b{int(m[2]) + 1}."),
        (r"\.proj\.0\.", ".downsample.conv."),
        (r"\.proj\.1\.", ".downsample.bn."),
        (r"\.f\.se\.", ".se."),
        *(
            (rf"\.f\.{letter}\.{at}\.", f".conv{number}.{part}.")
            for number, letter in enumerate("abc", 1)
            for at, part in enumerate(("conv", "bn"))
        ),
        (r"^fc\.", "head.fc."),
    )
)
VGG = Names(
    renames=(
        (r"^classifier\.0\.", "pre_logits.fc1."),
        (r"^classifier\.3\.", "pre_logits.fc2."),
        (r"^classifier\.6\.", "head.fc."),
    ),
    shapes={
        r"^pre_logits\.fc1\.weight$": (4096, 512, 7, 7),
        r"^pre_logits\.fc2\.weight$": (4096, 4096, 1, 1),
    },
)
CONVNEXT = Names(
    renames=(
        (r"^features\.0\.", "stem."),
        (r"^features\.([1357])\.", _halved("stages.", "blocks.")),
        (r"^features\.([246])\.", _halved("stages.", "downsample.")),
        (r"\.block\.0\.", ".conv_dw."),
        (r"\.block\.2\.", ".norm."),
        (r"\.block\.3\.", ".mlp.fc1."),
        (r"\.block\.5\.", ".mlp.fc2."),
        (r"\.layer_scale$", ".gamma"),
        (r"^classifier\.0\.", "head.norm."),
        (r"^classifier\.2\.", "head.fc."),
    ),
    shapes={r"\.gamma$": (-1,)},
)
VIT = Names(
    renames=(
        (r"^class_token$", "cls_token"),
        (r"^encoder\.pos_embedding$", "pos_embed"),
        (r"^conv_proj\.", "patch_embed.proj."),
        (r"^encoder\.layers\.encoder_layer_", "blocks."),
        (r"\.ln_(\d)\.", r".norm\1."),
        (r"\.self_attention\.in_proj_", ".attn.qkv."),
        (r"\.self_attention\.out_proj\.", ".attn.proj."),
        (r"\.mlp\.0\.", ".mlp.fc1."),
        (r"\.mlp\.3\.", ".mlp.fc2."),
        (r"^encoder\.ln\.", "norm."),
        (r"^heads\.head\.", "head."),
    )
)
_SWIN: Renames = (
    (r"^features\.0\.0\.", "patch_embed.proj."),
    (r"^features\.0\.2\.", "patch_embed.norm."),
    (r"^features\.([1357])\.", _halved("layers.", "blocks.")),
    (r"^features\.([246])\.", _halved("layers.", "downsample.")),
    (r"\.mlp\.0\.", ".mlp.fc1."),
    (r"\.mlp\.3\.", ".mlp.fc2."),
    (r"^head\.", "head.fc."),
)
SWIN = Names(renames=_SWIN, computed=r"\.relative_position_index$")
SWIN_V2 = Names(
    renames=_SWIN,
    computed=r"\.relative_(position_index|coords_table)$",
    thirds={"qkv.bias": ("q_bias", "v_bias")},
)
