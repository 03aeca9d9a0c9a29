"""Claim: zoo's loop is at least as fast as a plain PyTorch loop and as transformers' Trainer.

Usage: python benchmarks/training_speed.py DATA [--rounds N] [--steps N] [--keep-memory]

The same for all three: network (all of it trains, BatchNorm adapts), batch, image size, loss and
precision; AdamW in torch's fused kernel at a constant rate, with weight decay for the same
parameters; no clipping of gradients. Images come from JPEG files, each side with the loading that
its users write: torchvision's v2 transforms in a DataLoader with two workers for the plain loop
and the Trainer; zoo's own for zoo, its pixels decoded in an earlier run, as from the second epoch
on. Beyond its loading, only zoo has channels_last memory, and freed memory that glibc keeps
(benchmarks/memory_reuse.py); with --keep-memory the others have the latter as well.

Every run is a process of its own, and the sides take turns; the ratio is the median over the
rounds. A run's seconds include starting its loader, and end with its last step.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import timm
import torch
import torch.nn.functional as F
from timm.optim import param_groups_weight_decay
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from zoo import Settings, finetune
from zoo.data.pixels import CacheSettings
from zoo.hardware import keep_freed_memory

ARCHITECTURE = "tf_efficientnet_lite0"
SIZE, BATCH = 192, 32
RATE, DECAY = 5e-4, 0.05


def open_folder(data: Path) -> ImageFolder:
    """The training images with the augmentation that `finetune-all` has."""
    transform = v2.Compose(
        [
            v2.ToImage(),
            v2.RandomResizedCrop(SIZE, scale=(0.35, 1), antialias=True),
            v2.RandomHorizontalFlip(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.5] * 3, [0.5] * 3),
        ]
    )
    return ImageFolder(str(data / "train"), transform)


def build() -> torch.nn.Module:
    """The network, with random weights: what they are costs no time."""
    return timm.create_model(ARCHITECTURE, num_classes=10)


def optimise(network: torch.nn.Module) -> torch.optim.Optimizer:
    """AdamW as zoo has it, which spares biases and norms from weight decay."""
    return torch.optim.AdamW(param_groups_weight_decay(network, DECAY), lr=RATE, fused=True)


def run_plain(data: Path, steps: int) -> float:
    """A loop as tutorials write it; images per second."""
    network = build().train()
    optimizer = optimise(network)
    began = time.perf_counter()
    loader = DataLoader(
        open_folder(data), batch_size=BATCH, shuffle=True, num_workers=2, drop_last=True
    )
    for (images, labels), _ in zip(_forever(loader), range(steps), strict=False):
        loss = F.cross_entropy(network(images), labels, label_smoothing=0.1)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return steps * BATCH / (time.perf_counter() - began)


def _forever(loader: DataLoader) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    while True:
        yield from loader


class _ForTrainer(torch.nn.Module):
    """The network as the Trainer wants it: it answers with its loss."""

    def __init__(self) -> None:
        super().__init__()
        self.network = build()

    def forward(self, pixel_values: torch.Tensor, labels: torch.Tensor) -> dict:
        logits = self.network(pixel_values)
        return {
            "loss": F.cross_entropy(logits, labels, label_smoothing=0.1),
            "logits": logits,
        }


def _collate(rows: list) -> dict[str, torch.Tensor]:
    images, labels = zip(*rows, strict=True)
    return {"pixel_values": torch.stack(images), "labels": torch.tensor(labels)}


def run_trainer(data: Path, steps: int) -> float:
    """Transformers' Trainer; images per second."""
    from transformers import Trainer, TrainingArguments

    with TemporaryDirectory() as place:
        arguments = TrainingArguments(
            output_dir=place,
            per_device_train_batch_size=BATCH,
            max_steps=steps,
            lr_scheduler_type="constant",
            max_grad_norm=0,
            dataloader_num_workers=2,
            dataloader_drop_last=True,
            remove_unused_columns=False,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=not torch.cuda.is_available(),
        )
        network = _ForTrainer()
        trainer = Trainer(
            network,
            arguments,
            train_dataset=open_folder(data),
            data_collator=_collate,
            optimizers=(optimise(network), None),
        )
        return steps * BATCH / trainer.train().metrics["train_runtime"]


def run_zoo(data: Path, steps: int, cache: Path) -> float:
    """Zoo's `finetune-all`; images per second of its steps."""
    with TemporaryDirectory() as place:
        settings = Settings(
            recipe="finetune-all",
            img_size=SIZE,
            changes={
                "max_steps": steps,
                "size_ratio": 1.0,
                "batch_norm": "adapt",
                "lr": RATE,
                "head_lr": RATE,
                "weight_decay": DECAY,
                "schedule": "constant",
                "warmup": 0.0,
            },
            pretrained=False,
            cache=CacheSettings(folder=cache),
        )
        watch = _Watch()
        finetune(f"timm/{ARCHITECTURE}", data, settings, output=Path(place, "run"), progress=watch)
    return steps * BATCH / watch.seconds


class _Watch:
    """Hears how long the first epoch's steps take; validation comes after it."""

    seconds = 0.0

    def note(self, text: str) -> None:
        """Nothing."""

    def start(self, task: str, _total: int) -> None:
        """Begin to count."""
        self.task, self.began = task, time.perf_counter()

    def advance(self, count: int, figures: str = "") -> None:
        """Nothing."""

    def finish(self) -> None:
        """Stop counting."""
        if self.task.startswith("epoch"):
            self.seconds += time.perf_counter() - self.began


SIDES: Mapping[str, Callable[[Path, int, Path], float]] = {
    "plain loop": lambda data, steps, _: run_plain(data, steps),
    "Trainer": lambda data, steps, _: run_trainer(data, steps),
    "zoo": run_zoo,
}


def measure(side: str, arguments: argparse.Namespace, cache: Path) -> float:
    """Run one side in a process of its own; images per second."""
    words = [str(arguments.data), "--steps", str(arguments.steps), "--cache", str(cache)]
    words += ["--keep-memory"] if arguments.keep_memory else []
    done = subprocess.run(
        [sys.executable, __file__, *words, "--side", side],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(done.stdout.splitlines()[-1])


def main() -> None:
    """Print one table, or run one side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--keep-memory", action="store_true")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side is None:
        _print_table(arguments)
        return
    if arguments.keep_memory:
        keep_freed_memory()
    print(SIDES[arguments.side](arguments.data, arguments.steps, arguments.cache))


def _print_table(arguments: argparse.Namespace) -> None:
    print("| round | " + " | ".join(SIDES) + " | zoo / plain | zoo / Trainer |")
    print("|---|---|---|---|---|---|")
    ratios = []
    with TemporaryDirectory() as place:
        run_zoo(arguments.data, 1, Path(place))
        for number in range(1, arguments.rounds + 1):
            plain, trainer, zoo = (measure(side, arguments, Path(place)) for side in SIDES)
            ratios.append((zoo / plain, zoo / trainer))
            print(
                f"| {number} | {plain:.1f} | {trainer:.1f} | {zoo:.1f} "
                f"| {zoo / plain:.2f} | {zoo / trainer:.2f} |",
                flush=True,
            )
    medians = [statistics.median(column) for column in zip(*ratios, strict=True)]
    print(f"| median | | | | **{medians[0]:.2f}** | **{medians[1]:.2f}** |")


if __name__ == "__main__":
    main()
