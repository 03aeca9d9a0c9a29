"""Claim: `zoo list` answers in under 0.3 s, and in under 1 s with an overlay of 10,000 entries."""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from zoo.registry import load_registry, to_data
from zoo.registry.files import built_in_path, read_document

ENTRIES = 10_000
ROUNDS = 9


def write_overlay(path: Path) -> None:
    """Copies of the built-in entries under other names."""
    built_in = [to_data(entry) for entry in load_registry().backbones.values()]
    entries = [
        built_in[at % len(built_in)] | {"name": f"{built_in[at % len(built_in)]['name']}-{at}"}
        for at in range(ENTRIES)
    ]
    path.write_text(json.dumps({"version": 1, "backbones": entries}))


def time_loading(path: Path) -> float:
    """Seconds to read and check a registry file, in this process."""
    began = time.perf_counter()
    read_document(path)
    return time.perf_counter() - began


def time_command(arguments: list[str]) -> float:
    """Seconds of one process, from start to end."""
    zoo = Path(sys.executable).with_name("zoo")
    began = time.perf_counter()
    subprocess.run([zoo, *arguments], check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    """Print one table; the measurements take turns."""
    with TemporaryDirectory() as place:
        overlay = Path(place, "large.json")
        write_overlay(overlay)
        size = overlay.stat().st_size / 1e6
        large = ["--registry", str(overlay)]
        measurements = {
            "read and check the shipped file": lambda: time_loading(built_in_path()),
            f"read and check {ENTRIES:,} entries ({size:.0f} MB)": lambda: time_loading(overlay),
            "zoo list": lambda: time_command(["list"]),
            f"zoo list, with {ENTRIES:,} more": lambda: time_command(["list", *large]),
            f"zoo list --pareto, with {ENTRIES:,} more": lambda: time_command(
                ["list", "--pareto", *large]
            ),
            f"zoo list --here, with {ENTRIES:,} more": lambda: time_command(
                ["list", "--here", *large]
            ),
        }
        times: dict[str, list[float]] = {name: [] for name in measurements}
        for _ in range(ROUNDS):
            for name, measure in measurements.items():
                times[name].append(measure())
    print("| what | median s | fastest | slowest |\n|---|---|---|---|")
    for name, values in times.items():
        middle = statistics.median(values)
        print(f"| {name} | {middle:.3f} | {min(values):.3f} | {max(values):.3f} |")


if __name__ == "__main__":
    main()
