"""Claim: on a GPU, zoo's loop trains at 0.95 of the speed of the same loop without images.

Usage: python benchmarks/gpu_training.py [DATA] [--steps N] [--batch-size N] [--rounds N] …

Both sides are one `Descent` of one network with random weights, in bfloat16 where the device has
it and compiled: the same steps, optimiser, loss and program. One side reads the pixel store in
worker processes and augments on the device; the other gets one fixed batch that lies there.
Epochs alternate between the sides, and the first steps of each, in which workers start and
programs are compiled, are not counted; the device is waited for at both ends of the clock. The
ratio is the median over the rounds.

Without DATA, photos are drawn from a seed: JPEG files of 500 x 375 pixels, enough for one epoch.
"""

import argparse
import io
import os
import platform
import statistics
import time
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from zoo import DataSettings, DescendPhase, Recipe, Settings, load_registry
from zoo.data.pixels import CacheSettings
from zoo.hardware import keep_freed_memory, resolve_device
from zoo.model import ModelConfig
from zoo.progress import Silence
from zoo.run import Run
from zoo.training.augment import Place
from zoo.training.carry_out import build_planned
from zoo.training.context import Training
from zoo.training.descent import Descent
from zoo.training.interruption import StopFlag
from zoo.training.plan import Plan
from zoo.training.prepare import prepare
from zoo.training.processes import join_processes
from zoo.versions import zoo_version

NETWORKS = ("resnet50", "convnext_tiny", "vit_b_16")
PHOTO = (500, 375)
"""Width and height of a drawn photo, pixels."""
DRAWN = 64
"""Photos that differ; files repeat them, which costs their readers as much as others would."""


class Clock(Silence):
    """Takes the time from the end of the warm-up to the end of the epoch."""

    def __init__(self, device: torch.device, warm_up: int) -> None:
        self.device, self.warm_up = device, warm_up
        self.steps, self.began, self.seconds = 0, 0.0, 0.0

    def start(self, _task: str, _total: int) -> None:
        """Begin an epoch."""
        self.steps = 0

    def advance(self, _count: int, _figures: str = "") -> None:
        """Count a step."""
        self.steps += 1
        if self.steps == self.warm_up:
            self.began = self._now()

    def finish(self) -> None:
        """End an epoch."""
        self.seconds = self._now() - self.began

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


class FixedBatch:
    """What `TrainingImages` does, without images: one batch that lies on the device."""

    def __init__(self, plan: Plan) -> None:
        size = plan.train_preprocess.size
        shape = (plan.recipe.batch_size, 3, size, size)
        generator = torch.Generator().manual_seed(0)
        pixels = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
        self.pixels = pixels.to(plan.device)

    def load(self, steps: Iterable[Sequence[Place]], *, workers: int) -> Iterable[Tensor]:  # noqa: ARG002
        """Give every step the same batch."""
        return (self.pixels for _ in steps)

    def gather(self, images: Tensor, places: Sequence[Place]) -> Tensor:
        """Give it as it is."""
        return images[: len(places)]


class Steps(Descent):
    """A phase of a run without what surrounds its steps: validation and checkpoints."""

    def measure(self, rounds: int) -> list[tuple[float, float]]:
        """Images per second without and with images, by round."""
        self._arrange(None)
        source, size = self.course.images.source, self.course.step_size
        for at in range(0, len(source), size):
            source.read_many(range(at, min(at + size, len(source))), threads=os.cpu_count() or 1)
        sides = (FixedBatch(self.plan), self.course.images)
        rates = [self._rate(epoch, sides[epoch % 2]) for epoch in range(2 * rounds)]
        return list(zip(rates[::2], rates[1::2], strict=True))

    def _rate(self, epoch: int, images: object) -> float:
        clock = self.training.progress
        self.course.images = images
        self._train(epoch)
        return (clock.steps - clock.warm_up) * self.course.step_size / clock.seconds

    @property
    def _is_time_to_save(self) -> bool:
        return False


@cache
def draw(number: int) -> bytes:
    """Draw one photo: soft shapes with the grain of a camera."""
    generator = np.random.default_rng([7, number])
    coarse = generator.integers(0, 256, (9, 12, 3), dtype=np.uint8)
    soft = Image.fromarray(coarse).resize(PHOTO, Image.Resampling.BICUBIC)
    grain = generator.normal(0, 12, (PHOTO[1], PHOTO[0], 3))
    noisy = Image.fromarray((np.asarray(soft) + grain).clip(0, 255).astype(np.uint8))
    content = io.BytesIO()
    noisy.filter(ImageFilter.GaussianBlur(0.7)).save(content, "JPEG", quality=90)
    return content.getvalue()


