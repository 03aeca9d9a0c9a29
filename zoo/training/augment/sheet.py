"""A contact sheet: what evaluation sees of some images, and what training makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, count

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from zoo.inputs.contract import Preprocess
from zoo.inputs.image import preprocess
from zoo.recipes import Augment
from zoo.training.augment.batch import augment_batch
from zoo.training.augment.patch import Pixels

_MARGIN, _GAP, _BREAK = 32, 6, 18
_TILE = 160
"""Longest side of a picture on the sheet, pixels."""
_TITLE, _TEXT = 20, 13
"""Heights of the type, pixels."""
_INK, _GREY, _PAPER = (28, 28, 30), (110, 110, 116), (255, 255, 255)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """One image of the training data and its pictures."""

    label: str
    pictures: Tensor
    """uint8 [1 + times, 3, size, size]: as evaluation sees it, then an epoch each."""


def preview(
    image: Pixels,
    label: str,
    index: int,
    recipe: Augment,
    contract: Preprocess,
    *,
    seed: int,
    epochs: Sequence[int],
) -> Row:
    """Make the pictures of one image, the very ones that training will see.

    Args:
        image: uint8 [height, width, 3].
        label: Caption.
        index: Of the image in the training data.
        recipe: Ranges and probabilities.
        contract: Of the network.
        seed: Of the run.
        epochs: One picture each.
    """
    plain = replace(contract, mean=(0.0, 0.0, 0.0), std=(1 / 255, 1 / 255, 1 / 255))
    planes = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    seen = preprocess(planes, plain).round().clamp(0, 255).to(torch.uint8)
    augmented = augment_batch(
        [image] * len(epochs),
        [(epoch, index) for epoch in epochs],
        recipe,
        contract,
        seed=seed,
        device=torch.device("cpu"),
    )
    return Row(label=label, pictures=torch.cat([seen[None], augmented]))


def contact_sheet(
    title: str, note: str, headings: Sequence[str], rows: Sequence[Row]
) -> Image.Image:
    """Lay rows of pictures under their headings, the first column a little apart.

    Args:
        title: First line.
        note: Second line, in grey.
        headings: One a column; the first is that of evaluation.
        rows: At least one.
    """
    tile = min(_TILE, rows[0].pictures.shape[-1])
    gaps = [_BREAK if column == 1 else _GAP for column in range(1, len(headings))]
    lefts = list(accumulate((tile + gap for gap in gaps), initial=_MARGIN))
    first, height = _MARGIN + 3 * _TITLE + 2 * _TEXT, tile + 3 * _TEXT
    size = (lefts[-1] + tile + _MARGIN, first + len(rows) * height + _MARGIN - _TEXT)
    sheet = Image.new("RGB", size, _PAPER)
    pen, room = ImageDraw.Draw(sheet), size[0] - 2 * _MARGIN
    _write(pen, (_MARGIN, _MARGIN), title, room, _TITLE, _INK)
    _write(pen, (_MARGIN, _MARGIN + round(1.5 * _TITLE)), note, room, _TEXT, _GREY)
    for left, heading in zip(lefts, headings, strict=True):
        _write(pen, (left, first - 2 * _TEXT), heading, tile, _TEXT, _GREY)
    for top, row in zip(count(first, height), rows, strict=False):
        for left, picture in zip(lefts, row.pictures, strict=True):
            sheet.paste(_picture(picture, tile), (left, top))
        _write(pen, (_MARGIN, top + tile + _TEXT // 3), row.label, room, _TEXT, _INK)
    return sheet


def _picture(pixels: Tensor, tile: int) -> Image.Image:
    picture = Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())
    return picture.resize((tile, tile), Image.Resampling.LANCZOS)


def _write(
    pen: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    room: int,
    size: int,
    ink: tuple[int, int, int],
) -> None:
    """Write one line, cut short with an ellipsis where it would be longer than `room`."""
    font = ImageFont.load_default(size)
    short = text
    while short and pen.textlength(short, font) > room:
        short = f"{short.removesuffix('…')[:-1].rstrip()}…" if len(short) > 1 else ""
    pen.text(place, short, fill=ink, font=font)
