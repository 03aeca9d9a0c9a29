import tarfile

import numpy as np
import pytest

from zoo.data.check import suspects
from zoo.data.check.rows import gather_rows
from zoo.data.check.suspects import hash_suspects, size_of
from zoo.data.dataset import Dataset, make_samples
from zoo.data.inspection import hash_file
from zoo.inputs.members import Member
from zoo.progress import Silence
from zoo.targets import ClassTarget

LONG = 3 * suspects._END


def rows_of(folder, hashed=(), **splits):
    """Rows of files; those in `hashed` come with their digest."""
    return gather_rows(
        Dataset(
            root=folder,
            targets=(ClassTarget(classes=("a", "b")),),
            splits={
                split: make_samples(
                    folder,
                    names,
                    {"label": np.zeros(len(names), np.int64)},
                    [hash_file(folder / name) if name in hashed else "" for name in names],
                )
                for split, names in splits.items()
            },
        )
    )


def write(folder, **contents):
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def hashed_files(rows):
    found, _ = hash_suspects(rows, Silence())
    return set(found.files[found.digests != b""].tolist()), found


@pytest.fixture
def reads(monkeypatch):
    """Names of the files that are opened, by how much of them is read."""
    seen = {"ends": [], "all": []}
    ends, whole = suspects._hash_ends, suspects._hash_all
    monkeypatch.setattr(
        suspects, "_hash_ends", lambda path: seen["ends"].append(path.name) or ends(path)
    )
    monkeypatch.setattr(
        suspects, "_hash_all", lambda path: seen["all"].append(path.name) or whole(path)
    )
    return seen


def test_only_copies_in_two_splits_are_hashed(tmp_path):
    write(tmp_path, a=b"1" * 50, b=b"1" * 50, c=b"2" * 50, d=b"2" * 50, e=b"3" * 9)
    found, rows = hashed_files(rows_of(tmp_path, train=["a", "c", "d"], validation=["b", "e"]))
    assert found == {"a", "b"}
    assert rows.content[0] == rows.content[3]


def test_a_file_whose_size_no_other_split_holds_is_not_opened(tmp_path, reads):
    write(tmp_path, a=b"1" * 50, b=b"1" * 50, c=b"2" * 51)
    assert hashed_files(rows_of(tmp_path, train=["a", "b"], validation=["c"]))[0] == set()
    assert reads == {"ends": [], "all": []}


@pytest.mark.parametrize("at", [0, LONG - 1])
def test_files_that_differ_at_an_end_are_not_read_through(tmp_path, reads, at):
    other = bytearray(LONG)
    other[at] = 1
    write(tmp_path, a=bytes(LONG), b=bytes(other))
    assert hashed_files(rows_of(tmp_path, train=["a"], validation=["b"]))[0] == set()
    assert sorted(reads["ends"]) == ["a", "b"]
    assert reads["all"] == []


def test_files_that_differ_in_the_middle_only_are_no_copies(tmp_path):
    other = bytearray(LONG)
    other[LONG // 2] = 1
    write(tmp_path, a=bytes(LONG), b=bytes(other))
    found, rows = hashed_files(rows_of(tmp_path, train=["a"], validation=["b"]))
    assert found == {"a", "b"}
    assert len(set(rows.content.tolist())) == 2


def test_a_copy_of_a_file_that_was_hashed_before_is_found(tmp_path, reads):
    write(tmp_path, a=b"1" * 50, b=b"1" * 50, c=b"2" * 50)
    rows = rows_of(tmp_path, hashed=("b", "c"), train=["a"], validation=["b", "c"])
    rows, _ = hash_suspects(rows, Silence())
    assert rows.content[0] == rows.content[1] != rows.content[2]
    assert reads["all"] == ["a"]


def test_every_row_of_a_file_learns_its_digest(tmp_path):
    write(tmp_path, a=b"1" * 50, b=b"1" * 50)
    rows, _ = hash_suspects(rows_of(tmp_path, train=["a", "a"], validation=["b"]), Silence())
    assert len(set(rows.digests.tolist())) == 1
    assert set(rows.content.tolist()) == {0}


def test_a_file_that_is_not_there_is_a_copy_of_none(tmp_path):
    write(tmp_path, a=b"1")
    rows = rows_of(tmp_path, train=["a", "gone"], validation=["lost"])
    assert hashed_files(rows)[0] == set()


def test_members_of_archives_are_compared_where_they_lie(tmp_path):
    contents = {"a": b"1" * LONG, "b": b"1" * LONG, "c": b"2" * LONG}
    write(tmp_path, **contents)
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for name in contents:
            archive.add(tmp_path / name, arcname=name)
    with tarfile.open(tmp_path / "x.tar") as archive:
        first, second, third = (
            str(Member(archive=tmp_path / "x.tar", offset=m.offset_data, size=m.size, name=m.name))
            for m in archive
        )
    rows = rows_of(tmp_path, train=[first], validation=[second, third])
    assert hashed_files(rows)[0] == {first, second}
    assert size_of(tmp_path / first) == LONG


def test_progress_hears_of_each_file_at_each_step(tmp_path):
    heard = {}

    class Count(Silence):
        def start(self, task, total):
            self.task, heard[task] = task, -total

        def advance(self, count, figures=""):
            heard[self.task] += count

    write(tmp_path, a=b"1" * 50, b=b"1" * 50, c=b"2" * 51)
    hash_suspects(rows_of(tmp_path, train=["a", "c"], validation=["b"]), Count())
    assert heard == {"sizes": 0, "compare": 0, "hash": 0}


@pytest.mark.parametrize("most", [3, 4, 6])
def test_of_too_many_files_those_of_some_sizes_are_opened(tmp_path, monkeypatch, reads, most):
    monkeypatch.setattr(suspects, "MOST_OPENED", most)
    write(tmp_path, **{f"t{n}": bytes(n + 1) for n in range(4)})
    write(tmp_path, **{f"v{n}": bytes(n + 1) for n in range(4)})
    rows = rows_of(
        tmp_path, train=[f"t{n}" for n in range(4)], validation=[f"v{n}" for n in range(4)]
    )
    found, unopened = hash_suspects(rows, Silence())
    pairs = most // 2
    assert len(reads["ends"]) == 2 * pairs
    assert unopened == 8 - 2 * pairs
    opened = {name[1:] for name in reads["ends"]}
    assert sorted(reads["ends"]) == sorted(f"{side}{n}" for n in opened for side in "tv")
    assert int((found.digests != b"").sum()) == 2 * pairs


def test_of_too_many_files_of_one_size_some_are_opened(tmp_path, monkeypatch, reads):
    monkeypatch.setattr(suspects, "MOST_OPENED", 3)
    write(tmp_path, **{name: bytes(5) for name in "abcd"})
    rows = rows_of(tmp_path, train=["a", "b"], validation=["c", "d"])
    assert hash_suspects(rows, Silence())[1] == 1
    assert len(reads["ends"]) == 3
