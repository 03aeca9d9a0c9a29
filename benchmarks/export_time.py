"""Claim: export and full CPU verification of efficientnet_lite0 on 128 images take under 60 s.

resnet50 and vit_b_16, from random weights, pass too. The images are generated; the figures to
look at are the error over the noise floor, and the seconds.
"""

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image

from export import Evidence, export_model, open_predictor
from zoo import load_registry
from zoo.backbones.network import build_network
from zoo.backbones.sources import fetch_weights
from zoo.data.open import open_labelled
from zoo.hardware import keep_freed_memory
from zoo.model import ModelConfig, TrainedModel, save_model
from zoo.targets import ClassTarget


def write_images(folder: Path, count: int) -> Path:
    """Write noise of all scales, as photos have it, for two classes."""
    rng = np.random.default_rng(0)
    for number in range(count):
        place = folder / ("a", "b")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        layers = [
            np.asarray(
                Image.fromarray(rng.integers(0, 256, (size, size, 3), dtype=np.uint8)).resize(
                    (400, 300), Image.Resampling.BICUBIC
                ),
                dtype=np.float32,
            )
            for size in (4, 16, 64, 256)
        ]
        Image.fromarray(np.mean(layers, axis=0).astype(np.uint8)).save(place / f"{number}.png")
    return folder


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument(
        "--backbone", nargs="+", default=["efficientnet_lite0", "resnet50", "vit_b_16"]
    )
    arguments = parser.parse_args()
    keep_freed_memory()
    print("| backbone | verdict | seconds | noise floor | max error | bound | error / floor |")
    print("|---|---|---|---|---|---|---|")
    with TemporaryDirectory() as place:
        target = ClassTarget(classes=("a", "b"))
        samples = open_labelled(write_images(Path(place, "images"), arguments.images), [target])
        for name in arguments.backbone:
            backbone = load_registry().backbone(name)
            config = ModelConfig(
                backbone=backbone,
                preprocess=backbone.preprocess,
                targets=(target,),
                data_fingerprint="0" * 64,
                recipe="none",
                pretrained=backbone.weights.source == "package",
                zoo_version="benchmark",
            )
            folder = Path(place, name)
            weights = fetch_weights(backbone.weights).path if config.pretrained else None
            network = build_network(backbone, {target.name: 2}, weights=weights)
            save_model(folder, network, config)
            model = open_predictor(folder, "torch", "cpu")
            assert isinstance(model, TrainedModel)
            began = time.perf_counter()
            evidence = Evidence(samples=samples, recorded=None)
            report = export_model(model, folder, evidence)
            seconds = time.perf_counter() - began
            parity = report.levels["L1"]
            print(
                f"| {name} | {report.verdict} | {seconds:.0f} | {parity.noise_floor:.1e} "
                f"| {parity.max_abs_error:.1e} | {parity.bound:.1e} "
                f"| {parity.max_abs_error / parity.noise_floor:.1f} |",
                flush=True,
            )
    print(f"\n{arguments.images} images, {torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()
