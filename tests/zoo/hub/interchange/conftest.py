"""Models that other libraries load, and pictures to ask all of them about."""

from pathlib import Path

import pytest
import torch
from PIL import Image, ImageOps

from tests.conftest import CLASSES, draw
from zoo.inputs.image import preprocess, read_image, to_tensor
from zoo.model import TrainedModel


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> tuple[Path, ...]:
    """Files of all three classes, in shapes and modes that a deployment meets."""
    folder = tmp_path_factory.mktemp("pictures")
    shapes = [(80, 72), (64, 64), (97, 211), (301, 199), (40, 41), (200, 600)]
    drawn = [draw(CLASSES[at % 3], 50 + at, shape) for at, shape in enumerate(shapes)]
    odd = [
        draw("stripes", 90, (90, 90)).convert("L"),
        draw("discs", 91, (90, 120)).quantize(32),
        ImageOps.exif_transpose(draw("checks", 92, (120, 90))),
    ]
    paths = [folder / f"{at}.png" for at in range(len(drawn) + len(odd))]
    for path, picture in zip(paths, [*drawn, *odd], strict=True):
        picture.save(path)
    turned = folder / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    draw("stripes", 93, (90, 130)).save(turned, exif=exif, quality=95)
    return (*paths, turned)


@pytest.fixture(scope="session")
def ask():
    """Zoo's own outputs of files, by its own preprocessing."""

    def outputs(model: TrainedModel, paths) -> torch.Tensor:
        images = [preprocess(to_tensor(read_image(path)), model.preprocess) for path in paths]
        (found,) = model.outputs(torch.stack(images)).values()
        return found

    return outputs
