"""Pictures without two alike, as photographs are; the copies that people make of them."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from zoo.data.dataset import Dataset, make_samples
from zoo.storage import sha256_of
from zoo.targets import ClassTarget, Target


def texture(number: int, size: tuple[int, int] = (160, 120)) -> Image.Image:
    """Paint coloured clouds with edges; each number is another picture."""
    rng = np.random.default_rng(number)
    clouds = Image.fromarray(rng.integers(0, 256, (7, 9, 3), dtype=np.uint8))
    edges = Image.fromarray(rng.integers(0, 2, (15, 20), dtype=np.uint8) * 255)
    painted = clouds.resize(size, Image.Resampling.BICUBIC)
    return Image.blend(painted, edges.resize(size, Image.Resampling.NEAREST).convert("RGB"), 0.3)


def recompress(image: Image.Image) -> Image.Image:
    """What is left after JPEG at quality 70."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=70)
    return Image.open(file).convert("RGB")


def crop(image: Image.Image) -> Image.Image:
    """Cut 3 % off, half on each side."""
    dx, dy = round(0.015 * image.width), round(0.015 * image.height)
    return image.crop((dx, dy, image.width - dx, image.height - dy))


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "recompressed": recompress,
    "smaller": lambda image: image.resize((round(image.width * 0.7), round(image.height * 0.7))),
    "cropped": crop,
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.05),
    "mirrored": ImageOps.mirror,
    "upside down": ImageOps.flip,
    "turned": lambda image: image.transpose(Image.Transpose.ROTATE_90),
    "squashed": lambda image: image.resize((100, 100)),
}


def save(image: Image.Image, path: Path, **options: object) -> Path:
    """Write a picture, folders included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def dataset_of(
    root: Path,
    splits: dict[str, dict[str, object]],
    target: Target | None = None,
    *,
    hashed: bool = True,
) -> Dataset:
    """Label files below `root`: a cell of one target for each, by split and name."""
    target = target or ClassTarget(classes=("a", "b"))
    return Dataset(
        root=root,
        targets=(target,),
        splits={
            split: make_samples(
                root,
                list(cells),
                {target.name: target.encode(list(cells.values()))},
                [sha256_of(root / file) for file in cells] if hashed else None,
            )
            for split, cells in splits.items()
        },
    )
