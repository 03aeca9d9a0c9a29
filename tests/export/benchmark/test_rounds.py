import gc
from itertools import pairwise

import pytest

from export.benchmark.rounds import take_turns
from tests.export.benchmark.fakes import FakeClock, Listener, ready

NAMES = ("a", "b", "c", "d")


@pytest.fixture
def clock():
    return FakeClock()


def held(clock, rounds, seed=0):
    """The order in which four contenders take their turns, round by round."""
    diary = []
    entrants = [ready(clock, name, lambda _: 1.0, diary=diary) for name in NAMES]
    take_turns(entrants, 1, rounds, seed, Listener())
    return [diary[at : at + len(NAMES)] for at in range(0, len(diary), len(NAMES))]


def test_everybody_takes_one_turn_in_every_round(clock):
    rounds = held(clock, 20)
    assert len(rounds) == 20
    assert all(sorted(order) == list(NAMES) for order in rounds)


def test_nobody_always_follows_the_same_other(clock):
    rounds = held(clock, 20)
    before = {(follower, first) for order in rounds for first, follower in pairwise(order)}
    assert all(len({first for who, first in before if who == name}) == 3 for name in NAMES)


def test_the_orders_follow_from_the_seed(clock):
    assert held(clock, 5, seed=1) == held(clock, 5, seed=1) != held(clock, 5, seed=2)


def test_short_calls_are_repeated_after_one_that_is_not_counted(clock):
    """Its first call in each turn takes ten times as long, as with strange caches."""
    entrant = ready(clock, "a", lambda n: 10.0 if n % 5 == 1 else 1.0, calls=4)
    take_turns([entrant], 1, 3, 0, Listener())
    assert entrant.seconds == [1.0, 1.0, 1.0]
    assert entrant.program.calls == 3 * 5


def test_a_long_call_is_not_made_twice(clock):
    entrant = ready(clock, "a", lambda _: 60.0, calls=1)
    take_turns([entrant], 1, 2, 0, Listener())
    assert entrant.program.calls == 2


def test_who_fails_in_a_round_takes_no_further_part_and_the_others_go_on(clock):
    def fail_at_the_third(call):
        if call == 3:
            raise MemoryError
        return 1.0

    good, bad = ready(clock, "good", lambda _: 1.0), ready(clock, "bad", fail_at_the_third)
    take_turns([good, bad], 1, 5, 0, Listener())
    assert len(good.seconds) == 5
    assert (bad.problem, bad.program) == ("does not fit into memory", None)
    assert bad.to_row(1, good).milliseconds is None


def test_the_listener_hears_of_every_image(clock):
    listener = Listener()
    entrants = [ready(clock, "a", lambda _: 1.0, calls=3), ready(clock, "b", lambda _: 1.0)]
    take_turns(entrants, 8, 2, 0, listener)
    assert listener.count == listener.total == 2 * (3 + 1) * 8


def test_no_garbage_is_collected_in_anybodys_turn(clock):
    found = []
    take_turns(
        [ready(clock, "a", lambda _: found.append(gc.isenabled()) or 1.0)], 1, 1, 0, Listener()
    )
    assert found == [False]
    assert gc.isenabled()
