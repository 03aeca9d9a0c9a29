import shutil

import numpy as np
import pytest

from zoo.data.tables import files as files_module
from zoo.data.tables.open import open_labelled_table, open_table
from zoo.errors import DataError
from zoo.targets import ClassTarget, LabelsTarget, ValueTarget

FILES = [f"{row:02d}.png" for row in range(20)]
SHOPS = ["007", "b"] * 10
PRICES = [f"{row}.5" for row in range(20)]


@pytest.fixture
def columns():
    return {
        "image": FILES,
        "shop": SHOPS,
        "price": PRICES,
        "tags": ["red;round", "[]", "blue; red", ""] * 5,
        "w": range(20),
        "h": range(20, 40),
    }


def open_columns(path, *targets, **others):
    return open_table(path, input_column="image", targets=targets, **others)


def rows_of(samples):
    return [int(name.rpartition("/")[2].removesuffix(".png")) for name in samples.files]


def test_a_class_column(pictures, write, columns):
    dataset = open_columns(write(columns), "shop:class")
    assert dataset.targets == (ClassTarget(name="shop", classes=("007", "b")),)
    assert {name: len(samples) for name, samples in dataset.splits.items()} == {
        "train": 16,
        "validation": 4,
    }
    for samples in dataset.splits.values():
        assert [r % 2 for r in rows_of(samples)] == samples.truths["shop"].tolist()
        assert all(path.is_file() for path in samples.paths)
        assert set(map(len, samples.digests)) == {64}


def test_values_are_measured_on_the_rows_that_train(pictures, write, columns):
    dataset = open_columns(write(columns | {"price": ["", *PRICES[1:]]}), "price:value")
    numbers = dataset.train.truths["price"]
    (target,) = dataset.targets
    # The same sums in another order: equal to the last digits of float64.
    np.testing.assert_allclose(target.mean, np.nanmean(numbers), rtol=1e-12)
    np.testing.assert_allclose(target.std, np.nanstd(numbers), rtol=1e-12)
    assert sum(len(samples) for samples in dataset.splits.values()) == 19
    assert any("1 row of table.csv without a target was left out" in note for note in dataset.notes)


def test_several_targets_and_columns(pictures, write, columns):
    dataset = open_columns(write(columns), "tags:labels", "size=w+h:value", "shop")
    assert [type(target) for target in dataset.targets] == [LabelsTarget, ValueTarget, ClassTarget]
    assert dataset.targets[0].classes == ("blue", "red", "round")
    rows = rows_of(dataset.train)
    expected = [[[0, 1, 1], [0, 0, 0], [1, 1, 0], [-1, -1, -1]][row % 4] for row in rows]
    assert dataset.train.truths["tags"].tolist() == expected
    assert dataset.train.truths["size"].tolist() == [[row, row + 20] for row in rows]
    assert any("shop is taken as class" in note for note in dataset.notes)


def test_columns_of_one_label_each(pictures, write):
    table = write({"image": FILES, "cat": ["1", "0", "", "TRUE"] * 5, "dog": [0, 0, 1, 1] * 5})
    dataset = open_columns(table, "pets=dog+cat:labels")
    assert dataset.targets == (LabelsTarget(name="pets", classes=("cat", "dog")),)
    marks = dict(zip(rows_of(dataset.train), dataset.train.truths["pets"].tolist(), strict=True))
    expected = {row: [[1, 0], [0, 0], [-1, 1], [1, 1]][row % 4] for row in marks}
    assert marks == expected


def test_a_mark_that_is_neither_0_nor_1(pictures, write):
    table = write({"image": FILES, "cat": ["1", "2"] * 10, "dog": [0, 1] * 10})
    with pytest.raises(DataError, match="row 2: '2' is neither 0 nor 1"):
        open_columns(table, "pets=dog+cat:labels")


def test_a_guess_is_shown_and_taken_only_with_consent(pictures, write, columns):
    table = write(columns)
    with pytest.raises(DataError, match="shop +class +2 different names") as caught:
        open_table(table)
    assert "--yes" in caught.value.hint
    assert "--input image --target shop:class --target price:value" in caught.value.hint
    dataset = open_table(table, accept_guess=True)
    assert [t.name for t in dataset.targets] == ["shop", "price", "tags"]
    assert dataset.source["input"] == "image"
    assert any(note.startswith("price is taken as value") for note in dataset.notes)


def test_a_table_without_images_is_told_where_names_start(tmp_path, write):
    table = write({"image": ["a.jpg", "b.jpg"] * 5, "shop": SHOPS[:10]})
    with pytest.raises(DataError, match="no column of .* names image files") as caught:
        open_table(table, accept_guess=True)
    assert str(tmp_path) in caught.value.hint


def test_a_table_with_nothing_to_learn(pictures, write):
    with pytest.raises(DataError, match="no column to learn besides 'image'"):
        open_table(write({"image": FILES}), accept_guess=True)


