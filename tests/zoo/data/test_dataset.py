from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zoo.data.dataset import Dataset, Samples, make_samples, to_rows
from zoo.errors import DataError
from zoo.targets import ClassTarget, LabelsTarget, ValueTarget

KIND = ClassTarget(name="kind", classes=("cat", "dog"))
TAGS = LabelsTarget(name="tags", classes=("red", "round"))
PRICE = ValueTarget(name="price", columns=("price",), mean=(0.0,), std=(1.0,))
TARGETS = (KIND, TAGS, PRICE)


def samples(**changes) -> Samples:
    """Four rows about which more and more is known."""
    columns = {
        "files": ["a.png", "b.png", "c.png", "d.png"],
        "digests": ["1" * 64, "2" * 64, "3" * 64, "4" * 64],
        "kind": [None, "cat", "dog", "dog"],
        "tags": [None, {"red": 1}, [], ["red", "round"]],
        "price": [None, 1.5, -2, 3],
    } | changes
    truths = {target.name: target.encode(columns[target.name]) for target in TARGETS}
    return make_samples(Path("/d"), columns["files"], truths, columns["digests"])


def dataset(rows: Samples | None = None, train: int = 3, **changes) -> Dataset:
    rows = rows or samples()
    splits = {"train": rows.select(range(train)), "validation": rows.select(range(train, 4))}
    return Dataset(root=Path("/d"), targets=TARGETS, splits=splits, **changes)


def test_rows_are_chosen_in_the_order_asked_for():
    chosen = samples().select([2, 0])
    assert chosen.paths == [Path("/d/c.png"), Path("/d/a.png")]
    assert list(chosen.digests) == ["3" * 64, "1" * 64]
    assert chosen.truths["kind"].tolist() == [1, -1]
    assert len(chosen) == 2


def test_choosing_nothing_keeps_the_columns():
    nothing = samples().select([])
    assert len(nothing) == 0
    assert nothing.truths["tags"].shape == (0, 2)


def test_an_absolute_name_leads_out_of_the_root():
    assert samples(files=["/e/a.png", "b", "c", "d"]).path(0) == Path("/e/a.png")


def test_columns_of_different_length_are_refused():
    with pytest.raises(ValueError, match="different length"):
        make_samples(Path("/d"), ["a.png"], {"kind": np.zeros(2, dtype=np.int64)})


def test_a_name_that_is_no_unicode_is_named():
    """As Python writes the bytes of a file name that are not UTF-8."""
    with pytest.raises(DataError, match="not Unicode.*udcff") as caught:
        make_samples(Path("/d"), ["good.png", "bad\udcff.png"], {})
    assert "rename" in caught.value.hint


def test_rows_say_what_is_known_as_json_has_it():
    rows = list(to_rows(samples(digests=["", "2" * 64, "", ""]), TARGETS))
    assert rows[0] == {"file": "a.png", "truth": {"kind": None, "tags": None, "price": None}}
    assert rows[1] == {
        "file": "b.png",
        "sha256": "2" * 64,
        "truth": {"kind": "cat", "tags": {"red": 1}, "price": 1.5},
    }


@pytest.mark.parametrize("block", [1, 3, 4, 100])
def test_rows_are_the_same_in_blocks_of_any_size(block):
    assert list(to_rows(samples(), TARGETS, block=block)) == list(to_rows(samples(), TARGETS))


def test_a_fingerprint_is_the_same_in_every_version_of_zoo():
    """Runs of older versions are read again and compared with what they recorded."""
    expected = "faebc0c01d98f1822ccb590184ad131069f51b147ac33858b97398f0656529fa"
    assert dataset().fingerprint == expected


def test_names_of_files_do_not_matter_to_the_fingerprint():
    renamed = samples(files=["x.png", "y.png", "z.png", "sub/w.png"])
    assert dataset(renamed).fingerprint == dataset().fingerprint


def test_the_order_of_rows_does_not_matter_to_the_fingerprint():
    shuffled = samples().select([2, 0, 1, 3])
    assert dataset(shuffled).fingerprint == dataset().fingerprint


def test_what_was_said_about_the_data_does_not_matter_to_the_fingerprint():
    other = dataset(notes=("skipped one",), source={"table": "t.csv"}, skipped={"x": "bad"})
    assert replace(other, root=Path("/e")).fingerprint == dataset().fingerprint


def test_the_order_of_classes_and_targets_does_not_matter_to_the_fingerprint():
    turned = ClassTarget(name="kind", classes=("dog", "cat"))
    rows = samples()
    truths = rows.truths | {"kind": turned.encode(["", "cat", "dog", "dog"])}
    other = replace(dataset(replace(rows, truths=truths)), targets=(PRICE, turned, TAGS))
    assert other.fingerprint == dataset().fingerprint


@pytest.mark.parametrize(
    "changes",
    [
        {"digests": ["1" * 64, "2" * 64, "3" * 64, "5" * 64]},
        {"kind": [None, "cat", "dog", "cat"]},
        {"kind": [None, "cat", "dog", None]},
        {"tags": [None, {"red": 1}, None, ["red", "round"]]},
        {"tags": [None, ["red"], [], ["red", "round"]]},
        {"price": [None, 1.5, -2, None]},
        {"price": [None, 1.5000000000000002, -2, 3]},
    ],
    ids=["content", "class", "no class", "no labels", "all labels", "no value", "last digit"],
)
def test_any_other_truth_or_content_is_another_fingerprint(changes):
    assert dataset(samples(**changes)).fingerprint != dataset().fingerprint


def test_truths_that_change_places_are_another_fingerprint():
    exchanged = samples(kind=[None, "dog", "cat", "dog"])
    assert dataset(exchanged).fingerprint != dataset().fingerprint


def test_another_split_is_another_fingerprint():
    assert dataset(train=2).fingerprint != dataset(train=3).fingerprint


def test_the_names_of_the_splits_matter_to_the_fingerprint():
    one = dataset()
    turned = dict(zip(("validation", "train"), one.splits.values(), strict=True))
    assert replace(one, splits=turned).fingerprint != one.fingerprint


def test_a_row_more_of_the_same_is_another_fingerprint():
    one = dataset()
    doubled = {**one.splits, "train": one.train.select([0, 0, 1, 2])}
    assert replace(one, splits=doubled).fingerprint != one.fingerprint


def test_the_name_of_a_file_stands_for_a_content_that_nobody_hashed():
    unhashed = [""] * 4
    one = dataset(samples(digests=unhashed))
    other = dataset(samples(digests=unhashed, files=["a.png", "b.png", "c.png", "e.png"]))
    assert one.fingerprint != other.fingerprint
