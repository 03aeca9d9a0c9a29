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
    assert steps[:2] == order_epoch(10, 4, seed=0, epoch=3)


def test_epochs_differ_and_repeat():
    first, again = (order_epoch(50, 10, seed=0, epoch=0) for _ in range(2))
    other, reseeded = order_epoch(50, 10, seed=0, epoch=1), order_epoch(50, 10, seed=1, epoch=0)
    assert first == again
    assert indices(first) != indices(other)
    assert first != reseeded


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
