"""Claim: `zoo --help` answers in under 0.4 s."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = (["--help"], ["list"], ["show", "resnet50"])
ROUNDS = 9


def measure(arguments: list[str]) -> float:
    """Seconds of one process, from start to end."""
    zoo = Path(sys.executable).with_name("zoo")
    began = time.perf_counter()
    subprocess.run([zoo, *arguments], check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    """Print one table; the commands take turns."""
    times = {tuple(command): [] for command in COMMANDS}
    for _ in range(ROUNDS):
        for command in COMMANDS:
            times[tuple(command)].append(measure(command))
    print("| command | median s | fastest | slowest |\n|---|---|---|---|")
    for command, values in times.items():
        middle = statistics.median(values)
        print(f"| zoo {' '.join(command)} | {middle:.2f} | {min(values):.2f} | {max(values):.2f} |")


if __name__ == "__main__":
    main()
