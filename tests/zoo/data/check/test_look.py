import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.textures import save, texture
from zoo.data.check.look import look_at
from zoo.inputs.members import Member
from zoo.progress import Silence
from zoo.storage import sha256_of


def look(*paths: Path):
    return look_at(paths, [""] * len(paths), Silence())


def test_a_look_says_what_the_file_is(tmp_path):
    path = save(texture(0), tmp_path / "a.jpg")
    looks, bad = look(path)
    assert bad == {}
    one = looks[0]
    assert one["digest"].decode() == sha256_of(path)
    assert (one["width"], one["height"]) == (160, 120)
    assert (one["mode"], one["format"]) == (b"RGB", b"JPEG")
    assert not one["turned"]
    assert not one["transparent"]
    assert one["spread"] > 150


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_the_thumbnail_and_is_told(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(texture(0), tmp_path / "a.jpg", exif=exif, quality=95)
    one = look(path)[0][0]
    assert bool(one["turned"]) == (orientation > 1)
    assert (one["width"], one["height"]) == (160, 120)
    plain = look(save(texture(0), tmp_path / "plain.jpg", quality=95))[0][0]
    assert np.array_equal(one["luma"], plain["luma"]) == (orientation == 1)


@pytest.mark.parametrize(
    ("mode", "name", "transparent"),
    [
        ("CMYK", "a.jpg", False),
        ("P", "a.gif", False),
        ("L", "a.png", False),
        ("1", "a.png", False),
        ("RGBA", "a.png", True),
        ("LA", "a.png", True),
    ],
)
def test_modes_are_told_as_they_are_stored(tmp_path, mode, name, transparent):
    one = look(save(texture(0).convert(mode), tmp_path / name))[0][0]
    assert one["mode"].decode() == mode
    assert bool(one["transparent"]) == transparent


def test_sixteen_bits_are_told_and_scaled(tmp_path):
    deep = np.asarray(texture(0).convert("L"), dtype=np.uint16) * 257
    one = look(save(Image.fromarray(deep), tmp_path / "a.png"))[0][0]
    shallow = look(save(texture(0).convert("L"), tmp_path / "b.png"))[0][0]
    assert one["mode"] == b"I;16"
    np.testing.assert_array_equal(one["luma"], shallow["luma"])


def test_one_colour_has_no_spread(tmp_path):
    one = look(save(Image.new("RGB", (90, 40), (200, 10, 10)), tmp_path / "a.png"))[0][0]
    assert one["spread"] == 0
    # Red lies far out on the axis from green to red, and below the middle of yellow to blue.
    assert one["chroma"][..., 1].min() > 80
    assert one["chroma"][..., 0].max() < 0


def test_what_cannot_be_read_is_told_by_position(tmp_path):
    good = save(texture(0), tmp_path / "good.png")
    broken = tmp_path / "broken.png"
    broken.write_bytes(good.read_bytes()[:200])
    looks, bad = look(good, tmp_path / "missing.png", broken)
    assert set(bad) == {1, 2}
    assert "No such file" in bad[1]
    assert looks["width"].tolist() == [160, 0, 0]
    assert looks["digest"][2].decode() == sha256_of(broken)


def test_a_known_digest_is_not_computed_again(tmp_path):
    path = save(texture(0), tmp_path / "a.png")
    assert look_at([path], ["f" * 64], Silence())[0]["digest"][0].decode() == "f" * 64


def test_a_member_of_an_archive_is_looked_at_where_it_lies(tmp_path):
    path = save(texture(0), tmp_path / "a.png")
    with tarfile.open(tmp_path / "shard.tar", "w") as archive:
        archive.add(path, "cat/a.png")
    with tarfile.open(tmp_path / "shard.tar") as archive:
        info = archive.getmembers()[0]
    member = Member(
        archive=tmp_path / "shard.tar", offset=info.offset_data, size=info.size, name=info.name
    )
    looks, bad = look(path, Path(str(member)))
    assert bad == {}
    assert looks[0].tobytes() == looks[1].tobytes()
