"""Programs that compute nothing, and a clock that only they move."""

from collections.abc import Callable

import torch

from export.benchmark.contenders import EAGER
from export.benchmark.entrant import Entrant
from zoo.progress import Silence


class FakeClock:
    """Stands still but for what programs take."""

    def __init__(self) -> None:
        self.now = 0.0

    def time(self, call: Callable[[], None], count: int) -> float:
        began = self.now
        for _ in range(count):
            call()
        return self.now - began


class FakeProgram:
    """Takes `seconds(n)` for its n-th call, and answers what it is told to."""

    def __init__(self, clock, seconds, answer=(1.0, 0.0), diary=None, name=""):
        self.clock, self.seconds, self.answer = clock, seconds, answer
        self.diary, self.name, self.calls = diary, name, 0

    def run(self):
        self.calls += 1
        if self.diary is not None:
            self.diary.append(self.name)
        self.clock.now += self.seconds(self.calls)

    def answers(self):
        return {"kind": torch.tensor([self.answer])}

    def placement(self):
        return None


class Listener(Silence):
    """Counts the images that it hears of."""

    def __init__(self):
        self.total = self.count = 0

    def start(self, task, total):
        self.total, self.count = total, 0

    def advance(self, count, figures=""):
        self.count += count


def ready(clock, name, seconds, *, calls=1, diary=None):
    """An entrant that is warmed up."""
    entrant = Entrant(contender=EAGER, clock=clock, calls=calls)
    entrant.program = FakeProgram(clock, seconds, diary=diary, name=name)
    return entrant
