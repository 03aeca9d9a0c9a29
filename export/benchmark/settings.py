"""What a benchmark is to measure, and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

from export.session import Runtime
from zoo.errors import BenchmarkError

BATCH_SIZES = (1, 8, 32, 128)


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkSettings:
    """What to measure; what is not set is as the command line has it."""

    batch_sizes: tuple[int, ...] = BATCH_SIZES
    """Images that a network is given at once."""
    rounds: int = 10
    """How often each contender is measured at each batch size."""
    turn_s: float = 0.05
    """Least time that is measured at once, seconds: shorter calls are repeated until then."""
    warm_up_s: float = 0.3
    """How long each contender runs after its first call before it is measured, seconds."""
    threads: int | None = None
    """CPU threads within an operator, of both runtimes; as many as torch has by itself."""
    compile: bool = True
    """Whether `torch.compile` takes part."""
    runtimes: tuple[Runtime, ...] = get_args(Runtime)
    """What takes part; PyTorch's eager mode always does, since all others are compared with it."""
    tf32: bool = False
    """Round the factors of float32 products to TF32 on a GPU, in both runtimes."""
    seed: int = 0
    """Of the images, and of the order in which contenders take turns."""

    def __post_init__(self) -> None:
        if mistakes := list(self._mistakes()):
            raise BenchmarkError(
                "; ".join(mistakes), hint="`zoo benchmark --help` lists all options"
            )

    def _mistakes(self) -> Iterator[str]:
        if not self.batch_sizes:
            yield "no batch size is given"
        for size in sorted({size for size in self.batch_sizes if size < 1}):
            yield f"a batch of {size} images is none"
        if len(set(self.batch_sizes)) < len(self.batch_sizes):
            yield f"a batch size is given twice: {', '.join(map(str, self.batch_sizes))}"
        if self.rounds < 1:
            yield f"{self.rounds} rounds measure nothing"
        if self.threads is not None and self.threads < 1:
            yield f"{self.threads} threads compute nothing"
        if not 0 <= self.turn_s < float("inf") or not 0 <= self.warm_up_s < float("inf"):
            yield "turns and warm-up last zero seconds or more"
        known = get_args(Runtime)
        if unknown := [name for name in self.runtimes if name not in known]:
            yield f"no runtime is called {unknown[0]!r}; there are {' and '.join(known)}"
