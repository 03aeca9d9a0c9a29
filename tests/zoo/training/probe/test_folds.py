import torch

from zoo.training.probe.folds import deal, strata_of_labels, strata_of_values


def test_every_sample_is_held_out_once_and_never_trained_on_meanwhile():
    parts = list(deal(torch.arange(23), torch.arange(23) % 3, 5, 0))
    assert sorted(torch.cat([test for _, test in parts]).tolist()) == list(range(23))
    for train, test in parts:
        assert sorted(torch.cat([train, test]).tolist()) == list(range(23))


def test_every_stratum_is_dealt_out_evenly():
    strata = torch.tensor([0] * 50 + [1] * 10 + [2] * 7)
    for _, test in deal(torch.arange(67), strata, 5, 0):
        assert strata[test].bincount(minlength=3)[:2].tolist() == [10, 2]
        assert 1 <= (strata[test] == 2).sum() <= 2


def test_more_folds_than_samples_hold_out_one_at_a_time():
    parts = list(deal(torch.arange(3), torch.zeros(3, dtype=torch.long), 5, 0))
    assert [len(test) for _, test in parts] == [1, 1, 1]


def test_one_sample_cannot_be_held_out():
    assert list(deal(torch.arange(1), torch.zeros(1, dtype=torch.long), 5, 0)) == []


def test_a_sample_belongs_to_its_rarest_answer():
    """Label 0 has one 1, label 1 two 0s, label 2 three 1s; a missing answer is none."""
    truth = torch.tensor(
        [
            [1, 0, 1],
            [0, 0, 1],
            [0, 1, 1],
            [0, 1, 0],
            [0, 1, 0],
            [0, 1, 0],
            [-1, -1, -1],
            [-1, 1, 0],
        ]
    )
    assert strata_of_labels(truth).tolist() == [0, 1, 2, 3, 3, 3, 3, 3]


def test_a_rare_label_is_in_every_fold():
    generator = torch.Generator().manual_seed(0)
    truth = (torch.rand(200, 6, generator=generator) < 0.3).long()
    truth[:, 2] = 0
    truth[torch.randperm(200, generator=generator)[:5], 2] = 1
    for _, test in deal(torch.arange(200), strata_of_labels(truth), 5, 0):
        assert truth[test, 2].sum() == 1


def test_every_fold_has_the_whole_range_of_values():
    truth = torch.randn(100, 1, generator=torch.Generator().manual_seed(0))
    quarter = truth.squeeze(1).argsort().argsort() // 25
    for _, test in deal(torch.arange(100), strata_of_values(truth, 5), 5, 0):
        assert quarter[test].bincount().tolist() == [5, 5, 5, 5]


def test_a_unit_is_never_on_both_sides():
    generator = torch.Generator().manual_seed(0)
    units = torch.randint(40, (200,), generator=generator)
    strata = torch.randint(3, (200,), generator=generator)
    parts = list(deal(torch.arange(200), strata, 5, 0, units))
    assert sorted(torch.cat([test for _, test in parts]).tolist()) == list(range(200))
    for train, test in parts:
        assert not torch.isin(units[train], units[test]).any()


def test_units_are_dealt_stratum_by_stratum():
    """Forty units of five samples each, of one stratum each: as even as single samples."""
    strata = torch.arange(200) // 5 % 4
    for _, test in deal(torch.arange(200), strata, 5, 0, torch.arange(200) // 5):
        assert strata[test].bincount().tolist() == [10, 10, 10, 10]


def test_units_of_one_sample_are_dealt_as_if_there_were_none():
    strata, rows = torch.arange(23) % 3, torch.arange(0, 46, 2)
    alone = deal(rows, strata, 5, 0, torch.arange(46).flip(0))
    for (train, test), (other_train, other_test) in zip(
        alone, deal(rows, strata, 5, 0), strict=True
    ):
        assert torch.equal(train, other_train)
        assert torch.equal(test, other_test)


def test_one_unit_alone_cannot_be_held_out():
    assert list(deal(torch.arange(9), torch.arange(9) % 2, 5, 0, torch.zeros(9).long())) == []
