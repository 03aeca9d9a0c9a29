"""Claim: fine-tuning beats a linear probe, and both beat training from scratch.

Usage: python benchmarks/recipe_scores.py DATA [--val DATA] [--target COLUMN:KIND …]
           [--recipe NAME …] [--seed N …] [--img-size N] [--backbone NAME]

DATA is a folder of classes or a table. Every run keeps the weights after its last step; the
scores are those of the validation data, by which nothing was chosen but a temperature.
"""

import argparse
import os
import platform
import statistics
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from zoo import DataSettings, Settings, finetune
from zoo.targets import JointMetrics


def measure(arguments: argparse.Namespace, recipe: str, seed: int) -> dict[str, float]:
    """Train once; the validation score of every target, and seconds."""
    data = DataSettings(val=arguments.val, input=arguments.input, targets=tuple(arguments.target))
    settings = Settings(recipe=recipe, seed=seed, img_size=arguments.img_size, data=data)
    with TemporaryDirectory() as place:
        output = Path(place, "run")
        run = finetune(arguments.backbone, arguments.data, settings, output=output)
        record = run.read()
    metrics = record.metrics["validation"]
    parts = metrics.targets if isinstance(metrics, JointMetrics) else {"": metrics}
    scores = {f"{name} {m.headline.name}".strip(): m.headline.value for name, m in parts.items()}
    return scores | {"seconds": record.timing.seconds}


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--val", type=Path)
    parser.add_argument("--input")
    parser.add_argument("--target", nargs="+", default=[])
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--recipe", nargs="+", default=["from-scratch", "linear-probe", "finetune"])
    parser.add_argument("--seed", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--img-size", type=int)
    arguments = parser.parse_args()
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine()
    print(
        f"{arguments.backbone}, {datetime.now(UTC):%Y-%m-%d}, torch {torch.__version__}, "
        f"{torch.get_num_threads()} threads of {os.cpu_count()}, {device}\n"
    )
    begun = False
    for recipe in arguments.recipe:
        rows = []
        for seed in arguments.seed:
            rows.append(measure(arguments, recipe, seed))
            if not begun:
                begun = True
                print(f"| recipe | seed | {' | '.join(rows[0])} |")
                print("|---" * (len(rows[0]) + 2) + "|")
            _print_row(recipe, str(seed), rows[-1])
        if len(rows) > 1:
            means = {key: statistics.mean(row[key] for row in rows) for key in rows[0]}
            _print_row(f"**{recipe}**", "mean", means)


def _print_row(recipe: str, seed: str, row: dict[str, float]) -> None:
    cells = [f"{v:.0f}" if key == "seconds" else f"{v:.4f}" for key, v in row.items()]
    print(f"| {recipe} | {seed} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
