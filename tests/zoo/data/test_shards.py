import io
import json
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from zoo.data.inspection import hash_file
from zoo.data.shards import find_shards, read_shards
from zoo.data.tables.open import open_table
from zoo.errors import DataError
from zoo.inputs.image import UnreadableImageError, read_image
from zoo.inputs.members import file_of, parse_member


def picture(number: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (number * 10, 0, 0)).save(file, "PNG")
    return file.getvalue()


def pack(path: Path, files: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def sample(number: int, **beside: object) -> dict[str, bytes]:
    name = f"./cat.d/{number:04d}"
    texts = {f"{name}.{end}": str(text).encode() for end, text in beside.items()}
    return {f"{name}.png": picture(number)} | texts


def shard(path: Path, numbers: range) -> Path:
    files: dict[str, bytes] = {}
    for number in numbers:
        fields = {"price": number / 2, "tags": ["a"] if number % 2 else []}
        files |= sample(number, cls="cat\n" if number % 3 else "dog", json=json.dumps(fields))
    return pack(path, files)


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    for at in range(3):
        shard(tmp_path / "s" / f"photos-{at:03d}.tar", range(at * 8, at * 8 + 8))
    return tmp_path / "s"


def test_a_folder_a_pattern_and_a_file_name_shards(shards):
    found = find_shards(shards)
    assert [path.name for path in found] == [f"photos-{at:03d}.tar" for at in range(3)]
    assert find_shards(shards / "photos-{000..002}.tar") == found
    assert find_shards(found[1]) == [found[1]]
    assert find_shards(shards / "table.csv") == []


def test_a_shard_that_is_not_there(shards):
    with pytest.raises(DataError, match="1 of 4 shards do not exist: .*003.tar"):
        find_shards(shards / "photos-{000..003}.tar")


def test_what_lies_beside_an_image_becomes_columns(shards):
    columns = read_shards(find_shards(shards)).columns.to_pydict()
    assert columns["cls"][:4] == ["dog", "cat", "cat", "dog"]
    assert columns["price"] == [number / 2 for number in range(24)]
    assert columns["tags"][:2] == [[], ["a"]]
    assert "split" not in columns


def test_images_are_read_from_their_place(shards):
    for number, place in enumerate(read_shards(find_shards(shards)).columns["image"].to_pylist()):
        path = shards / place
        assert read_image(path).getpixel((0, 0)) == (number * 10, 0, 0)
        assert file_of(path) == shards / f"photos-{number // 8:03d}.tar"
        member = parse_member(path)
        assert member is not None
        assert member.read() == picture(number)
        assert str(member) == str(path)


def test_shards_are_a_data_set(shards):
    table = read_shards(find_shards(shards))
    dataset = open_table(table, input_column="image", targets=["cls", "price:value"])
    assert len(dataset.train) + len(dataset.validation) == 24
    assert dataset.targets[0].classes == ("cat", "dog")
    first = dataset.validation.path(0)
    assert dataset.validation.digests[0] == hash_file(first)
    assert dataset.validation.truths["price"][0, 0] * 20 == read_image(first).getpixel((0, 0))[0]
    guessed = open_table(table, accept_guess=True)
    assert [target.kind for target in guessed.targets] == ["class", "value", "labels"]


def test_names_of_shards_say_the_split(tmp_path):
    shard(tmp_path / "train-000.tar", range(9))
    shard(tmp_path / "val-000.tar", range(9, 15))
    table = read_shards(find_shards(tmp_path))
    dataset = open_table(table, input_column="image", targets=["cls:class"])
    assert {name: len(samples) for name, samples in dataset.splits.items()} == {
        "train": 9,
        "validation": 6,
    }


def test_a_shard_that_was_cut_short_is_found(shards):
    table = read_shards(find_shards(shards))
    cut = shards / "photos-002.tar"
    cut.write_bytes(cut.read_bytes()[:6000])
    with pytest.raises(DataError, match="is cut short"):
        open_table(table, input_column="image", targets=["cls:class"])
    with pytest.raises(DataError, match="cannot be read|no image"):
        read_shards([cut])


def test_a_compressed_archive_is_refused(tmp_path):
    path = tmp_path / "s.tar"
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("x"))
    with pytest.raises(DataError, match="cannot be read") as caught:
        read_shards([path])
    assert "not compressed" in caught.value.hint or "compressed" in caught.value.hint


