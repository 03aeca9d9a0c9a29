import hashlib

import numpy as np
import pytest
import torch

from zoo.training.batches import balanced_chances, count_steps, order_epoch


def indices(steps):
    return [index for step in steps for _, index in step]


def test_an_epoch_visits_each_sample_at_most_once_in_full_steps():
    steps = order_epoch(10, 4, seed=0, epoch=3)
    assert [len(step) for step in steps] == [4, 4]
    assert len(set(indices(steps))) == 8
    assert {epoch for step in steps for epoch, _ in step} == {3}


def test_the_last_smaller_step_is_kept_where_it_is_to_be():
    steps = order_epoch(10, 4, seed=0, epoch=3, keep_last=True)
    assert [len(step) for step in steps] == [4, 4, 2]
    assert sorted(indices(steps)) == list(range(10))
    assert list(steps[:2]) == list(order_epoch(10, 4, seed=0, epoch=3))


def test_epochs_differ_and_repeat():
    first, again = (order_epoch(50, 10, seed=0, epoch=0) for _ in range(2))
    other, reseeded = order_epoch(50, 10, seed=0, epoch=1), order_epoch(50, 10, seed=1, epoch=0)
    assert list(first) == list(again)
    assert indices(first) != indices(other)
    assert list(first) != list(reseeded)


def test_an_order_is_the_same_in_every_version_of_zoo():
    """Runs of older versions are resumed in the order that they began in."""
    few = order_epoch(10, 4, seed=0, epoch=3, keep_last=True)
    assert [[index for _, index in step] for step in few] == [[9, 5, 4, 3], [8, 0, 2, 6], [7, 1]]
    weighted = order_epoch(
        7, 3, seed=5, epoch=1, chances=torch.arange(1, 8).double(), keep_last=True
    )
    assert indices(weighted) == [6, 6, 5, 5, 5, 6, 6]
    many = str(indices(order_epoch(100_000, 32, seed=11, epoch=2))).encode()
    assert hashlib.sha256(many).hexdigest().startswith("febec1d59bf2115b2cd1a20f6ac7b522")


def test_a_sample_takes_four_bytes_of_an_order():
    steps = order_epoch(1000, 8, seed=0, epoch=0)
    assert steps.order.nbytes == 4 * steps.num_samples == 4000


@pytest.mark.parametrize("part", [slice(1, 3), slice(2, None), slice(3, 3), slice(-1, 9)])
def test_a_part_of_an_order_has_the_steps_of_the_whole(part):
    steps = order_epoch(10, 4, seed=0, epoch=3, keep_last=True)
    assert list(steps[part]) == list(steps)[part]
    assert len(steps[part]) == len(list(steps)[part])
    assert steps[part].num_samples == sum(map(len, list(steps)[part]))


def test_steps_can_be_neither_left_out_nor_invented():
    steps = order_epoch(10, 4, seed=0, epoch=3)
    with pytest.raises(IndexError):
        steps[2]
    with pytest.raises(ValueError, match="left out"):
        steps[::2]


def test_every_sample_is_seen_over_a_few_epochs():
    seen = {i for epoch in range(9) for i in indices(order_epoch(10, 4, seed=0, epoch=epoch))}
    assert seen == set(range(10))


def test_fewer_samples_than_a_step_are_one_step():
    assert [len(step) for step in order_epoch(3, 32, seed=0, epoch=0)] == [3]


@pytest.mark.parametrize("keep_last", [False, True])
@pytest.mark.parametrize("num_samples", [1, 3, 8, 9, 15, 16])
def test_steps_are_counted_as_they_come(num_samples, keep_last):
    steps = order_epoch(num_samples, 4, seed=0, epoch=0, keep_last=keep_last)
    assert count_steps(num_samples, 4, keep_last=keep_last) == len(steps)


def test_balanced_chances_draw_every_class_equally_often():
    """One class has 90 %; 4,000 draws of a third have a standard deviation of 30."""
    truth = np.array([0] * 90 + [1] * 8 + [2] * 2)
    chances = balanced_chances(truth, 3)
    epochs = [order_epoch(100, 10, seed=0, epoch=epoch, chances=chances) for epoch in range(40)]
    drawn = [index for steps in epochs for index in indices(steps)]
    counts = np.bincount(truth[drawn], minlength=3)
    assert counts.sum() == 4000
    assert np.abs(counts - 4000 / 3).max() < 5 * 30


def test_samples_without_a_class_are_drawn_as_often_as_the_mean():
    chances = balanced_chances(np.array([0, 0, 0, 1, -1, -1]), 3)
    torch.testing.assert_close(chances[4:], torch.ones(2).double(), rtol=0, atol=1e-12)
    assert chances[:4].mean().item() == pytest.approx(1)
    assert chances[:3].sum().item() == pytest.approx(chances[3].item())
