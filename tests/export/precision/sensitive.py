"""Networks that are right in float32, with one place that fewer bits do not survive."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from export.graph import export_graph
from tests.conftest import CLASSES, make_photos
from tests.export.tiny_networks import NETWORKS, make_tiny
from zoo.data.dataset import Samples, make_samples
from zoo.data.loading import load_prepared
from zoo.evaluation import compute_outputs
from zoo.model import TrainedModel
from zoo.targets import ClassTarget, Target, ValueTarget

KIND = ClassTarget(name="kind", classes=CLASSES)
AGE = ValueTarget(name="age", columns=("age",), mean=(40.0,), std=(10.0,))


@dataclass(frozen=True)
class Trained:
    """A small network that tells three patterns apart, its file and its photos."""

    model: TrainedModel
    content: bytes
    training: Samples
    validation: Samples


def _plain() -> nn.Module:
    """Five convolutions one behind the other: nothing goes around what is broken."""
    widths = (3, 32, 64, 64, 64, 96)
    layers = OrderedDict[str, nn.Module]()
    for at, (before, after) in enumerate(pairwise(widths)):
        layers[f"conv{at}"] = nn.Conv2d(before, after, 3, stride=1 + at % 2, padding=1)
        layers[f"norm{at}"] = nn.BatchNorm2d(after)
        layers[f"relu{at}"] = nn.ReLU()
    layers |= {"pool": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten(), "head": nn.Identity()}
    return nn.Sequential(layers)


def train_tiny(name: str, folder: Path, target: Target = KIND, count: int = 16) -> Trained:
    """Solve a head on the random features of a small architecture: enough for these patterns."""
    photos = sorted(make_photos(folder / "photos", count).rglob("*.png"))
    which = np.array([CLASSES.index(path.parent.name) for path in photos])
    truth = which if target is KIND else 28 + 12.0 * which[:, None]
    files = [str(path.relative_to(folder)) for path in photos]
    samples = make_samples(folder, files, {target.name: truth})
    training = samples.select(range(0, len(photos), 2))
    validation = samples.select(range(1, len(photos), 2))
    with patch.dict(NETWORKS, {"plain": (_plain, "head")}):
        model = make_tiny(name, folder / "model", target)
    wanted = 10.0 * np.eye(len(CLASSES))[which] - 5 if target is KIND else truth
    _solve(model, training, torch.from_numpy(wanted[::2]))
    if target is AGE:
        validation = replace(validation, truths={"age": _ask(model, validation)})
    return Trained(model, export_graph(model, folder / "model").content, training, validation)


def _ask(model: TrainedModel, samples: Samples) -> np.ndarray:
    """Take the network's own answers for the truth: in float32 it makes no mistake then."""
    return compute_outputs(model, samples)["age"].double().numpy()


@torch.no_grad()
def _solve(model: TrainedModel, training: Samples, wanted: torch.Tensor) -> None:
    """Fit the only head by ridge regression."""
    last = model.network.heads[model.targets[0].name].last
    seen: list[torch.Tensor] = []
    hook = last.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].double()))
    for batch in load_prepared(training.paths, model.preprocess, batch_size=64, workers=0):
        model.outputs(batch.pixel_values)
    hook.remove()
    features = torch.cat(seen)
    wide = torch.cat([features, torch.ones(len(features), 1)], dim=1)
    gram = wide.T @ wide + 1e-2 * wide.square().mean() * torch.eye(wide.shape[1])
    weights = torch.linalg.solve(gram, wide.T @ wanted)
    last.weight.copy_(weights[:-1].T)
    last.bias.copy_(weights[-1])


def inflate(content: bytes, factor: float) -> tuple[bytes, tuple[str, ...]]:
    """Make one channel between two convolutions so much larger, and change no answer.

    What ReLU leaves of a multiple is the multiple of what it leaves.

    Returns:
        The file, and the names of the convolutions.
    """
    proto = onnx.load_from_string(content)
    weights = {tensor.name: tensor for tensor in proto.graph.initializer}
    first, relu, second = _find_chain(proto.graph)
    _scale(weights[first.input[1]], factor, (0,))
    _scale(weights[first.input[2]], factor, (0,))
    _scale(weights[second.input[1]], 1 / factor, (slice(None), 0))
    return proto.SerializeToString(), (first.name, relu.name, second.name)


def _find_chain(graph: onnx.GraphProto):
    """Find the last convolution, ReLU and convolution that nothing else reads from."""
    readers = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    for first in reversed(graph.node):
        chain = [first]
        while len(found := readers.get(chain[-1].output[0], [])) == 1 and len(chain) < 3:
            chain += found
        if [node.op_type for node in chain] == ["Conv", "Relu", "Conv"]:
            return chain
    raise AssertionError("there is no such chain")


def _scale(tensor: onnx.TensorProto, factor: float, where: tuple) -> None:
    values = numpy_helper.to_array(tensor).copy()
    values[where] *= np.float32(factor)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
