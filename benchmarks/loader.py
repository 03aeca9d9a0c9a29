"""Claim: zoo delivers augmented images 3 times as fast as torchvision's transforms on files.

Usage: python benchmarks/loader.py DATA [--images N] [--rounds N]

Both deliver uint8 batches of 32 images at 224 px, from as many processes, each computing in one
thread: torch's DataLoader decodes JPEG and applies torchvision's v2 transforms to uint8 tensors;
zoo decodes into its pixel store in the first epoch, from a new store in every round, and reads
there in the second. Runs alternate; the ratio, of the second epoch, is the median over the
rounds. The clock starts at the first batch, when all processes are there.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from zoo.data.pixels import CacheSettings, open_pixels
from zoo.inputs.contract import Preprocess
from zoo.recipes import Augment
from zoo.training.images import TrainingImages

SIZE, BATCH = 224, 32
CONTRACT = Preprocess(
    size=SIZE,
    resize=256,
    interpolation="bilinear",
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)
SIDE = round(1.25 * CONTRACT.resize)
"""Short side of stored pixels, as a run has it."""
CROP = v2.RandomResizedCrop(SIZE, scale=(0.35, 1.0), antialias=True)
BILINEAR = v2.InterpolationMode.BILINEAR
CASES: dict[str, tuple[Augment, v2.Compose]] = {
    "crop, flip": (Augment(), v2.Compose([v2.ToImage(), CROP, v2.RandomHorizontalFlip()])),
    "crop, rotation, flip, colour, erasing": (
        Augment(rotation=15, brightness=0.2, contrast=0.2, saturation=0.2, hue=0.05, erase=0.25),
        v2.Compose(
            [
                v2.ToImage(),
                CROP,
                v2.RandomRotation(15, BILINEAR),
                v2.RandomHorizontalFlip(),
                v2.ColorJitter(0.2, 0.2, 0.2, 0.05),
                v2.RandomErasing(0.25),
            ]
        ),
    ),
}


class Files(Dataset[Tensor]):
    """JPEG files through torchvision."""

    def __init__(self, files: Sequence[Path], transform: v2.Compose) -> None:
        self.files, self.transform = files, transform

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Tensor:
        with Image.open(self.files[index]) as image:
            return self.transform(image.convert("RGB"))


def count_a_second(batches: Iterable[Tensor]) -> float:
    """Images a second from the second batch to the last."""
    batches = iter(batches)
    next(batches)
    began = time.perf_counter()
    count = sum(len(batch) for batch in batches)
    return count / (time.perf_counter() - began)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = arguments.data.resolve()
    files = sorted(data.rglob("*.jp*g"))[: arguments.images]
    print("| augmentation | processes | torchvision, images/s | zoo, 1st epoch | 2nd | ratio |")
    print("|---|---|---|---|---|---|")
    for name, (recipe, transform) in CASES.items():
        for workers in (0, 2):

            def theirs(transform: v2.Compose = transform, workers: int = workers) -> float:
                loader = DataLoader(
                    Files(files, transform), BATCH, num_workers=workers, drop_last=True
                )
                return count_a_second(loader)

            def mine(recipe: Augment = recipe, workers: int = workers) -> list[float]:
                with TemporaryDirectory() as place:
                    cache = CacheSettings(folder=Path(place))
                    source = open_pixels(files, SIDE, root=data, cache=cache)
                    ours = TrainingImages(source, recipe, CONTRACT, 0, torch.device("cpu"))
                    with closing(ours):
                        return [
                            count_a_second(_deliver(ours, epoch, len(files), workers))
                            for epoch in range(2)
                        ]

            _print_row(name, workers, theirs, mine, arguments.rounds)


def _deliver(ours: TrainingImages, epoch: int, count: int, workers: int) -> Iterator[Tensor]:
    starts = range(0, count - BATCH + 1, BATCH)
    steps = [[(epoch, at + i) for i in range(BATCH)] for at in starts]
    for step, images in zip(steps, ours.load(steps, workers=workers), strict=True):
        yield ours.gather(images, step)


def _print_row(
    name: str,
    workers: int,
    theirs: Callable[[], float],
    mine: Callable[[], list[float]],
    rounds: int,
) -> None:
    rates = [(theirs(), *mine()) for _ in range(rounds)]
    slow, first, second = (statistics.median(column) for column in zip(*rates, strict=True))
    ratio = statistics.median(later / theirs for theirs, _, later in rates)
    print(
        f"| {name} | {workers or 'this one'} | {slow:.0f} | {first:.0f} | {second:.0f} | "
        f"**{ratio:.1f}** |",
        flush=True,
    )


if __name__ == "__main__":
    main()
