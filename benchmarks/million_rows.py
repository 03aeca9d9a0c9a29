"""Claim: a table of 1,000,000 rows opens, splits and starts to train in 30 s and 1 GB.

Usage: python benchmarks/million_rows.py [--rows N …] [--images N …] [--recipes NAME …]

Makes a table over small pictures, then fine-tunes on it in another process, with the pixel store
on and random weights, and ends it where the first batch has been decoded and gone through the
network: of a recipe that solves its heads first (`finetune`, the default), the first batch whose
features it keeps; of `finetune-all`, the first step of gradient descent. By then the table is
read, checked for leaks, split, hashed and written to the run folder. What comes after the first
batch is not measured: solving heads keeps the features of all training images.

Printed are seconds from the start of the process, seconds that its threads computed (which a
machine busy with other things stretches less), and the most memory that was ever resident: at
"reading", what imports take.
"""

import argparse
import itertools
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

START = """
import resource, sys, time
began = time.perf_counter()
from pathlib import Path
from zoo import CacheSettings, DataSettings, Settings, finetune

class Begun(Exception): pass

def spent():
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds, computing = time.perf_counter() - began, used.ru_utime + used.ru_stime
    most = used.ru_maxrss * 1024 / 1e9
    return f"{seconds:6.1f} s ({computing:.1f} s of CPU), at most {most:.2f} GB"

class Watch:
    writes = False
    def note(self, text):
        self.writes |= text.startswith("writing")
        if text.startswith(("reading", "label:", "writing")):
            print(f"  {spent()}: {text[:60]}", flush=True)
    def start(self, task, total): self.task = task
    def advance(self, count, figures=""):
        if self.writes: raise Begun
    def finish(self): pass

table, folder, recipe = sys.argv[1:]
settings = Settings(
    recipe=recipe, img_size=32, pretrained=False, cache=CacheSettings(folder=Path(folder, "cache")),
    data=DataSettings(input="image", targets=("label:class",)),
)
watch = Watch()
try:
    finetune("efficientnet_lite0", Path(table), settings, output=Path(folder, recipe),
             progress=watch)
except Begun:
    print(f"  {spent()}: first batch of {recipe}, {watch.task!r}", flush=True)
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
    """Print what happens when, and the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--images", type=int, nargs="+", default=[1_000])
    parser.add_argument("--recipes", nargs="+", default=["finetune", "finetune-all"])
    arguments = parser.parse_args()
    for rows, images in itertools.product(arguments.rows, arguments.images):
        with TemporaryDirectory() as place:
            table = make_table(Path(place), rows, images)
            print(f"{rows:,} rows over {images:,} files", flush=True)
            for recipe in arguments.recipes:
                command = [sys.executable, "-c", START, str(table), place, recipe]
                subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
