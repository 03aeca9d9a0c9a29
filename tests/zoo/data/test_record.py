import io
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zoo.data import record
from zoo.data.columns import Text
from zoo.data.dataset import Dataset, make_samples
from zoo.data.inspection import hash_file
from zoo.data.record import read_splits, require_unchanged, write_splits
from zoo.errors import DamagedFileError, DataError
from zoo.inputs.members import Member
from zoo.targets import ClassTarget, LabelsTarget, ValueTarget

NAMES = ("plain", "ß 日本 🦊", "two\nlines", 'quote"\\', "line\u2028line", "next\x85", "trailing ")
"""Names of files, classes and labels that a careless format would break."""
KIND = ClassTarget(name="of\nkind", classes=NAMES)
TAGS = LabelsTarget(name="tags.{}", classes=NAMES)
BOX = ValueTarget(name="größe", columns=("w", "h"), mean=(0.0, 0.0), std=(1.0, 1.0))
TARGETS = (KIND, TAGS, BOX)


@pytest.fixture
def dataset() -> Dataset:
    """Of every target something is missing, as a whole and in part."""
    truths = {
        KIND.name: np.array([-1, *range(len(NAMES) - 1)]),
        TAGS.name: np.array([[-1] * 7, [0] * 7, [1] * 7, *[[1, 0, -1, 0, 1, 1, -1]] * 4], np.int8),
        BOX.name: np.array([[np.nan, np.nan], [1 / 3, np.nan], *[[-0.0, 1e-300]] * 5]),
    }
    digests = ["", *(f"{at:064x}" for at in range(1, 7))]
    files = [f"{name}.png" for name in NAMES]
    rows = make_samples(Path("/the data"), files, truths, digests)
    splits = {"train": rows.select(range(4)), "validation": rows.select([4, 5])}
    splits["test"] = rows.select([6])
    return Dataset(root=Path("/the data"), targets=TARGETS, splits=splits)


def test_every_name_and_every_kind_of_missing_truth_comes_back(dataset, tmp_path):
    write_splits(tmp_path / "s.jsonl", dataset)
    again = read_splits(tmp_path / "s.jsonl", TARGETS)
    assert list(again.splits) == ["train", "validation", "test"]
    assert again.root == dataset.root
    for split, samples in dataset.splits.items():
        assert again.splits[split].files.tolist() == samples.files.tolist()
        assert list(again.splits[split].digests) == list(samples.digests)
        for name, truth in samples.truths.items():
            found = again.splits[split].truths[name]
            assert found.dtype == truth.dtype
            np.testing.assert_array_equal(found, truth)


def test_groups_come_back_and_those_of_no_row_stay_out(dataset, tmp_path):
    names = np.array(["a", "", "two\nlines", "a"], dtype=Text)
    grouped = replace(dataset.splits["train"], groups=names)
    splits = {**dataset.splits, "train": grouped}
    write_splits(tmp_path / "s.jsonl", replace(dataset, splits=splits))
    again = read_splits(tmp_path / "s.jsonl", TARGETS)
    assert again.train.groups.tolist() == names.tolist()
    assert again.validation.groups is None


def test_rows_of_one_file_and_one_name_share_them_when_they_come_back(
    dataset, tmp_path, monkeypatch
):
    """Read in blocks of two rows, of which each finds its own digests."""
    monkeypatch.setattr(record, "_BLOCK", 2)
    rows = dataset.splits["train"].select([1, 1, 1, 2, 1])
    write_splits(tmp_path / "s.jsonl", replace(dataset, splits={"train": rows}))
    again = read_splits(tmp_path / "s.jsonl", TARGETS).train
    assert list(again.digests) == list(rows.digests)
    assert again.files.tolist() == rows.files.tolist()
    assert len(again.digests.found) == 4
    np.testing.assert_array_equal(again.truths[BOX.name], rows.truths[BOX.name])
    assert np.signbit(read_signed_zero(tmp_path)).tolist() == [False, True]


def read_signed_zero(folder: Path) -> list[float]:
    """What equal numbers of different bits come back as."""
    rows = make_samples(folder, ["a.png", "b.png"], {BOX.name: np.array([[0.0, 1], [-0.0, 1]])})
    write_splits(folder / "z.jsonl", Dataset(root=folder, targets=(BOX,), splits={"train": rows}))
    return read_splits(folder / "z.jsonl", (BOX,)).train.truths[BOX.name][:, 0].tolist()


def test_rows_share_names_and_lists_of_them_and_no_numbers_are_kept_for_that(
    dataset, tmp_path, monkeypatch
):
    """A million pairs of numbers differ, and what they were looked up by would be kept."""
    shared, share = [], record._share
    monkeypatch.setattr(
        record, "_share", lambda cell, known: shared.append(cell) or share(cell, known)
    )
    write_splits(tmp_path / "s.jsonl", dataset)
    read_splits(tmp_path / "s.jsonl", TARGETS)
    assert NAMES[0] in shared
    assert sorted(NAMES) in shared
    numbers = [cell for cell in shared if isinstance(cell, list) and float in map(type, cell)]
    assert numbers == []


