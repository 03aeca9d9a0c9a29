"""A few photos of many kinds, a place for their pixels, and somebody who listens."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.data.pixels.keep import CacheSettings
from zoo.data.pixels.live import PixelSource
from zoo.errors import UnreadableImagesError

ORIENTATION = 0x0112


@dataclass
class Listener:
    """Remembers what it hears."""

    notes: list[str] = field(default_factory=list)
    totals: list[int] = field(default_factory=list)
    done: int = 0
    finished: int = 0

    def note(self, text: str) -> None:
        self.notes.append(text)

    def start(self, task: str, total: int) -> None:
        self.totals.append(total)

    def advance(self, count: int, figures: str = "") -> None:
        self.done += count

    def finish(self) -> None:
        self.finished += 1


def picture(number: int, size: tuple[int, int] = (60, 40)) -> Image.Image:
    """A smooth picture of (width, height); each number is another one."""
    rng = np.random.default_rng(number)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    return coarse.resize(size, Image.Resampling.BICUBIC)


def make_files(root: Path, count: int = 6) -> list[str]:
    """Fill a folder; the names are relative to it."""
    root.mkdir(exist_ok=True)
    names = []
    for number in range(count):
        name = f"{number:03d}.{('png', 'jpg')[number % 2]}"
        picture(number, (60 + number, 40)).save(root / name)
        names.append(name)
    return names


def read_all(source: PixelSource) -> PixelSource:
    """Read every image once, as an epoch does; a store keeps them then."""
    found = source.read_many(range(len(source)), threads=2)
    source.hear(found.trouble)
    if found.unreadable:
        raise UnreadableImagesError({source.path(at): why for at, why in found.unreadable.items()})
    return source


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "photos"


@pytest.fixture
def files(root: Path) -> list[str]:
    return make_files(root)


@pytest.fixture
def cache(tmp_path: Path) -> CacheSettings:
    return CacheSettings(folder=tmp_path / "cache")
