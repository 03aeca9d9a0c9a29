"""Models of every kind of target, made in a second and trained by nobody."""

from pathlib import Path

import numpy as np
import torch

from export.onnx_file import OnnxFile
from tests.conftest import make_photos
from zoo.backbones.network import build_network
from zoo.data.dataset import Samples, make_samples
from zoo.model import ModelConfig, TrainedModel, load_model, save_model, widths_of
from zoo.recipes import HeadRecipe
from zoo.registry import load_registry
from zoo.targets import ClassTarget, LabelsTarget, Target, ValueTarget

KIND = ClassTarget(name="kind", classes=("checks", "discs", "stripes"))
TAGS = LabelsTarget(name="tags", classes=("dark", "round"), thresholds=(0.4, 0.6))
AGE = ValueTarget(name="age", columns=("age",), mean=(40.0,), std=(12.0,))
POSE = ValueTarget(name="Pose, in °", columns=("x", "y"), mean=(0.0, 5e3), std=(1e-3, 700.0))


def as_file(content: bytes) -> OnnxFile:
    """Call a graph by the name that an export has."""
    return OnnxFile(name="model.onnx", content=content)


def make_model(
    folder: Path,
    *targets: Target,
    head: HeadRecipe | None = None,
    backbone: str = "squeezenet1_1",
    size: int = 64,
) -> TrainedModel:
    """Save a network with random weights that answers in the targets' units, and load it."""
    entry = load_registry().backbone(backbone)
    network = build_network(entry, widths_of(targets), head=head, size=size)
    for target in targets:
        if isinstance(target, ValueTarget):
            network.heads[target.name].answer_in(target.std, target.mean)
            network.heads[target.name].fold()
    config = ModelConfig(
        backbone=entry,
        preprocess=entry.preprocess.at_size(size),
        targets=targets,
        head=head or HeadRecipe(),
        data_fingerprint="0" * 64,
        recipe="none",
        pretrained=False,
        zoo_version="0",
    )
    save_model(folder, network, config)
    return load_model(folder)


def label_photos(root: Path, *targets: Target, count: int = 4) -> Samples:
    """Draw pictures, and make up what is known of them: a few cells are missing."""
    photos = sorted(make_photos(root, count).rglob("*.png"))
    rng = np.random.default_rng(0)
    truths = {target.name: _make_up(target, len(photos), rng) for target in targets}
    return make_samples(root, [str(path.relative_to(root)) for path in photos], truths)


def _make_up(target: Target, count: int, rng: np.random.Generator) -> np.ndarray:
    if isinstance(target, ClassTarget):
        return rng.integers(-1, target.num_outputs, count)
    if isinstance(target, LabelsTarget):
        return rng.integers(-1, 2, (count, target.num_outputs)).astype(np.int8)
    values = target.mean + rng.normal(size=(count, target.num_outputs)) * target.std
    values[0] = np.nan
    return values


@torch.no_grad()
def spoil(model: TrainedModel, target: str) -> None:
    """Turn one head's weights around, as a file that mixed them up would have them."""
    weight = model.network.heads[target].last.weight
    weight.copy_(weight.flip(0, 1))
