from pathlib import Path

import numpy as np
import pytest

from zoo.data.dataset import Samples, make_samples
from zoo.data.split import split_samples
from zoo.errors import DataError
from zoo.targets import ClassTarget, LabelsTarget, ValueTarget


def images(contents, truths=None) -> Samples:
    """One sample a letter or word; equal ones are identical files."""
    files = [f"{at}.png" for at in range(len(contents))]
    truth = np.zeros(len(files), dtype=np.int64) if truths is None else np.asarray(truths)
    return make_samples(Path("/d"), files, {"t": truth}, [f"{word:>064}" for word in contents])


def classes(count: int) -> ClassTarget:
    return ClassTarget(name="t", classes=tuple(f"class {at}" for at in range(max(count, 2))))


def numbers(count: int) -> list[str]:
    """Contents that differ."""
    return [str(number) for number in range(count)]


def share(held_out: Samples, everything: Samples, truth: object) -> float:
    return float((held_out.truths["t"] == truth).sum() / (everything.truths["t"] == truth).sum())


@pytest.mark.parametrize("seed", range(10))
def test_identical_files_stay_on_one_side(seed):
    kept, held_out = split_samples(images("aabbccddee"), [classes(1)], 0.4, seed)
    assert not set(kept.digests) & set(held_out.digests)
    assert len(kept) + len(held_out) == 10
    assert len(held_out) == 4


def test_without_digests_rows_of_one_file_stay_on_one_side():
    files = [f"{at // 3}.png" for at in range(30)]
    samples = make_samples(Path("/d"), files, {"t": np.zeros(30, dtype=np.int64)})
    kept, held_out = split_samples(samples, [classes(1)], 0.3, 0)
    assert not set(kept.files) & set(held_out.files)
    assert len(held_out) == 9


def test_each_class_gives_its_part():
    everything = images(numbers(155), [0] * 100 + [1] * 50 + [2] * 5)
    _, held_out = split_samples(everything, [classes(3)], 0.2, 0)
    assert np.bincount(held_out.truths["t"]).tolist() == [20, 10, 1]


@pytest.mark.parametrize("part", [0.01, 0.99])
def test_every_class_is_on_both_sides(part):
    everything = images("abcdefghij", [0] * 2 + [1] * 8)
    for side in split_samples(everything, [classes(2)], part, 0):
        assert set(side.truths["t"]) == {0, 1}


def test_both_sides_keep_the_order_of_the_rows():
    for side in split_samples(images(numbers(50)), [classes(1)], 0.5, 0):
        assert [int(name.removesuffix(".png")) for name in side.files] == sorted(
            int(name.removesuffix(".png")) for name in side.files
        )


def test_renaming_and_reordering_files_changes_nothing():
    labels = np.arange(60) % 3
    first = images(numbers(60), labels)
    backwards = images(numbers(60)[::-1], labels[::-1])
    held_out = [split_samples(s, [classes(3)], 0.25, 7)[1] for s in (first, backwards)]
    assert set(held_out[0].digests) == set(held_out[1].digests)


def test_another_seed_is_another_split():
    everything = images(numbers(40))
    held_out = [set(split_samples(everything, [classes(1)], 0.5, s)[1].files) for s in (0, 1)]
    assert held_out[0] != held_out[1]


def test_two_copies_of_one_image_cannot_be_split():
    with pytest.raises(DataError, match="validation: class 0\n"):
        split_samples(images("aa"), [classes(1)], 0.5, 0)


def test_all_classes_that_are_too_small_are_named():
    with pytest.raises(DataError, match="validation: class 1, class 2") as caught:
        split_samples(images("abcdd", [0, 0, 1, 2, 2]), [classes(3)], 0.5, 0)
    assert "--val" in caught.value.hint


def test_rows_whose_class_is_unknown_are_split_as_well():
    everything = images(numbers(100), [-1] * 40 + [0] * 60)
    _, held_out = split_samples(everything, [classes(1)], 0.25, 0)
    assert share(held_out, everything, -1) == 0.25
    assert share(held_out, everything, 0) == 0.25


def test_the_first_of_several_targets_decides():
    shop = np.repeat([0, 1], [90, 10])
    samples = make_samples(
        Path("/d"), numbers(100), {"shop": shop, "price": np.arange(100.0)[:, None]}
    )
    targets = [
        ClassTarget(name="shop", classes=("a", "b")),
        ValueTarget(name="price", columns=("price",), mean=(0.0,), std=(1.0,)),
    ]
    _, held_out = split_samples(samples, targets, 0.2, 0)
    assert np.bincount(held_out.truths["shop"]).tolist() == [18, 2]


