"""A contender at one batch size: made ready, warmed up, compared, and then timed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from export.benchmark.answers import Closeness, compare_answers
from export.benchmark.clock import Clock
from export.benchmark.contenders import Contender
from export.benchmark.failures import EXPECTED, say_why
from export.benchmark.programs import Program
from export.benchmark.result import Row, WarmUp, spread_of
from export.benchmark.settings import BenchmarkSettings
from zoo.evaluation import Outputs
from zoo.targets import Target

MOST_CALLS = 10_000
"""Calls that are timed at once, at most."""


@dataclass(slots=True, kw_only=True, eq=False)
class Entrant:
    """What is known so far of a contender; from its first problem on it takes no part."""

    contender: Contender
    clock: Clock
    program: Program | None = None
    problem: str = ""
    warm_up: WarmUp | None = None
    outputs: Outputs = field(default_factory=dict)
    """What it answered, by target."""
    closeness: Closeness | None = None
    placement: dict[str, int] | None = None
    calls: int = 1
    """In a row, in each round."""
    seconds: list[float] = field(default_factory=list)
    """Of a call, in each round."""

    @property
    def takes_part(self) -> bool:
        """Whether it is still to be timed."""
        return self.program is not None

    def prepare(self, open_it: Callable[[], Program], settings: BenchmarkSettings) -> None:
        """Open it, and run it until it is as fast as it gets."""
        opened: list[Program] = []
        try:
            open_s = self.clock.time(lambda: opened.append(open_it()), 1)
            (program,) = opened
            first_s = self.clock.time(program.run, 1)
            calls, call_s = self._warm_up(program, settings.warm_up_s)
            self.outputs, self.placement = program.answers(), program.placement()
        except EXPECTED as error:
            self.give_up(say_why(error))
            return
        self.program = program
        self.warm_up = WarmUp(open_s=open_s, first_s=first_s, calls=1 + calls)
        enough = math.ceil(settings.turn_s / call_s) if call_s > 0 else MOST_CALLS
        self.calls = min(max(enough, 1), MOST_CALLS)

    def _warm_up(self, program: Program, least_s: float) -> tuple[int, float]:
        """Run at least once more; count the calls, and find the fastest."""
        calls, total, fastest = 0, 0.0, math.inf
        while calls == 0 or (total < least_s and calls < MOST_CALLS):
            seconds = self.clock.time(program.run, 1)
            calls, total, fastest = calls + 1, total + seconds, min(fastest, seconds)
        return calls, fastest

    def compare_with(self, reference: Outputs, targets: tuple[Target, ...]) -> None:
        """Compare its answers with the reference's, where both have some."""
        if self.outputs and reference:
            self.closeness = compare_answers(targets, reference, self.outputs)

    def take_turn(self) -> None:
        """Time it once."""
        assert self.program is not None
        try:
            if self.calls > 1:
                # What it needs is in the caches when the clock starts, not its predecessor's.
                self.program.run()
            self.seconds.append(self.clock.time(self.program.run, self.calls) / self.calls)
        except EXPECTED as error:
            self.give_up(say_why(error))

    def give_up(self, problem: str) -> None:
        """Take no further part, and free what was held."""
        self.problem, self.program = problem, None

    def to_row(self, batch_size: int, reference: Entrant) -> Row:
        """Write down what was found.

        Args:
            batch_size: Images of a call.
            reference: Eager PyTorch, which took its turns in the same rounds.
        """
        row = Row(
            contender=self.contender.name,
            problem=self.problem,
            warm_up=self.warm_up,
            closeness=self.closeness,
            placement=self.placement,
        )
        if self.problem:
            return row
        middle = spread_of(self.seconds).median
        return replace(
            row,
            rounds_ms=tuple(1e3 * seconds for seconds in self.seconds),
            milliseconds=spread_of([1e3 * seconds for seconds in self.seconds]),
            images_per_second=batch_size / middle,
            speedup=None if reference.problem else spread_of(self._ratios(reference)),
            calls_per_round=self.calls,
        )

    def _ratios(self, reference: Entrant) -> list[float]:
        pairs = zip(reference.seconds, self.seconds, strict=True)
        return [theirs / ours for theirs, ours in pairs]