def test_a_separate_table_validates_from_its_own_folder(pictures, write, columns):
    other = {"image": ["x.png", "../00.png"], "shop": ["b", "007"]}
    val = write(other, "more/val.csv")
    shutil.copy(pictures / "19.png", pictures / "more" / "x.png")
    dataset = open_columns(write(columns), "shop:class", val=val)
    assert len(dataset.train) == 20
    assert dataset.validation.truths["shop"].tolist() == [1, 0]
    assert list(dataset.validation.files) == ["more/x.png", "00.png"]


def test_a_class_that_training_does_not_know(pictures, write, columns):
    val = write({"image": FILES[:2], "shop": ["b", "z"]}, "val.csv")
    with pytest.raises(DataError, match="row 2: 'z' is not a class"):
        open_columns(write(columns), "shop:class", val=val)


def test_a_column_of_splits_is_used(pictures, write, columns):
    split = ["train"] * 12 + ["val"] * 5 + ["TEST"] * 3
    table = write(columns | {"split": split})
    dataset = open_columns(table, "shop:class")
    assert [rows_of(dataset.splits[name]) for name in ("train", "validation", "test")] == [
        list(range(12)),
        list(range(12, 17)),
        list(range(17, 20)),
    ]
    assert dataset.source["split"] == "split"
    found = open_labelled_table(table, dataset.targets, input_column="image")
    assert rows_of(found) == [17, 18, 19]


