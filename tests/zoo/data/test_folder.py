import shutil
from pathlib import Path

import pytest
from PIL import Image

from zoo.data.dataset import Dataset
from zoo.data.folder import open_folder, open_labelled_folder
from zoo.errors import DataError, UnreadableImagesError
from zoo.targets import ClassTarget


def fill(root: Path, layout: dict[str, int]) -> Path:
    """Make folders with so many different pictures in each."""
    for name, count in layout.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            shade = (number * 20, len(name), sum(map(ord, name)) % 256)
            Image.new("RGB", (8, 8), shade).save(root / name / f"{number}.png")
    return root


def counts(dataset: Dataset, split: str) -> dict[str, int]:
    """Images by class."""
    (target,) = dataset.targets
    labels = target.decode(dataset.splits[split].truths[target.name])
    return {name: labels.count(name) for name in target.classes}


def test_classes_are_the_folders_in_alphabetical_order(tmp_path):
    dataset = open_folder(fill(tmp_path / "d", {"cat": 5, "ant": 5, "bee": 5}))
    assert dataset.targets[0].classes == ("ant", "bee", "cat")


def test_a_folder_without_splits_is_split_by_class(tmp_path):
    dataset = open_folder(fill(tmp_path / "d", {"a": 10, "b": 5}), val_split=0.2)
    assert counts(dataset, "validation") == {"a": 2, "b": 1}
    assert counts(dataset, "train") == {"a": 8, "b": 4}


@pytest.mark.parametrize("name", ["val", "valid", "validation", "Val", "dev"])
def test_every_usual_name_of_the_validation_folder_is_known(tmp_path, name):
    dataset = open_folder(
        fill(tmp_path / "d", {"train/a": 3, "train/b": 3, f"{name}/a": 1, f"{name}/b": 2})
    )
    assert counts(dataset, "validation") == {"a": 1, "b": 2}
    assert len(dataset.train) == 6


def test_a_test_folder_is_kept_apart(tmp_path):
    layout = {"train/a": 5, "train/b": 5, "test/a": 2, "test/b": 2}
    dataset = open_folder(fill(tmp_path / "d", layout))
    assert {name: len(samples) for name, samples in dataset.splits.items()} == {
        "train": 8,
        "validation": 2,
        "test": 4,
    }


def test_classes_may_be_called_train_and_test(tmp_path):
    dataset = open_folder(fill(tmp_path / "d", {"train": 3, "tram": 3, "test": 3}))
    assert dataset.targets[0].classes == ("test", "train", "tram")


def test_a_separate_validation_folder_is_matched_by_name(tmp_path):
    data = fill(tmp_path / "d", {"a": 3, "b": 3, "c": 3})
    val = fill(tmp_path / "v", {"c": 2, "a": 1})
    dataset = open_folder(data, val=val)
    assert counts(dataset, "validation") == {"a": 1, "b": 0, "c": 2}
    assert len(dataset.train) == 9


def test_an_unknown_validation_class_is_an_error(tmp_path):
    data = fill(tmp_path / "d", {"train/a": 3, "train/b": 3, "val/a": 1, "val/z": 1})
    with pytest.raises(DataError, match="classes that training does not know: z"):
        open_folder(data)


def test_renaming_and_moving_files_changes_neither_split_nor_fingerprint(tmp_path):
    first = open_folder(fill(tmp_path / "d", {"a": 10, "b": 10}))
    moved = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "d", moved)
    for path in list(moved.rglob("*.png")):
        path.rename(path.with_name(f"renamed-{9 - int(path.stem)}.png"))
    second = open_folder(moved)
    assert first.fingerprint == second.fingerprint
    assert set(first.validation.digests) == set(second.validation.digests)


def test_another_seed_is_another_split_and_another_fingerprint(tmp_path):
    data = fill(tmp_path / "d", {"a": 12, "b": 12})
    assert open_folder(data, seed=0).fingerprint != open_folder(data, seed=1).fingerprint


def test_a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        open_folder(tmp_path / "nowhere")


def test_a_file_instead_of_a_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="is not a folder"):
        open_folder(tmp_path / "file")


