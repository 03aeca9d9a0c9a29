import torch

from zoo.data.folder import open_dataset
from zoo.recipes import Augment
from zoo.training.batches import load_augmented, order_epoch


def test_an_epoch_visits_each_sample_at_most_once_in_full_batches():
    batches = order_epoch(10, 4, seed=0, epoch=3)
    assert [len(batch) for batch in batches] == [4, 4]
    places = [place for batch in batches for place in batch]
    assert len(set(places)) == 8
    assert {epoch for epoch, _ in places} == {3}


def test_epochs_differ_and_repeat():
    first, again = (order_epoch(50, 10, seed=0, epoch=0) for _ in range(2))
    other, reseeded = order_epoch(50, 10, seed=0, epoch=1), order_epoch(50, 10, seed=1, epoch=0)
    assert first == again
    assert [i for b in first for _, i in b] != [i for b in other for _, i in b]
    assert first != reseeded


def test_every_sample_is_seen_over_a_few_epochs():
    seen = {i for epoch in range(9) for b in order_epoch(10, 4, seed=0, epoch=epoch) for _, i in b}
    assert seen == set(range(10))


def test_fewer_samples_than_a_batch_are_one_batch():
    assert [len(batch) for batch in order_epoch(3, 32, seed=0, epoch=0)] == [3]


def test_the_number_of_workers_and_the_starting_point_change_no_pixel(photos, backbone):
    dataset = open_dataset(photos)
    batches = order_epoch(len(dataset.train), 4, seed=0, epoch=0)

    def load(chosen, workers):
        return list(
            load_augmented(
                dataset.train,
                Augment(),
                backbone.preprocess.at_size(32),
                batches=chosen,
                seed=0,
                workers=workers,
                pin_memory=False,
            )
        )

    whole, spread, tail = load(batches, 0), load(batches, 2), load(batches[2:], 0)
    torch.testing.assert_close(whole, spread, rtol=0, atol=0)
    torch.testing.assert_close(whole[2:], tail, rtol=0, atol=0)
    assert whole[0][0].dtype == torch.uint8
