"""Claim: zoo delivers augmented images 3 times as fast as torchvision's transforms on files.

Usage: python benchmarks/loader.py DATA [--images N] [--rounds N]

Both deliver uint8 batches of 32 images at 224 px, from as many processes, each computing in one
thread: torch's DataLoader decodes JPEG and applies torchvision's v2 transforms to uint8 tensors;
zoo reads its pixel store, as from the second epoch on. Runs alternate; the ratio is the median
over the rounds. The clock starts at the first batch, when all processes are there.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
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
    files = sorted(arguments.data.rglob("*.jp*g"))[: arguments.images]
    steps = [[(1, at + i) for i in range(BATCH)] for at in range(0, len(files) - BATCH + 1, BATCH)]
    print("| augmentation | processes | torchvision, images/s | zoo, images/s | ratio |")
    print("|---|---|---|---|---|")
    with TemporaryDirectory() as place:
        cache = CacheSettings(folder=Path(place))
        source = open_pixels(files, SIDE, root=arguments.data, cache=cache)
        for name, (recipe, transform) in CASES.items():
            ours = TrainingImages(source, recipe, CONTRACT, 0, torch.device("cpu"))
            for workers in (0, 2):

                def theirs(transform: v2.Compose = transform, workers: int = workers) -> float:
                    return count_a_second(
                        DataLoader(
                            Files(files, transform), BATCH, num_workers=workers, drop_last=True
                        )
                    )

                def mine(ours: TrainingImages = ours, workers: int = workers) -> float:
                    loaded = zip(steps, ours.load(steps, workers=workers), strict=True)
                    return count_a_second(ours.gather(images, step) for step, images in loaded)

                _print_row(name, workers, theirs, mine, arguments.rounds)


def _print_row(
    name: str, workers: int, theirs: Callable[[], float], mine: Callable[[], float], rounds: int
) -> None:
    rates = [(theirs(), mine()) for _ in range(rounds)]
    slow, fast = (statistics.median(column) for column in zip(*rates, strict=True))
    ratio = statistics.median(mine / theirs for theirs, mine in rates)
    print(
        f"| {name} | {workers or 'this one'} | {slow:.0f} | {fast:.0f} | **{ratio:.1f}** |",
        flush=True,
    )


if __name__ == "__main__":
    main()
