"""Rounds in which everybody takes one turn, so that whatever else the machine does hits all."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from export.benchmark.entrant import Entrant
from zoo.progress import Progress


def take_turns(
    entrants: Sequence[Entrant], batch_size: int, rounds: int, seed: int, listener: Progress
) -> None:
    """Time everybody once a round, in an order that is drawn anew for each.

    Nobody always follows the same other, whose caches, heat and clock rate it would inherit.

    Args:
        entrants: Those that take part are timed.
        batch_size: Images of a call.
        rounds: How many.
        seed: Of the orders.
        listener: Hears of each turn.
    """
    generator = torch.Generator().manual_seed(seed)
    images = {id(e): batch_size * e.calls for e in entrants if e.takes_part}
    listener.start(f"batch {batch_size}", rounds * sum(images.values()))
    with _without_collection():
        for number in range(1, rounds + 1):
            for at in torch.randperm(len(entrants), generator=generator).tolist():
                if entrants[at].takes_part:
                    entrants[at].take_turn()
                    listener.advance(images[id(entrants[at])], f"round {number} of {rounds}")
    listener.finish()


@contextmanager
def _without_collection() -> Iterator[None]:
    """Leave garbage where it is for a while: collecting it would fall into somebody's turn."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
