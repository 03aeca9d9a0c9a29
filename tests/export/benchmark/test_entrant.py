import math

import pytest
import torch

from export.benchmark.contenders import EAGER
from export.benchmark.entrant import MOST_CALLS, Entrant
from export.benchmark.settings import BenchmarkSettings
from tests.export.benchmark.fakes import FakeClock, FakeProgram, ready
from zoo.errors import DeviceError
from zoo.targets import ClassTarget

KIND = ClassTarget(name="kind", classes=("a", "b"))


@pytest.fixture
def clock():
    return FakeClock()


def prepared(clock, seconds, open_s=0.0, **settings):
    entrant = Entrant(contender=EAGER, clock=clock)

    def open_it():
        clock.now += open_s
        return FakeProgram(clock, seconds)

    entrant.prepare(open_it, BenchmarkSettings(**settings))
    return entrant


def test_opening_and_the_first_call_are_reported_apart(clock):
    entrant = prepared(clock, lambda n: 30.0 if n == 1 else 0.1, open_s=2.0, warm_up_s=0.3)
    assert entrant.warm_up.open_s == pytest.approx(2.0)
    assert entrant.warm_up.first_s == pytest.approx(30.0)
    assert entrant.warm_up.calls == 1 + 3
    assert entrant.seconds == []


def test_a_slow_program_runs_twice_before_it_is_timed(clock):
    assert prepared(clock, lambda _: 100.0).warm_up.calls == 2


@pytest.mark.parametrize(("call_s", "calls"), [(1.0, 1), (0.5, 1), (0.1875, 3), (2**-10, 512)])
def test_calls_are_repeated_until_the_clock_has_enough_to_measure(clock, call_s, calls):
    assert prepared(clock, lambda _: call_s, turn_s=0.5).calls == calls


def test_a_clock_that_sees_nothing_ends_all_the_same(clock):
    assert prepared(clock, lambda _: 0.0).calls == MOST_CALLS


def test_calls_are_counted_by_the_settled_speed_and_not_by_the_first_call(clock):
    assert prepared(clock, lambda n: 60.0 if n == 1 else 0.125, turn_s=0.5).calls == 4


def test_who_cannot_be_opened_has_a_reason_and_no_figures(clock):
    entrant = Entrant(contender=EAGER, clock=clock)

    def refuse():
        raise DeviceError("no such provider", hint="another")

    entrant.prepare(refuse, BenchmarkSettings())
    row = entrant.to_row(1, entrant)
    assert not entrant.takes_part
    assert row.problem == "no such provider"
    assert row.warm_up is row.milliseconds is row.speedup is None


def test_figures_are_median_quartiles_and_images_a_second(clock):
    entrant = ready(clock, "a", lambda _: 0)
    entrant.seconds = [0.010, 0.050, 0.020, 0.030, 0.040]
    row = entrant.to_row(8, entrant)
    assert row.rounds_ms == pytest.approx((10, 50, 20, 30, 40))
    assert row.milliseconds.median == pytest.approx(30)
    assert (row.milliseconds.low, row.milliseconds.high) == pytest.approx((20, 40))
    assert row.images_per_second == pytest.approx(8 / 0.030)


def test_the_ratio_is_that_of_the_rounds_and_not_of_the_medians(clock):
    """A machine that slows down for a while slows both: within a round they keep their ratio."""
    ours, theirs = ready(clock, "ours", lambda _: 0), ready(clock, "theirs", lambda _: 0)
    theirs.seconds = [2.0, 20.0, 3.0]
    ours.seconds = [1.0, 10.0, 4.0]
    speedup = ours.to_row(1, theirs).speedup
    assert speedup.median == pytest.approx(2.0)
    medians = 3.0 / 4.0
    assert speedup.median != pytest.approx(medians)


def test_without_the_reference_there_is_a_time_and_no_ratio(clock):
    ours, theirs = ready(clock, "ours", lambda _: 0), ready(clock, "theirs", lambda _: 0)
    ours.seconds = [1.0]
    theirs.give_up("does not fit into memory")
    row = ours.to_row(2, theirs)
    assert row.images_per_second == 2.0
    assert row.speedup is None


def test_a_fast_wrong_contender_shows(clock):
    entrant = prepared(clock, lambda _: 1.0)
    entrant.compare_with({"kind": torch.tensor([[0.0, 3.0]])}, (KIND,))
    assert entrant.closeness.max_abs_difference == 3.0
    assert entrant.closeness.agreement == 0.0


def test_without_the_references_answers_nothing_is_compared(clock):
    entrant = prepared(clock, lambda _: 1.0)
    entrant.compare_with({}, (KIND,))
    assert entrant.closeness is None


def test_an_answer_that_is_no_number_is_told(clock):
    entrant = Entrant(contender=EAGER, clock=clock)
    program = FakeProgram(clock, lambda _: 1.0, answer=(math.nan, 0.0))
    entrant.prepare(lambda: program, BenchmarkSettings())
    entrant.compare_with({"kind": torch.tensor([[1.0, 0.0]])}, (KIND,))
    assert math.isnan(entrant.closeness.max_abs_difference)