def test_the_fingerprint_comes_back(dataset, tmp_path):
    write_splits(tmp_path / "s.jsonl", dataset)
    assert read_splits(tmp_path / "s.jsonl", TARGETS).fingerprint == dataset.fingerprint


def test_a_sample_is_a_line_whatever_it_is_called(dataset, tmp_path):
    write_splits(tmp_path / "s.jsonl", dataset)
    assert (tmp_path / "s.jsonl").read_bytes().count(b"\n") == 1 + 7


def test_every_other_line_end_leaves_the_record_readable(dataset, tmp_path):
    """As an editor or git on Windows may leave it."""
    path = tmp_path / "s.jsonl"
    write_splits(path, dataset)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_splits(path, TARGETS).fingerprint == dataset.fingerprint


def damage(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"root"', '"path"', "no 'root'"),
        ('"split": "validation"', '"part": 3', "no 'split'"),
        ('"file"', '"name"', "no 'file'"),
        ('"tags.{}"', '"tag"', "no 'tags.{}'"),
        ('"ß 日本 🦊"', '"nobody"', "'nobody' is not a class"),
        ('{"format": 2', "[", "not as it was written"),
        ('{"split"', '{"split', "not as it was written"),
        ('{"split": "train"', '3\n{"split": "train"', "not as it was written"),
    ],
)
def test_what_is_wrong_with_a_damaged_record_is_said(dataset, tmp_path, old, new, reason):
    write_splits(tmp_path / "s.jsonl", dataset)
    damage(tmp_path / "s.jsonl", old, new)
    with pytest.raises(DamagedFileError, match="s.jsonl is damaged") as caught:
        read_splits(tmp_path / "s.jsonl", TARGETS)
    assert reason in caught.value.problem


@pytest.mark.parametrize(("content", "reason"), [(b"", "empty"), (b"\xff\xfe", "not as it was")])
def test_a_file_that_is_no_record_is_damaged(tmp_path, content, reason):
    (tmp_path / "s.jsonl").write_bytes(content)
    with pytest.raises(DamagedFileError, match=reason):
        read_splits(tmp_path / "s.jsonl", TARGETS)


def test_a_record_that_is_not_there_is_missing(tmp_path):
    with pytest.raises(DamagedFileError, match="s.jsonl is missing"):
        read_splits(tmp_path / "s.jsonl", TARGETS)


@pytest.fixture
def kept(tmp_path):
    """Twelve files, hashed."""
    for at in range(12):
        (tmp_path / f"{at:02}.png").write_text(f"picture {at}")
    paths = sorted(tmp_path.glob("*.png"))
    return make_samples(tmp_path, [p.name for p in paths], {}, [hash_file(p) for p in paths])


def test_files_that_are_as_they_were_pass(kept):
    require_unchanged(kept)


def test_a_file_that_is_gone_and_one_that_changed_are_told_apart(kept):
    kept.path(1).unlink()
    kept.path(2).write_text("another picture")
    with pytest.raises(DataError) as caught:
        require_unchanged(kept)
    assert f"{kept.path(1)}: missing" in caught.value.problem
    assert f"{kept.path(2)}: changed" in caught.value.problem
    assert str(kept.path(3)) not in caught.value.problem


def test_ten_changes_are_named_and_the_others_counted(kept):
    for path in kept.paths:
        path.unlink()
    with pytest.raises(DataError, match="and 2 more") as caught:
        require_unchanged(kept)
    assert caught.value.problem.count(": missing") == 10


def test_a_file_of_many_rows_is_looked_at_once(kept, monkeypatch):
    seen = []
    monkeypatch.setattr(record, "hash_file", lambda path: seen.append(path) or hash_file(path))
    require_unchanged(kept.select([3, 1, 3, 3, 1]))
    assert seen == [kept.path(3), kept.path(1)]


def test_a_file_that_nobody_hashed_only_has_to_be_there(kept):
    unhashed = make_samples(kept.root, list(kept.files), {})
    kept.path(0).write_text("another picture")
    require_unchanged(unhashed)
    kept.path(0).unlink()
    with pytest.raises(DataError, match=r"00\.png: missing"):
        require_unchanged(unhashed)


def test_a_member_of_an_archive_is_compared_by_its_own_bytes(tmp_path):
    archive = tmp_path / "shard.tar"
    with tarfile.open(archive, "w") as tar:
        for name in ("a.png", "b.png"):
            entry = tarfile.TarInfo(name)
            entry.size = 4
            tar.addfile(entry, io.BytesIO(name[0].encode() * 4))
    with tarfile.open(archive) as tar:
        members = [
            str(Member(archive=archive, offset=m.offset_data, size=m.size, name=m.name))
            for m in tar.getmembers()
        ]
    samples = make_samples(tmp_path, members, {}, [hash_file(Path(name)) for name in members])
    require_unchanged(samples)
    archive.write_bytes(archive.read_bytes().replace(b"bbbb", b"cccc"))
    with pytest.raises(DataError, match=r"b\.png: changed") as caught:
        require_unchanged(samples)
    assert "a.png" not in caught.value.problem
    archive.write_bytes(archive.read_bytes()[:100])
    with pytest.raises(DataError, match="cut short"):
        require_unchanged(samples)
