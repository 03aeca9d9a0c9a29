"""Claim: the linear probe is at least 8 times as fast as ten epochs of a frozen backbone.

Usage: python benchmarks/probe_speed.py DATA [--rounds N] [--limit-train N]

Both train one linear layer on the same frozen network, image size and images; the probe runs
the network once and solves, the other runs it once an epoch. Runs alternate; seconds are those
of the phases, validation included. The pixels that the epochs read were decoded before.
"""

import argparse
import statistics
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from zoo import Settings, finetune
from zoo.data.pixels.keep import CacheSettings

BACKBONE = "efficientnet_lite0"


def measure(data: Path, settings: Settings) -> tuple[float, float]:
    """Train once; seconds and the validation score."""
    with TemporaryDirectory() as place:
        record = finetune(BACKBONE, data, settings, output=Path(place, "run")).read()
    return record.timing.seconds, record.metrics["validation"].headline.value


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit-train", type=int, default=1000)
    arguments = parser.parse_args()
    print("| round | probe, s | score | ten epochs, s | score | ratio |\n|---|---|---|---|---|---|")
    ratios = []
    with TemporaryDirectory() as place:
        cache = CacheSettings(folder=Path(place))
        probe = Settings(recipe="linear-probe", limit_train=arguments.limit_train, cache=cache)
        epochs = Settings(
            recipe="feature-extraction",
            changes={"hidden": [], "dropout": 0.0},
            limit_train=arguments.limit_train,
            cache=cache,
        )
        measure(arguments.data, replace(epochs, epochs=1))
        for number in range(1, arguments.rounds + 1):
            (fast, ours), (slow, theirs) = (
                measure(arguments.data, settings) for settings in (probe, epochs)
            )
            ratios.append(slow / fast)
            print(
                f"| {number} | {fast:.1f} | {ours:.3f} | {slow:.1f} | {theirs:.3f} "
                f"| {ratios[-1]:.1f} |",
                flush=True,
            )
    print(f"| median | | | | | **{statistics.median(ratios):.1f}** |")


if __name__ == "__main__":
    main()
