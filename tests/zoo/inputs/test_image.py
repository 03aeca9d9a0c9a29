import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from zoo.inputs.contract import Preprocess
from zoo.inputs.image import (
    UnreadableImageError,
    check_image,
    is_image,
    normalize,
    preprocess,
    read_image,
    to_tensor,
)

ORIENTATION = 0x0112
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
CONTRACT = Preprocess(
    size=32,
    resize=40,
    interpolation="bicubic",
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)


def photo(size: tuple[int, int] = (60, 40)) -> Image.Image:
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), dtype=np.uint8))


def corners(path: Path) -> list[tuple[int, int, int]]:
    image = read_image(path)
    right, bottom = image.width - 1, image.height - 1
    return [image.getpixel(at) for at in ((0, 0), (right, 0), (0, bottom), (right, bottom))]


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims to be huge in a few bytes."""

    def chunk(content: bytes) -> bytes:
        length, check = len(content) - 4, zlib.crc32(content)
        return struct.pack(">I", length) + content + struct.pack(">I", check)

    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(header) + chunk(b"IDAT") + chunk(b"IEND")


@pytest.mark.parametrize("turn", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, turn):
    """All eight orientations decode to the same upright picture."""
    upright = Image.new("RGB", (30, 20), WHITE)
    upright.paste(RED, (0, 0, 10, 10))
    stored = upright
    undo = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    for step in undo.get(turn, []):
        stored = stored.transpose(step)
    exif = Image.Exif()
    exif[ORIENTATION] = turn
    stored.save(tmp_path / "turned.png", exif=exif)
    assert read_image(tmp_path / "turned.png").size == (30, 20)
    assert corners(tmp_path / "turned.png") == [RED, WHITE, WHITE, WHITE]


def test_grey_becomes_three_equal_channels(tmp_path):
    Image.new("L", (4, 4), 77).save(tmp_path / "grey.png")
    assert corners(tmp_path / "grey.png")[0] == (77, 77, 77)


def test_a_palette_is_resolved(tmp_path):
    photo().quantize(2).save(tmp_path / "palette.png")
    image = Image.new("P", (4, 4), 1)
    image.putpalette([*RED, *GREEN])
    image.save(tmp_path / "palette.png")
    assert corners(tmp_path / "palette.png")[0] == GREEN


def test_cmyk_becomes_rgb(tmp_path):
    Image.new("CMYK", (16, 16), (255, 255, 0, 0)).save(tmp_path / "ink.jpg", quality=100)
    red, green, blue = corners(tmp_path / "ink.jpg")[0]
    assert (red, green) < (10, 10)
    assert blue > 245


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    values = np.array([[0, 32_768, 65_535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    image = read_image(tmp_path / "deep.png")
    assert [image.getpixel((x, 0))[0] for x in range(3)] == [0, 128, 255]


def test_transparency_lies_over_white(tmp_path):
    Image.new("RGBA", (4, 4), (*BLUE, 0)).save(tmp_path / "clear.png")
    Image.new("RGBA", (4, 4), (*BLUE, 255)).save(tmp_path / "solid.png")
    assert corners(tmp_path / "clear.png")[0] == WHITE
    assert corners(tmp_path / "solid.png")[0] == BLUE


def test_a_transparent_palette_entry_is_white(tmp_path):
    image = Image.new("P", (4, 4), 0)
    image.putpalette([*RED, *GREEN])
    image.save(tmp_path / "hole.png", transparency=0)
    assert corners(tmp_path / "hole.png")[0] == WHITE


def broken_files(root: Path) -> dict[str, Path]:
    files = {name: root / name for name in ("text.jpg", "cut.jpg", "cut.png", "bomb.png", "no.jpg")}
    files["text.jpg"].write_text("I am not an image")
    for name in ("cut.jpg", "cut.png"):
        photo().save(files[name])
        content = files[name].read_bytes()
        files[name].write_bytes(content[: len(content) // 2])
    files["bomb.png"].write_bytes(png_header(12_000, 12_000))
    Image.fromarray(np.zeros((2, 2), np.float32)).save(root / "float.tif")
    return files | {"float.tif": root / "float.tif"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("text.jpg", "not an image"),
        ("cut.jpg", "truncated"),
        ("cut.png", ""),
        ("bomb.png", "pixels"),
        ("no.jpg", "No such file"),
        ("float.tif", "no defined range"),
    ],
)
@pytest.mark.parametrize("read", [read_image, check_image])
def test_what_cannot_be_read_gives_its_reason(tmp_path, name, reason, read):
    """The quick check finds whatever training would stumble over."""
    with pytest.raises(UnreadableImageError) as caught:
        read(broken_files(tmp_path)[name])
    assert reason in caught.value.problem
    assert caught.value.problem


def test_names_of_images_are_known_by_their_suffix():
    assert is_image(Path("a/B.JPEG"))
    assert not is_image(Path("a/b.txt"))
    assert not is_image(Path("a/._b.jpg"))


def test_preprocessing_is_torchvisions_float_pipeline():
    """Bit for bit: the same operators in the same order."""
    image = to_tensor(photo())
    reference = v2.Compose(
        [
            v2.Resize(40, v2.InterpolationMode.BICUBIC, antialias=True),
            v2.CenterCrop(32),
        ]
    )(image.float())
    expected = v2.functional.normalize(reference / 255, CONTRACT.mean, CONTRACT.std)
    torch.testing.assert_close(preprocess(image, CONTRACT), expected, rtol=0, atol=1e-6)


def test_squashing_resizes_both_sides_alike_as_torchvision_does():
    """With the border that the contract crops, and without one."""
    image = to_tensor(photo())
    for resize in (40, 32):
        contract = replace(CONTRACT, resize=resize, crop_mode="squash")
        resized = v2.functional.resize(
            image.float(), [resize, resize], v2.InterpolationMode.BICUBIC, antialias=True
        )
        cropped = v2.functional.center_crop(resized, [32, 32])
        expected = v2.functional.normalize(cropped / 255, CONTRACT.mean, CONTRACT.std)
        torch.testing.assert_close(preprocess(image, contract), expected, rtol=0, atol=1e-6)


def test_squashing_keeps_what_the_centre_crop_cuts_off():
    image = Image.new("RGB", (120, 40), BLUE)
    image.paste(RED, (0, 0, 20, 40))
    plain = replace(CONTRACT, mean=(0.0,) * 3, std=(1.0,) * 3)
    cropped, squashed = (
        preprocess(to_tensor(image), plain.crop_by(mode)) for mode in ("center", "squash")
    )
    # Well inside either colour, where interpolation does not reach.
    assert cropped[0, 16, 1] == pytest.approx(0, abs=1e-3)
    assert squashed[0, 16, 1] == pytest.approx(1, abs=1e-3)
    assert squashed[2, 16, 30] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("crop_mode", ["center", "squash"])
@pytest.mark.parametrize("size", [(60, 40), (40, 60), (33, 33), (8, 300), (1, 1)])
def test_every_shape_ends_at_the_networks_size(size, crop_mode):
    contract = replace(CONTRACT, crop_mode=crop_mode)
    assert preprocess(to_tensor(photo(size)), contract).shape == (3, 32, 32)


def test_normalisation_maps_mean_to_zero():
    pixels = torch.tensor(CONTRACT.mean).view(3, 1, 1).expand(3, 2, 2) * 255
    torch.testing.assert_close(normalize(pixels, CONTRACT), torch.zeros(3, 2, 2), rtol=0, atol=1e-6)
