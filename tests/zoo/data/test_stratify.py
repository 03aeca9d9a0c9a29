import numpy as np

from zoo.data.stratify import hold_out, make_plan


def plan(units, strata):
    """A row a pair."""
    return make_plan(np.array(units), np.arange(len(units)), np.array(strata))


def test_rows_are_counted_by_unit_and_stratum():
    found = make_plan(np.array([0, 0, 1]), np.array([0, 1, 2, 2]), np.array([1, 1, 0, 1]))
    assert found.units.tolist() == [0, 1, 1]
    assert found.strata.tolist() == [1, 0, 1]
    assert found.rows.tolist() == [2, 1, 1]
    assert found.num_units == 2


def test_a_unit_of_two_strata_counts_for_both():
    # Unit 0 alone brings one of each stratum; no more is wanted.
    held = hold_out(plan([0, 0, 1, 2, 3, 4], [0, 1, 0, 1, 0, 1]), 0.34, most=1.0)
    assert held.tolist() == [True, False, False, False, False]


def test_a_guarded_stratum_keeps_a_unit_and_an_unguarded_one_need_not():
    each_its_own = plan([0, 1, 2, 3], [0, 1, 2, 3])
    assert not hold_out(each_its_own, 0.25, most=1.0).any()
    assert hold_out(each_its_own, 0.25, most=0.25, guarded=False).sum() == 1


def test_no_more_than_most_is_held_out_for_the_sake_of_a_stratum():
    strata = np.repeat(np.arange(10), 2)
    pairs = plan(np.arange(20), strata)
    assert hold_out(pairs, 0.1, most=1.0).sum() == 10
    assert hold_out(pairs, 0.1, most=0.1).sum() == 2
