"""Pictures that no photo is like, on which exported graphs are known to go wrong."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.inputs.contract import Preprocess
from zoo.inputs.image import normalize, preprocess
from zoo.seeds import generator_for

_EXTREME_RATIO = 16
"""Long side over short side of the narrowest pictures."""


def make_edge_inputs(contract: Preprocess) -> dict[str, Tensor]:
    """Make the pictures: float32 [3, size, size] by name, normalised."""
    size = contract.size
    drawn = _draw(size)
    narrow = {
        f"(1:{_EXTREME_RATIO})": _draw_photo(size, size * _EXTREME_RATIO),
        f"({_EXTREME_RATIO}:1)": _draw_photo(size * _EXTREME_RATIO, size),
    }
    return {name: normalize(picture * 255, contract) for name, picture in drawn.items()} | {
        name: preprocess(picture, contract) for name, picture in narrow.items()
    }


def _draw(size: int) -> dict[str, Tensor]:
    """Draw what the network sees as it is, float32 [3, size, size] in [0, 1].

    `(extremes)` has every channel of every pixel at one of its ends: the largest activations
    that an image can cause. `(impulse)` is a white pixel on black: a shifted or mirrored kernel
    moves its trace.
    """
    noise = torch.rand(3, size, size, generator=generator_for("verify", "noise"))
    ends = torch.rand(3, size, size, generator=generator_for("verify", "extremes"))
    rows, columns = torch.arange(size).view(-1, 1), torch.arange(size).view(1, -1)
    impulse = torch.zeros(3, size, size)
    impulse[:, size // 3, size // 4] = 1
    return {
        "(black)": torch.zeros(3, size, size),
        "(white)": torch.ones(3, size, size),
        "(grey)": torch.full((3, size, size), 0.5),
        "(noise)": noise,
        "(extremes)": ends.round(),
        "(checkerboard)": ((rows + columns) % 2).float().expand(3, -1, -1),
        "(impulse)": impulse,
    }


def _draw_photo(width: int, height: int) -> Tensor:
    """Draw a picture as a file would give it, uint8 [3, height, width]: shades with noise."""
    noise = torch.rand(3, height, width, generator=generator_for("verify", width, height))
    across, down = torch.linspace(0, 1, width), torch.linspace(0, 1, height)[:, None]
    shades = torch.stack([across.expand(height, -1), down.expand(-1, width), across * down])
    return ((0.7 * shades + 0.3 * noise) * 255).round().byte()