def test_a_rare_label_is_split_in_proportion_and_a_single_one_stays_in_training():
    rng = np.random.default_rng(0)
    truth = (rng.random((1000, 4)) < [0.5, 0.3, 0.02, 0]).astype(np.int8)
    truth[17, 3] = 1
    truth[:20, 0] = -1
    target = LabelsTarget(name="t", classes=("a", "b", "c", "d"))
    kept, held_out = split_samples(images(numbers(1000), truth), [target], 0.2, 0)
    parts = (held_out.truths["t"] == 1).sum(0) / (truth == 1).sum(0)
    # A row serves all its labels at once, so that the commoner ones are hit only nearly.
    np.testing.assert_allclose(parts[:2], 0.2, atol=0.02)
    np.testing.assert_allclose(parts[2], 0.2, atol=0.03)
    assert (kept.truths["t"][:, 3] == 1).sum() == 1


def test_each_tenth_of_the_values_gives_its_part():
    values = np.random.default_rng(0).lognormal(size=(1000, 1))
    target = ValueTarget(name="t", columns=("t",), mean=(0.0,), std=(1.0,))
    _, held_out = split_samples(images(numbers(1000), values), [target], 0.2, 0)
    edges = np.quantile(values, np.linspace(0, 1, 11))
    assert np.histogram(held_out.truths["t"], edges)[0].tolist() == [20] * 10


def test_few_values_and_missing_ones_are_split():
    values = np.array([[1.0], [2.0], [3.0], [np.nan], [np.nan]])
    target = ValueTarget(name="t", columns=("t",), mean=(0.0,), std=(1.0,))
    kept, held_out = split_samples(images("abcde", values), [target], 0.2, 0)
    assert np.isnan(held_out.truths["t"]).sum() == 1
    assert len(kept) == 3


@pytest.mark.parametrize("seed", range(5))
def test_a_group_is_never_cut_and_classes_keep_their_proportion(seed):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 100, 2000)
    labels = rng.choice(3, 2000, p=[0.7, 0.25, 0.05])
    everything = images(numbers(2000), labels)
    held_out = split_samples(everything, [classes(3)], 0.2, seed, groups)[1]
    rows = [int(name.removesuffix(".png")) for name in held_out.files]
    inside = np.isin(np.arange(2000), rows)
    for group in range(100):
        assert len(set(inside[groups == group])) == 1
    for label in range(3):
        # A group holds about 20 rows, 1 % of all; a few of them decide for three classes.
        assert abs(share(held_out, everything, label) - 0.2) < 0.05


def test_a_class_of_one_group_stays_in_training():
    labels = np.array([0, 0, 0, 0, 1, 1])
    groups = np.array(["a", "b", "c", "d", "e", "e"])
    for seed in range(10):
        kept, held_out = split_samples(images("uvwxyz", labels), [classes(2)], 0.5, seed, groups)
        assert (kept.truths["t"] == 1).sum() == 2
        assert len(held_out) == 2


def test_a_group_that_is_larger_than_the_part_is_not_held_out_if_a_smaller_one_is_there():
    groups = np.array(["big"] * 60 + ["small"] * 40)
    _, held_out = split_samples(images(numbers(100)), [classes(1)], 0.1, 0, groups)
    assert len(held_out) == 40


def test_groups_that_share_an_image_are_one():
    groups = np.array(["a", "a", "b", "b", "c", "c"])
    for seed in range(5):
        kept, held_out = split_samples(images("uvvwxy"), [classes(1)], 0.5, seed, groups)
        assert sorted([len(kept), len(held_out)]) == [2, 4]


def test_an_empty_group_name_is_no_group():
    groups = np.array([""] * 20)
    assert len(split_samples(images(numbers(20)), [classes(1)], 0.2, 0, groups)[1]) == 4


def test_few_large_groups_of_values_hold_out_one_group_alone():
    target = ValueTarget(name="t", columns=("t",), mean=(0.0,), std=(1.0,))
    groups = np.repeat(["a", "b", "c", "d", "e"], 20)
    samples = images(numbers(100), np.arange(100.0)[:, None])
    assert len(split_samples(samples, [target], 0.2, 0, groups)[1]) == 20


def test_groups_of_one_class_each_cannot_be_split():
    labels = [0, 0, 1, 1]
    groups = np.array(["a", "a", "b", "b"])
    with pytest.raises(DataError, match="only one of some class"):
        split_samples(images("wxyz", labels), [classes(2)], 0.5, 0, groups)


def test_one_group_cannot_be_split():
    with pytest.raises(DataError, match="one group"):
        split_samples(images("abcd"), [classes(1)], 0.5, 0, np.array(["g"] * 4))


def test_one_image_cannot_be_split():
    target = ValueTarget(name="t", columns=("t",), mean=(0.0,), std=(1.0,))
    with pytest.raises(DataError, match="only one image"):
        split_samples(images("aa", [[1.0], [2.0]]), [target], 0.5, 0)