def test_rows_of_a_group_stay_on_one_side(pictures, write, columns):
    table = write(columns | {"visit": [row // 4 for row in range(20)]})
    dataset = open_columns(table, "shop:class", group="visit")
    sides = [{row // 4 for row in rows_of(samples)} for samples in dataset.splits.values()]
    assert not sides[0] & sides[1]
    assert len(dataset.validation) == 4


def test_rows_of_one_image_stay_on_one_side(pictures, write):
    table = write({"image": FILES * 3, "shop": SHOPS * 3})
    dataset = open_columns(table, "shop:class")
    assert not set(dataset.train.files) & set(dataset.validation.files)
    assert len(dataset.validation) == 12


def test_unusable_images_are_reported_together(pictures, write, columns):
    (pictures / "03.png").write_bytes(b"no image")
    (pictures / "05.png").unlink()
    table = write(columns | {"image": ["", *FILES[1:]]})
    with pytest.raises(DataError, match="3 of 20 images cannot be used") as caught:
        open_columns(table, "shop:class")
    for line in ("an empty cell: names no image", "03.png: not an image", "05.png: does not exist"):
        assert line in caught.value.problem
    dataset = open_columns(table, "shop:class", skip_bad=True)
    assert sum(map(len, dataset.splits.values())) == 17
    assert any("skipped 03.png: not an image" in note for note in dataset.notes)
    assert dataset.skipped == {"03.png": "not an image", "05.png": "does not exist"}


def test_many_missing_images_are_counted(tmp_path, write):
    table = write({"image": [f"{n}.png" for n in range(1000)], "shop": ["a", "b"] * 500})
    with pytest.raises(DataError, match="and 990 more"):
        open_columns(table, "shop:class")


def test_a_class_whose_images_are_all_unusable_is_no_class(pictures, write, columns):
    shops = [*SHOPS[:18], "gone", "gone"]
    images = [*FILES[:18], "x.png", "y.png"]
    table = write(columns | {"shop": shops, "image": images})
    dataset = open_columns(table, "shop:class", skip_bad=True)
    assert dataset.targets[0].classes == ("007", "b")


def test_columns_that_do_not_fit_are_told_before_images_are_opened(pictures, write, columns):
    (pictures / "03.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="row 1: '007;' is not a number"):
        open_columns(write(columns | {"price": ["007;"] * 20}), "price:value")


def test_of_too_many_images_only_their_presence_is_checked(
    pictures, write, columns, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(files_module, "MOST_FILES", 10)
    monkeypatch.setattr(files_module, "_FEW", 5)
    monkeypatch.setattr("zoo.data.tables.notes.MOST_FILES", 10)
    (pictures / "03.png").write_bytes(b"no image")
    dataset = open_columns(write(columns), "shop:class")
    assert set(dataset.train.digests) == {""}
    assert any("zoo check table.csv" in note for note in dataset.notes)
    (pictures / "07.png").unlink()
    with pytest.raises(DataError, match="07.png: does not exist"):
        open_columns(write(columns), "shop:class")


def test_one_file_has_one_name(pictures, write, columns):
    names = ["./00.png", "sub//../01.png", str(pictures / "02.png"), *FILES[3:]]
    (pictures / "sub").mkdir()
    dataset = open_columns(write(columns | {"image": names}), "shop:class")
    found = {str(name) for samples in dataset.splits.values() for name in samples.files}
    assert found == set(FILES)


def test_backslashes_are_slashes(pictures, write, columns):
    (pictures / "sub").mkdir()
    for name in FILES:
        (pictures / name).rename(pictures / "sub" / name)
    table = write(columns | {"image": [f"sub\\{name}" for name in FILES]})
    assert open_columns(table, "shop:class").train.files[0].startswith("sub/")


@pytest.mark.parametrize(
    ("images", "problem"),
    [(["https://x/a.jpg"] * 20, "web addresses"), ([1] * 20, "int64, not the names")],
)
def test_an_input_column_that_names_no_files(write, images, problem):
    table = write({"image": images, "shop": SHOPS}, "t.jsonl")
    with pytest.raises(DataError, match=problem):
        open_columns(table, "shop:class")


def test_moving_a_table_with_its_images_changes_nothing(pictures, write, columns, tmp_path):
    table = write(columns)
    first = open_columns(table, "shop:class")
    moved = shutil.copytree(tmp_path, tmp_path.parent / f"{tmp_path.name}-moved")
    second = open_columns(moved / table.name, "shop:class")
    assert first.fingerprint == second.fingerprint
    assert set(first.validation.files) == set(second.validation.files)


def test_a_known_model_is_measured_on_a_table(pictures, write, columns):
    table = write(columns)
    targets = open_columns(table, "shop:class", "size=w+h:value").targets
    samples = open_labelled_table(table, targets)
    assert len(samples) == 20
    assert samples.truths["size"][3].tolist() == [3, 23]
    renamed = write(columns | {"place": SHOPS, "shop": PRICES}, "renamed.csv")
    samples = open_labelled_table(renamed, targets, columns=["shop=place"])
    assert samples.truths["shop"].tolist() == [0, 1] * 10


def test_a_model_whose_columns_are_not_there(pictures, write, columns):
    target = ClassTarget(classes=("a", "b"))
    with pytest.raises(DataError, match="no column 'label'"):
        open_labelled_table(write(columns), [target])


def test_a_column_is_for_one_thing(pictures, write, columns):
    table = write(columns)
    with pytest.raises(DataError, match="both the input and the group"):
        open_columns(table, "shop:class", group="image")
    with pytest.raises(DataError, match="both the input and a target"):
        open_columns(table, "image:class")
    with pytest.raises(DataError, match="two targets have one name"):
        open_columns(table, "shop:class", "shop=tags:labels")
    with pytest.raises(DataError, match="cannot be called 'file'"):
        open_columns(table, "file=shop:class")


def test_a_class_that_is_not_validated_is_noted(pictures, write):
    groups = ["a"] * 8 + ["b"] * 6 + ["c"] * 6
    shops = ["x"] * 4 + ["y"] * 4 + ["x"] * 12
    table = write({"image": FILES, "shop": shops, "who": groups})
    dataset = open_columns(table, "shop:class", group="who")
    assert any("no validation sample is y (shop)" in note for note in dataset.notes)


def test_the_part_to_validate_on_is_a_part(pictures, write, columns):
    with pytest.raises(DataError, match="between 0 and 1"):
        open_columns(write(columns), "shop:class", val_split=1.0)


def test_nothing_is_written_beside_the_table(pictures, write, columns):
    table = write(columns)
    before = sorted(pictures.iterdir())
    open_columns(table, "shop:class")
    assert sorted(pictures.iterdir()) == before


def test_all_targets_without_a_value_are_named(pictures, write, columns):
    table = write(columns | {"price": [""] * 20, "shop": [""] * 20})
    with pytest.raises(DataError, match="columns 'price', 'shop' of .* have no value in any row"):
        open_columns(table, "price:value", "shop:class", "tags:labels")


@pytest.mark.parametrize("accept_guess", [True, False])
def test_a_table_of_empty_columns_is_not_agreed_to(pictures, write, accept_guess):
    table = write({"image": FILES, "shop": [""] * 20})
    with pytest.raises(DataError, match="no column to learn .*\\n  shop  unused  empty") as caught:
        open_table(table, accept_guess=accept_guess)
    assert "--yes" not in caught.value.hint
    assert "add a column" in caught.value.hint


def test_only_what_was_not_said_is_guessed(pictures, write, columns):
    with pytest.raises(DataError, match="does not say which column names the images") as caught:
        open_table(write(columns), targets=["price:value"])
    assert "shop" not in str(caught.value)
    assert caught.value.hint == "agree with --yes, or choose: --input image"


def test_small_classes_are_kept_where_that_is_asked_for(pictures, write):
    table = write({"image": FILES, "shop": ["a"] * 19 + ["lonely"]})
    with pytest.raises(DataError, match="lonely"):
        open_columns(table, "shop:class")
    dataset = open_columns(table, "shop:class", keep_small=True)
    assert dataset.train.truths["shop"].tolist().count(1) == 1
    assert dataset.notes == ("no validation sample is lonely (shop)",)