def test_an_empty_folder(tmp_path):
    (tmp_path / "d").mkdir()
    with pytest.raises(DataError, match="holds no images") as caught:
        open_folder(tmp_path / "d")
    assert "folder of its own" in caught.value.hint


def test_loose_images_are_counted_in_the_advice(tmp_path):
    with pytest.raises(DataError, match="2 images but no sub-folder"):
        open_folder(fill(tmp_path, {"d": 2}) / "d")


def test_one_class_only(tmp_path):
    with pytest.raises(DataError, match="one class, 'a'"):
        open_folder(fill(tmp_path / "d", {"a": 5}))


def test_a_class_with_one_image_cannot_be_split(tmp_path):
    with pytest.raises(DataError, match="to hold one out for validation: lonely") as caught:
        open_folder(fill(tmp_path / "d", {"a": 5, "b": 5, "lonely": 1}))
    assert "--val" in caught.value.hint


def test_a_class_with_one_image_trains_where_validation_is_separate(tmp_path):
    data = fill(tmp_path / "d", {"train/a": 5, "train/lonely": 1, "val/a": 1})
    assert counts(open_folder(data), "train") == {"a": 5, "lonely": 1}


def test_a_class_without_images_is_named(tmp_path):
    data = fill(tmp_path / "d", {"a": 5, "b": 5, "void": 0})
    with pytest.raises(DataError, match="no training images of void"):
        open_folder(data)


@pytest.fixture
def damaged(tmp_path):
    data = fill(tmp_path / "d", {"a": 5, "b": 5})
    (data / "a" / "text.jpg").write_text("hello")
    whole = (data / "b" / "0.png").read_bytes()
    (data / "b" / "cut.png").write_bytes(whole[: len(whole) - 30])
    return data


def test_all_unreadable_files_are_named_at_once(damaged):
    with pytest.raises(UnreadableImagesError) as caught:
        open_folder(damaged)
    assert {path.name for path in caught.value.reasons} == {"text.jpg", "cut.png"}
    assert "--skip-bad" in caught.value.hint


def test_skipping_bad_files_says_which(damaged):
    dataset = open_folder(damaged, skip_bad=True)
    assert sum(map(len, dataset.splits.values())) == 10
    assert sum("skipped" in note for note in dataset.notes) == 2
    assert list(dataset.skipped) == ["a/text.jpg", "b/cut.png"]
    assert dataset.skipped["a/text.jpg"] == "not an image"


def test_other_files_are_ignored_and_mentioned(tmp_path):
    data = fill(tmp_path / "d", {"a": 5, "b": 5})
    (data / "a" / "notes.txt").touch()
    (data / "a" / ".DS_Store").touch()
    (data / ".hidden").mkdir()
    dataset = open_folder(data)
    assert dataset.targets[0].classes == ("a", "b")
    assert dataset.notes == ("1 file that is not an image was ignored (.txt)",)
    assert dataset.ignored == ("a/notes.txt",)


def test_images_outside_the_folder_have_absolute_names(tmp_path):
    data = fill(tmp_path / "d", {"a": 3, "b": 3})
    val = fill(tmp_path / "v", {"a": 1, "b": 1})
    dataset = open_folder(data, val=val)
    assert sorted(dataset.train.files)[0] == "a/0.png"
    assert list(dataset.validation.files) == [f"{val}/a/0.png", f"{val}/b/0.png"]
    assert all(path.is_file() for s in dataset.splits.values() for path in s.paths)


def test_a_name_that_is_no_unicode_is_refused_by_name(tmp_path):
    data = fill(tmp_path / "d", {"a": 3, "b": 3})
    (data / "a" / "0.png").rename(data / "a" / "\udcff.png")
    with pytest.raises(DataError, match=r"not Unicode.*a/.udcff\.png"):
        open_folder(data)


@pytest.mark.parametrize("part", [0.0, 1.0, -0.2, 20.0, float("nan")])
def test_a_part_that_is_none_is_refused(tmp_path, part):
    with pytest.raises(DataError, match="--val-split must lie between 0 and 1"):
        open_folder(tmp_path, val_split=part)


