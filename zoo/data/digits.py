"""A small real data set that comes with a Python package: handwritten digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from zoo.errors import DataError

SIZE = 128
"""Height and width of the pictures that are written, pixels."""


def write_digits(folder: Path, *, train: int, validation: int, seed: int = 0) -> int:
    """Write a balanced subset of scikit-learn's digits, enlarged, as a split image folder.

    The digits are 8x8 scans of handwriting by 13 people (E. Alpaydin, C. Kaynak, UCI
    repository 80, CC BY 4.0).

    Args:
        folder: Gets `train/DIGIT/…` and `val/DIGIT/…`; must not exist.
        train: Pictures a digit to train on.
        validation: Pictures a digit to validate on.
        seed: Chooses the pictures.

    Returns:
        How many pictures were written.

    Raises:
        DataError: The folder exists, or scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as cause:
        raise DataError(
            "the demo's pictures come with scikit-learn, which is not installed",
            hint="pip install 'finezoo[demo]'",
        ) from cause
    if folder.exists():
        raise DataError(f"{folder} exists", hint="remove it, or name another place")
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(labels))
    for digit in range(10):
        chosen = order[labels[order] == digit][: train + validation]
        for at, index in enumerate(chosen):
            place = folder / ("train" if at < train else "val") / str(digit)
            place.mkdir(parents=True, exist_ok=True)
            pixels = np.rint(images[index].reshape(8, 8) * 255 / 16).astype(np.uint8)
            picture = Image.fromarray(pixels).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
            picture.save(place / f"{index:04d}.png")
    return 10 * (train + validation)