def test_shards_without_images(tmp_path):
    path = pack(tmp_path / "s.tar", {"a.cls": b"1"})
    with pytest.raises(DataError, match="no image in 1 shards"):
        read_shards([path])


@pytest.mark.parametrize("content", [b"{", b"\xff"])
def test_json_that_is_none_is_told_with_its_place(tmp_path, content):
    path = pack(tmp_path / "s.tar", {"a.png": picture(1), "a.json": content})
    with pytest.raises(DataError, match="s.tar::a.json is not JSON"):
        read_shards([path])


def test_a_member_that_is_no_image(tmp_path):
    path = pack(tmp_path / "s.tar", {"a.png": b"text"})
    (place,) = read_shards([path]).columns["image"].to_pylist()
    with pytest.raises(UnreadableImageError, match="not an image"):
        read_image(tmp_path / place)


def test_the_same_name_twice_is_refused(tmp_path):
    with tarfile.open(tmp_path / "s.tar", "w") as archive:
        for content in (picture(1), picture(2)):
            member = tarfile.TarInfo("a.png")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    with pytest.raises(DataError, match=r"s\.tar::a\.png is there twice"):
        read_shards([tmp_path / "s.tar"])


@pytest.mark.parametrize("name", ["/etc/a.png", "../../a.png", "c/../../a.png"])
def test_names_that_lead_elsewhere_lead_nowhere(name, tmp_path):
    """Nothing is unpacked: a name is a label, the place is an offset."""
    path = pack(tmp_path / "s.tar", {name: picture(1)})
    (place,) = read_shards([path]).columns["image"].to_pylist()
    member = parse_member(tmp_path / place)
    assert (member.archive, member.name) == (path, "a.png")
    assert read_image(tmp_path / place).size == (8, 8)


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_are_no_files(kind, tmp_path):
    path = pack(tmp_path / "s.tar", {"a.png": picture(1)})
    with tarfile.open(path, "a") as archive:
        for name in ("a.cls", "b.png"):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/hostname"
            archive.addfile(member)
    assert read_shards([path]).columns.column_names == ["image"]


@pytest.mark.parametrize("name", ["a.cls", "a.json", "b.png"])
@pytest.mark.parametrize("size", [2**33 - 1, 2**40, 2**60])
def test_a_size_that_is_only_claimed_takes_no_memory(name, size, tmp_path):
    path = pack(tmp_path / "s.tar", {"a.png": picture(1)})
    member = tarfile.TarInfo(name)
    member.size = size
    with path.open("r+b") as file:
        file.truncate(1024)  # the picture, without the end of the archive
        file.seek(0, io.SEEK_END)
        file.write(member.tobuf() + bytes(512))
    with pytest.raises(DataError, match="claims .* bytes that are not in the archive"):
        read_shards([path])


def test_a_sparse_file_is_refused(tmp_path):
    """Its header can claim eight gigabytes of holes."""
    header = bytearray(tarfile.TarInfo("a.cls").tobuf(format=tarfile.GNU_FORMAT))
    header[124:136] = b"%011o\0" % 512
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[386:410] = b"%011o\0%011o\0" % (0, 512)
    header[483:495] = b"%011o\0" % (2**33 - 1)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path = pack(tmp_path / "s.tar", {"a.png": picture(1)})
    content = path.read_bytes()[:1024]
    path.write_bytes(content + bytes(header) + bytes(512) + bytes(1024))
    with pytest.raises(DataError, match="claims 8,589,934,591 bytes"):
        read_shards([path])


def test_a_text_that_fits_no_cell_is_refused(tmp_path):
    path = pack(tmp_path / "s.tar", {"a.png": picture(1), "a.txt": bytes((1 << 24) + 1)})
    with pytest.raises(DataError, match="too much for a cell"):
        read_shards([path])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"[" * 100_000, "is not JSON: maximum recursion"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "is not JSON: Exceeds the limit"),
        (b'{"a": ' + b"9" * 30 + b"}", "a cell that no table can hold"),
        (b'{"a": "\\ud800"}', "a cell that no table can hold"),
    ],
)
def test_json_that_overflows_is_an_error(content, problem, tmp_path):
    path = pack(tmp_path / "s.tar", {"a.png": picture(1), "a.json": content})
    with pytest.raises(DataError, match=problem):
        read_shards([path])


def test_a_name_that_is_no_text_is_refused(tmp_path):
    path = pack(tmp_path / "s.tar", {"\udcff.png": picture(1)})
    with pytest.raises(DataError, match="a name that is no text"):
        read_shards([path])