def write_photos(root: Path, count: int) -> Path:
    """Fill a folder with two classes of training photos, and a few to validate on."""
    for split, images in (("train", count), ("val", 4)):
        for at in range(images):
            folder = root / split / ("even", "odd")[at % 2]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{at:06d}.jpg").write_bytes(draw(at % DRAWN))
    return root


def plan_of(network: str, data: Path, cache: Path, arguments: argparse.Namespace) -> Plan:
    """Plan a run as `finetune` does; only the number of its steps is another."""
    phase = DescendPhase(
        train="all",
        epochs=2 * arguments.rounds,
        max_steps=2 * arguments.rounds * (arguments.warm_up + arguments.steps),
        lr=1e-4,
        weight_decay=0.05,
    )
    settings = Settings(
        recipe=Recipe(name="steps", summary="", phases=(phase,), batch_size=arguments.batch_size),
        img_size=arguments.img_size,
        data=DataSettings(allow_leaks=True),
        limit_train=arguments.batch_size * (arguments.warm_up + arguments.steps),
        precision=arguments.precision,
        workers=arguments.workers,
        compile=arguments.compile,
        cache=CacheSettings(folder=cache),
        pretrained=False,
    )
    device = resolve_device(arguments.device)
    return prepare(network, data, settings, load_registry(), None, Silence(), device)


def begin(plan: Plan, folder: Path, warm_up: int) -> Training:
    """Stand where a run stands before its first phase."""
    return Training(
        run=Run(folder),
        plan=plan,
        network=build_planned(plan),
        config=ModelConfig(
            backbone=plan.backbone,
            preprocess=plan.preprocess,
            targets=plan.dataset.targets,
            head=plan.recipe.head,
            data_fingerprint=plan.dataset.fingerprint,
            recipe=plan.recipe.name,
            pretrained=plan.pretrained,
            zoo_version=zoo_version(),
        ),
        processes=join_processes(str(plan.device), plan.precision),
        progress=Clock(plan.device, warm_up),
        stop=StopFlag(),
    )


def describe(plan: Plan, arguments: argparse.Namespace) -> str:
    """Say what the figures depend on."""
    name = f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"
    if plan.device.type == "cuda":
        name = torch.cuda.get_device_name(plan.device)
    compiled = "compiled" if plan.compile else "not compiled"
    return (
        f"{plan.device.type}: {name}; {plan.precision}, {compiled}, {plan.workers} workers, "
        f"batches of {plan.recipe.batch_size}, {arguments.steps} steps after {arguments.warm_up}, "
        f"{arguments.rounds} rounds, torch {torch.__version__}"
    )


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--warm-up", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--img-size", type=int)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    arguments = parser.parse_args()
    needed = arguments.batch_size * (arguments.warm_up + arguments.steps)
    with TemporaryDirectory() as place:
        data = arguments.data or write_photos(Path(place, "photos"), needed)
        for number, network in enumerate(arguments.networks):
            plan = plan_of(network, data, Path(place, "cache"), arguments)
            if len(plan.dataset.train) < needed:
                parser.error(f"{data} has {len(plan.dataset.train)} training images, not {needed}")
            if plan.device.type == "cpu":
                keep_freed_memory()
            if number == 0:
                print(describe(plan, arguments))
                print("\n| network | size, px | synthetic, images/s | zoo, images/s | ratio |")
                print("|---|---|---|---|---|")
            training = begin(plan, Path(place, f"run-{number}"), arguments.warm_up)
            _print_row(plan, Steps(training, 0, plan.recipe.phases[0]).measure(arguments.rounds))


def _print_row(plan: Plan, rates: list[tuple[float, float]]) -> None:
    synthetic, real = (statistics.median(column) for column in zip(*rates, strict=True))
    ratio = statistics.median(with_images / without for without, with_images in rates)
    print(
        f"| {plan.backbone.name} | {plan.train_preprocess.size} | {synthetic:.0f} | {real:.0f} "
        f"| **{ratio:.2f}** |",
        flush=True,
    )


if __name__ == "__main__":
    main()