def test_nothing_is_written_into_the_data(tmp_path):
    data = fill(tmp_path / "d", {"a": 5, "b": 5})
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*")}
    for folder in (data, data / "a", data / "b"):
        folder.chmod(0o555)
    open_folder(data)
    assert {path: path.stat().st_mtime_ns for path in data.rglob("*")} == before


def known(*classes: str) -> ClassTarget:
    return ClassTarget(classes=classes)


def test_measuring_takes_the_test_part_of_a_split_folder(tmp_path):
    data = fill(tmp_path / "d", {"train/a": 5, "val/a": 2, "val/b": 1, "test/b": 3, "train/b": 1})
    assert len(open_labelled_folder(data, known("a", "b"))) == 3


def test_measuring_takes_the_validation_part_where_there_is_no_test(tmp_path):
    data = fill(tmp_path / "d", {"train/a": 5, "val/a": 2, "train/b": 1})
    assert len(open_labelled_folder(data, known("a", "b"))) == 2


def test_measuring_matches_classes_by_name_not_by_position(tmp_path):
    data = fill(tmp_path / "d", {"a": 1, "b": 1})
    samples = open_labelled_folder(data, known("b", "x", "a"))
    labels = samples.truths["label"].tolist()
    parents = [path.parent.name for path in samples.paths]
    assert dict(zip(parents, labels, strict=True)) == {"a": 2, "b": 0}


def test_measuring_refuses_a_class_the_model_does_not_know(tmp_path):
    with pytest.raises(DataError, match="known are a, b"):
        open_labelled_folder(fill(tmp_path / "d", {"a": 1, "q": 1}), known("a", "b"))


def test_measuring_goes_on_without_bad_files_if_told_to(damaged):
    with pytest.raises(UnreadableImagesError):
        open_labelled_folder(damaged, known("a", "b"))
    assert len(open_labelled_folder(damaged, known("a", "b"), skip_bad=True)) == 10


def test_two_folders_for_one_split_are_refused(tmp_path):
    data = fill(tmp_path / "d", {"train/a": 3, "train/b": 3, "val/a": 1, "dev/b": 1})
    with pytest.raises(DataError, match="two folders for one split: dev, train, val"):
        open_folder(data)


def test_runs_and_models_inside_are_no_classes(tmp_path):
    data = fill(tmp_path / "d", {"a": 5, "b": 5})
    for mark in ("runs/first/run.json", "copy/zoo_config.json", "b/own/run.json"):
        (data / mark).parent.mkdir(parents=True)
        (data / mark).write_text("{}")
    fill(data, {"runs/first/plots": 1, "b/own/plots": 1})
    dataset = open_folder(data)
    assert counts(dataset, "train") == {"a": 4, "b": 4}
    assert dataset.ignored == ()


def test_a_class_that_is_not_validated_is_noted(tmp_path):
    data = fill(tmp_path / "d", {"a": 3, "b": 3, "c": 3})
    val = fill(tmp_path / "v", {"a": 2, "b": 0})
    assert open_folder(data, val=val).notes == ("no validation sample is b, c (label)",)


def test_small_classes_are_kept_where_that_is_asked_for(tmp_path):
    data = fill(tmp_path / "d", {"a": 5, "lonely": 1, "void": 0})
    dataset = open_folder(data, keep_small=True)
    assert counts(dataset, "train") == {"a": 4, "lonely": 1, "void": 0}
    assert counts(dataset, "validation") == {"a": 1, "lonely": 0, "void": 0}


@pytest.mark.parametrize("layout", [{"images": 3}, {"images": 3, "more": 0}, {".hidden": 1}])
def test_a_table_beside_the_images_is_pointed_to(tmp_path, layout):
    data = fill(tmp_path / "d", layout)
    (data / "cells.csv").write_text("image,label\n")
    with pytest.raises(DataError) as caught:
        open_folder(data)
    assert f"what cells.csv says of these images, give {data / 'cells.csv'}" in caught.value.hint


def test_a_file_that_is_no_table_is_told_what_may_be_given(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match="is not a folder") as caught:
        open_folder(tmp_path / "notes.txt")
    assert "or a table (.csv" in caught.value.hint
