"""Claim: a table of 1,000,000 rows opens, splits and starts to train in 30 s and 1 GB.

Usage: python benchmarks/million_rows.py [--rows N] [--images N]

Makes a table over small pictures, then fine-tunes on it in another process, which ends where
its first step begins. Its memory is the largest that it ever had resident, torch included.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

START = """
import resource, sys, time
from pathlib import Path
began = time.perf_counter()
from zoo import DataSettings, Settings, finetune

class Begun(Exception): pass

class Watch:
    def note(self, text): print(f"  {time.perf_counter() - began:6.1f} s  {text[:90]}")
    def start(self, task, total):
        if task.startswith("epoch"): raise Begun
    def advance(self, count, figures=""): pass
    def finish(self): pass

settings = Settings(
    recipe="finetune-all", img_size=32, pretrained=False, cache=None,
    data=DataSettings(input="image", targets=("label:class",)),
)
try:
    finetune("efficientnet_lite0", Path(sys.argv[1]), settings, output=Path(sys.argv[2]),
             progress=Watch())
except Begun:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"first step after {time.perf_counter() - began:.1f} s, at most {peak:.2f} GB")
"""


def make_table(folder: Path, rows: int, images: int) -> Path:
    """Write pictures in folders of a thousand, and a table that names them over and over."""
    generator = np.random.default_rng(0)
    names = []
    for number in range(images):
        path = folder / f"{number // 1000:04d}" / f"{number:07d}.png"
        path.parent.mkdir(exist_ok=True)
        pixels = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        names.append(path.relative_to(folder).as_posix())
    table = folder / "table.csv"
    with table.open("w", encoding="utf-8") as file:
        file.write("image,label\n")
        for row in range(rows):
            file.write(f"{names[row % images]},class {row % images % 10}\n")
    return table


def main() -> None:
    """Print what happens when, and the two figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--images", type=int, nargs="+", default=[1_000, 1_000_000])
    arguments = parser.parse_args()
    for images in arguments.images:
        with TemporaryDirectory() as place:
            table = make_table(Path(place), arguments.rows, images)
            print(f"{arguments.rows:,} rows over {images:,} files", flush=True)
            command = [sys.executable, "-c", START, str(table), str(Path(place, "run"))]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
