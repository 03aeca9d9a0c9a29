import numpy as np
import pytest

from tests.textures import COPIES, dataset_of, save, texture
from zoo.data.check import check_dataset, glance
from zoo.data.check.glance import choose_rows
from zoo.data.check.rows import Rows, gather_rows


@pytest.fixture
def alike(tmp_path):
    """Ten pictures; the first to validate on is a smaller copy of the first to train on."""
    for number in range(10):
        save(texture(number), tmp_path / f"{number}.png")
    save(COPIES["smaller"](texture(0)), tmp_path / "copy.jpg")
    train = {f"{number}.png": "ab"[number % 2] for number in range(8)}
    validation = {"copy.jpg": "a", "8.png": "a", "9.png": "b"}
    return dataset_of(tmp_path, {"train": train, "validation": validation})


def find(dataset, kind):
    return check_dataset(dataset, quick=True).of_kind(kind)


def test_a_near_duplicate_in_two_splits_is_a_warning_with_both_names(alike):
    found = find(alike, "near-leaks")
    assert (found.severity, found.count) == ("warning", 1)
    assert [place.file for place in found.groups[0]] == ["0.png", "copy.jpg"]
    assert found.text.endswith("as near duplicates; 1 of validation")
    assert "`zoo check DATA`" in found.hint
    assert "--group" in found.hint


def test_near_duplicates_can_be_left_out(alike):
    assert check_dataset(alike, quick=True, near=False).of_kind("near-leaks") is None


def test_of_many_images_some_are_compared_and_it_says_which(alike, monkeypatch):
    monkeypatch.setattr(glance, "MOST_IMAGES", 4)
    found = find(alike, "near-leaks")
    assert found.text.endswith("(found among 2 of 8 train and 2 of 3 validation images)")
    assert find(alike, "near-unseen") is None


def test_of_large_files_fewer_are_read(alike, monkeypatch):
    sizes = [samples.path(at).stat().st_size for samples in alike.splits.values() for at in (0, 1)]
    monkeypatch.setattr(glance, "MOST_BYTES", 4 * max(sizes))
    seen = []
    look_at = glance.look_at
    monkeypatch.setattr(
        glance, "look_at", lambda paths, *rest: seen.extend(paths) or look_at(paths, *rest)
    )
    find(alike, "near-leaks")
    assert 2 <= len(seen) < 11


def test_of_files_larger_than_all_that_is_read_one_a_side_is_compared(alike, monkeypatch):
    monkeypatch.setattr(glance, "MOST_BYTES", 1)
    among = find(alike, "near-leaks") or find(alike, "near-unseen")
    assert "among 1 of 8 train and 1 of 3 validation images" in among.text


def test_what_was_not_compared_is_a_note_where_nothing_was_found(tmp_path, monkeypatch):
    monkeypatch.setattr(glance, "MOST_IMAGES", 4)
    for number in range(8):
        save(texture(number), tmp_path / f"{number}.png")
    cells = [{f"{number}.png": "a" for number in part} for part in (range(5), range(5, 8))]
    found = find(
        dataset_of(tmp_path, dict(zip(("train", "test"), cells, strict=True))), "near-unseen"
    )
    assert (found.severity, found.count) == ("note", 4)
    assert "none among 2 of 5 train and 2 of 3 test images" in found.text


def test_the_same_images_are_chosen_again(alike):
    rows = gather_rows(alike)
    np.testing.assert_array_equal(choose_rows(rows, 5), choose_rows(rows, 5))


@pytest.mark.parametrize(
    ("most", "trained", "measured"), [(4, 2, 2), (6, 3, 3), (9, 6, 3), (11, 8, 3), (99, 8, 3)]
)
def test_both_sides_are_chosen_of_and_nothing_is_wasted(alike, most, trained, measured):
    rows = gather_rows(alike)
    chosen = rows.select(choose_rows(rows, most))
    assert np.bincount(chosen.split_of).tolist() == [trained, measured]


def test_of_few_training_images_all_are_compared():
    rows = Rows(
        splits=("train", "validation"),
        roots=(),
        files=np.array([*"abcdefgh"]),
        split_of=np.array([0, 0, 1, 1, 1, 1, 1, 1], dtype=np.int8),
        content=np.arange(8),
        digests=np.zeros(8, "S64"),
    )
    assert np.bincount(rows.split_of[choose_rows(rows, 6)]).tolist() == [2, 4]
