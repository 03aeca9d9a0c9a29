import numpy as np
import pytest
from PIL import Image

from export.encoded import PROBES, draw_pictures, write_probes
from export.layouts import predict
from zoo.inputs.decode import read_image


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("probes")
    write_probes(place, draw_pictures())
    return place


@pytest.mark.parametrize(
    ("name", "mode", "facts"),
    [
        ("progressive.jpg", "RGB", {"progressive": 1}),
        ("grey.jpg", "L", {}),
        ("cmyk.jpg", "CMYK", {}),
        ("palette.png", "P", {}),
        ("palette-with-hole.png", "P", {"transparency": 0}),
        ("alpha.png", "RGBA", {}),
        ("one-bit.png", "1", {}),
        ("sixteen-bits.png", "I;16", {}),
        ("lossy.webp", "RGB", {}),
        ("alpha.webp", "RGBA", {}),
    ],
)
def test_a_probe_is_encoded_as_it_is_called(folder, name, mode, facts):
    with Image.open(folder / name) as image:
        assert image.mode == mode
        assert image.size == PROBES[name][0]
        assert facts.items() <= image.info.items()


def test_every_exif_orientation_is_there(folder):
    turns = []
    for turn in range(1, 9):
        with Image.open(folder / f"turned-{turn}.jpg") as image:
            turns.append(image.getexif()[0x0112])
    assert turns == list(range(1, 9))
    assert [read_image(folder / f"turned-{turn}.jpg").size for turn in (4, 5)] == [
        (240, 160),
        (160, 240),
    ]


def test_sixteen_bits_say_more_than_eight(folder):
    with Image.open(folder / "sixteen-bits.png") as image:
        shades = np.asarray(image)
    assert shades.max() > 255
    assert len(np.unique(shades)) > 256


def test_every_probe_decodes_and_shows_something(folder):
    for name in PROBES:
        pixels = np.asarray(read_image(folder / name))
        assert pixels.shape[2] == 3
        assert pixels.size < 10 or pixels.std() > 5, name


def test_the_same_pictures_give_the_same_bytes(folder, tmp_path):
    for path in write_probes(tmp_path, draw_pictures()):
        assert path.read_bytes() == (folder / path.name).read_bytes()


@pytest.mark.parametrize("name", PROBES)
def test_the_program_for_deployments_decodes_as_training_does(folder, name):
    """`predict.py` knows nothing of zoo, so that its decoding is written anew."""
    ours, theirs = (np.asarray(read(folder / name)) for read in (read_image, predict.read))
    np.testing.assert_array_equal(theirs, ours)
