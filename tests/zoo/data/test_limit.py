from pathlib import Path

import numpy as np
import pytest

from zoo.data.dataset import Dataset, Samples, Text, make_samples
from zoo.data.limit import limit_train
from zoo.targets import ClassTarget, LabelsTarget, ValueTarget

KIND = ClassTarget(name="kind", classes=("a", "b", "c"))


def data(target, truth, groups=None) -> Dataset:
    files = [f"{at}.png" for at in range(len(truth))]
    samples = make_samples(Path("/d"), files, {target.name: np.asarray(truth)})
    if groups is not None:
        samples = Samples(
            root=samples.root,
            files=samples.files,
            digests=samples.digests,
            truths=samples.truths,
            groups=np.array(groups, dtype=Text),
        )
    splits = {"train": samples, "validation": samples.select([0])}
    return Dataset(root=Path("/d"), targets=(target,), splits=splits)


def kept(dataset, count, seed=0):
    return limit_train(dataset, count, seed).train


def test_fewer_samples_are_chosen_by_the_seed_and_keep_their_truths():
    truth = np.arange(60) % 3
    first, again, other = (kept(data(KIND, truth), 7, seed) for seed in (1, 1, 2))
    assert first.files.tolist() == again.files.tolist() != other.files.tolist()
    numbers = [int(str(file).removesuffix(".png")) for file in first.files]
    assert first.truths["kind"].tolist() == truth[numbers].tolist()
    assert numbers == sorted(numbers)
    assert len(first) == 7


def test_a_limit_beyond_what_there_is_changes_nothing():
    dataset = data(KIND, [0, 1, 2])
    assert limit_train(dataset, 3, 0) is dataset
    assert limit_train(dataset, None, 0) is dataset


def test_what_is_left_out_is_said_and_other_splits_stay():
    dataset = data(KIND, np.arange(60) % 3)
    limited = limit_train(dataset, 9, 0)
    assert limited.notes == ("training on 9 of 60 samples",)
    assert limited.validation is dataset.validation


@pytest.mark.parametrize("seed", range(5))
def test_classes_keep_their_shares(seed):
    truth = np.repeat([0, 1, 2], [600, 300, 100])
    counts = np.bincount(kept(data(KIND, truth), 100, seed).truths["kind"])
    # A class begins with its first sample, so that shares are rounded up.
    assert np.abs(counts - [60, 30, 10]).max() <= 1


@pytest.mark.parametrize("seed", range(5))
def test_every_class_keeps_a_sample_while_there_is_room(seed):
    truth = np.repeat([0, 1, 2], [500, 499, 1])
    assert set(kept(data(KIND, truth), 3, seed).truths["kind"]) == {0, 1, 2}


def test_a_rare_label_keeps_a_sample():
    marks = np.zeros((300, 3), dtype=np.int8)
    marks[:, 0], marks[::3, 1], marks[17, 2] = 1, 1, 1
    target = LabelsTarget(name="tags", classes=("a", "b", "c"))
    found = kept(data(target, marks), 30).truths["tags"]
    assert found.sum(axis=0)[2] == 1
    assert 9 <= found.sum(axis=0)[1] <= 12


def test_values_keep_their_whole_range():
    target = ValueTarget(name="size", columns=("size",), mean=(0.0,), std=(1.0,))
    values = np.random.default_rng(0).permutation(np.linspace(0, 1, 1000))[:, None]
    found = np.sort(kept(data(target, values), 50).truths["size"][:, 0])
    # Five of each tenth.
    assert np.histogram(found, bins=10, range=(0, 1))[0].tolist() == [5] * 10


def test_groups_stay_whole_but_for_the_last():
    truth, groups = np.repeat(np.arange(30) % 3, 4), np.repeat(np.arange(30), 4)
    dataset = data(KIND, truth, [f"g{name}" for name in groups])
    found = kept(dataset, 26)
    sizes = np.unique(found.groups, return_counts=True)[1]
    assert sorted(sizes.tolist()) == [2, 4, 4, 4, 4, 4, 4]
    assert np.bincount(found.truths["kind"]).min() >= 6


def test_rows_of_one_image_stay_together():
    dataset = data(KIND, np.arange(40) // 2 % 3)
    train = dataset.train
    train.files[1::2] = train.files[::2]
    assert np.unique(kept(dataset, 20).files, return_counts=True)[1].tolist() == [2] * 10


def test_a_larger_limit_keeps_what_a_smaller_one_does():
    dataset = data(KIND, np.random.default_rng(0).integers(3, size=200))
    few, more = (set(kept(dataset, count).files.tolist()) for count in (20, 50))
    assert few < more


def test_classes_and_labels_that_are_left_out_are_named():
    assert (
        limit_train(data(KIND, [0, 1, 2, 2]), 1, 0)
        .notes[1]
        .startswith("2 classes of 'kind' that training never sees: ")
    )
    tags = LabelsTarget(name="tags", classes=("x", "y", "z"))
    marks = np.array([[1, 0, 0], [0, 1, 0]], dtype=np.int8)
    (found,) = limit_train(data(tags, marks), 1, 0).notes[1:]
    assert found.startswith("1 label of 'tags' that training never sees: ")
