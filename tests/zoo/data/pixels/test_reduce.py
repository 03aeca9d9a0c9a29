from concurrent.futures import ThreadPoolExecutor

import numpy as np
import PIL
import pytest
from PIL import Image

from tests.zoo.data.pixels.conftest import ORIENTATION, picture
from zoo.data.pixels.reduce import decode_reduced, describe_decoder, measure_reduced, reduce_size
from zoo.inputs.image import UnreadableImageError, read_image, read_size


@pytest.mark.parametrize(
    ("size", "reduced"),
    [
        ((60, 40), (48, 32)),
        ((40, 60), (32, 48)),
        ((100, 33), (97, 32)),
        ((32, 90), (32, 90)),
        ((31, 90), (31, 90)),
        ((1, 5), (1, 5)),
    ],
)
def test_the_short_side_is_reduced_and_never_enlarged(tmp_path, size, reduced):
    picture(0, size).save(tmp_path / "a.png")
    pixels = decode_reduced(tmp_path / "a.png", 32)
    assert pixels.shape == (*reduced[::-1], 3)
    assert reduce_size(*size, 32) == reduced


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_small_image_is_what_read_image_reads(tmp_path, suffix):
    file = tmp_path / f"a.{suffix}"
    picture(0).save(file)
    np.testing.assert_array_equal(decode_reduced(file, 40), np.asarray(read_image(file)))


@pytest.mark.parametrize(("size", "drafted"), [((640, 400), (160, 100)), ((250, 199), (125, 100))])
def test_a_large_jpeg_is_decoded_at_a_fraction_and_looks_the_same(tmp_path, size, drafted):
    file = tmp_path / "a.jpg"
    picture(0, size).save(file, quality=95)
    assert read_image(file, at_least=90).size == drafted
    pixels = decode_reduced(file, 90).astype(int)
    whole = read_image(file).resize(pixels.shape[1::-1], Image.Resampling.BICUBIC)
    # The cosine transform cut short averages blocks, which bicubic does not: of 256 grey
    # levels, about one; another picture would be tens away.
    assert np.abs(pixels - np.asarray(whole)).mean() < 3


def test_a_jpeg_keeps_at_least_the_side_asked_for(tmp_path):
    picture(0, (399, 399)).save(tmp_path / "a.jpg")
    assert read_image(tmp_path / "a.jpg", at_least=200).size == (399, 399)


def test_without_being_asked_a_jpeg_is_read_whole(tmp_path):
    picture(0, (640, 400)).save(tmp_path / "a.jpg")
    assert read_image(tmp_path / "a.jpg").size == (640, 400)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_turned_photo_is_upright(tmp_path, suffix):
    """Taken with the camera on its side: red on top, stored on the left."""
    file = tmp_path / f"a.{suffix}"
    stored = Image.new("RGB", (400, 200), "white")
    stored.paste((255, 0, 0), (0, 0, 200, 200))
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    stored.save(file, exif=exif)
    pixels = decode_reduced(file, 50)
    assert pixels.shape == (100, 50, 3)
    # JPEG keeps a plain colour within two levels.
    np.testing.assert_allclose(pixels[10, 25], (255, 0, 0), atol=2)
    np.testing.assert_allclose(pixels[90, 25], (255, 255, 255), atol=2)
    assert measure_reduced(file, 50) == pixels.nbytes


def test_transparency_lies_over_white(tmp_path):
    Image.new("RGBA", (80, 60), (0, 0, 255, 0)).save(tmp_path / "a.png")
    assert (decode_reduced(tmp_path / "a.png", 30) == 255).all()


def test_pixels_are_the_same_whoever_decodes_them(tmp_path):
    picture(0, (333, 222)).save(tmp_path / "a.jpg")
    first = decode_reduced(tmp_path / "a.jpg", 64)
    with ThreadPoolExecutor(4) as pool:
        for again in pool.map(lambda _: decode_reduced(tmp_path / "a.jpg", 64), range(8)):
            np.testing.assert_array_equal(again, first)


def test_pixels_cannot_be_written_to(tmp_path):
    picture(0).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="read-only"):
        decode_reduced(tmp_path / "a.png", 40)[0] = 0


@pytest.mark.parametrize("read", [lambda file: decode_reduced(file, 8), read_size])
def test_what_is_no_image_gives_its_reason(tmp_path, read):
    (tmp_path / "a.jpg").write_text("I am not an image")
    with pytest.raises(UnreadableImageError, match="not an image"):
        read(tmp_path / "a.jpg")


def test_the_decoder_is_named_with_its_version():
    assert f"pillow {PIL.__version__}" in describe_decoder("reduce")
    assert "libjpeg_turbo" in describe_decoder("reduce")
