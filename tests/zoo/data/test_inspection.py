import hashlib

import pytest
from PIL import Image

from zoo.data import inspection
from zoo.data.inspection import hash_file, inspect_files
from zoo.inputs.members import Member


@pytest.fixture
def pictures(tmp_path):
    paths = [tmp_path / f"{at}.png" for at in range(6)]
    for at, path in enumerate(paths):
        Image.new("RGB", (4, 4), (at, 0, 0)).save(path)
    return paths


def test_digests_are_those_of_the_files_in_their_order(pictures):
    found = inspect_files(pictures)
    assert found.digests == [hashlib.sha256(path.read_bytes()).hexdigest() for path in pictures]
    assert found.bad == {}


def test_a_file_that_cannot_be_decoded_has_a_reason_and_no_digest(pictures, tmp_path):
    pictures[1].write_text("no picture")
    pictures[3] = tmp_path / "gone.png"
    found = inspect_files(pictures)
    assert found.bad == {1: "not an image", 3: "No such file or directory"}
    assert [digest == "" for digest in found.digests] == [False, True, False, True, False, False]


def test_a_file_that_goes_while_it_is_looked_at_is_bad_and_stops_nothing(pictures, monkeypatch):
    """Between decoding and hashing."""
    check = inspection.check_image

    def check_and_remove(path):
        check(path)
        if path == pictures[2]:
            path.unlink()

    monkeypatch.setattr(inspection, "check_image", check_and_remove)
    assert inspect_files(pictures).bad == {2: "No such file or directory"}


def test_a_member_of_an_archive_is_hashed_and_decoded_where_it_lies(pictures, tmp_path):
    content = pictures[5].read_bytes()
    (tmp_path / "shard.tar").write_bytes(b"before" + content + b"after")
    member = Member(archive=tmp_path / "shard.tar", offset=6, size=len(content), name="a/5.png")
    found = inspect_files([tmp_path / str(member)])
    assert found.bad == {}
    assert found.digests == [hash_file(pictures[5])]


def test_no_files_are_no_findings():
    assert inspect_files([]).digests == []
