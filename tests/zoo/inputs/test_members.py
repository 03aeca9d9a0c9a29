from pathlib import Path

import pytest

from zoo.inputs.members import Member, file_of, open_file, parse_member


@pytest.fixture
def member(tmp_path: Path) -> Member:
    (tmp_path / "a.tar").write_bytes(b"head" + b"content" + b"tail")
    return Member(archive=tmp_path / "a.tar", offset=4, size=7, name="cat/1.jpg")


def test_a_member_is_written_like_a_path_and_read_back(member):
    path = Path(str(member))
    assert parse_member(path) == member
    assert path.suffix == ".jpg"
    assert file_of(path) == member.archive
    with open_file(path) as file:
        assert file.read() == b"content"


@pytest.mark.parametrize("name", ["a.jpg", "a::b.jpg", "a::1+x::b.jpg", "a::1::b.jpg", "::.jpg"])
def test_a_plain_file_is_no_member(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"plain")
    assert parse_member(path) is None
    assert file_of(path) == path
    with open_file(path) as file:
        assert file.read() == b"plain"


def test_an_archive_that_is_gone_or_cut_short(member):
    member.archive.write_bytes(b"head" + b"con")
    with pytest.raises(OSError, match="cut short"):
        open_file(Path(str(member)))
    member.archive.unlink()
    with pytest.raises(FileNotFoundError):
        open_file(Path(str(member)))


def test_a_member_that_claims_terabytes_takes_no_memory(tmp_path):
    (tmp_path / "s.tar").write_bytes(bytes(100))
    member = Member(archive=tmp_path / "s.tar", offset=0, size=1 << 45, name="a.png")
    with pytest.raises(OSError, match="cut short"):
        member.read()
