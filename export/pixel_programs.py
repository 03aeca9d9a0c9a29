"""The two pipelines of L2, run over the same encoded files: training's and the exported one."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as transforms

from export.providers import RUNTIME_ERRORS
from export.raw import name_answers
from export.raw_session import RawModel
from zoo.errors import UnreadableImagesError
from zoo.evaluation import Outputs, concatenate
from zoo.inputs.contract import Preprocess
from zoo.inputs.decode import UnreadableImageError, read_image
from zoo.inputs.image import normalize, preprocess, to_tensor
from zoo.model import TrainedModel
from zoo.progress import Progress
from zoo.targets import Target

Decoder = Callable[[Path], NDArray[np.uint8]]
"""What a deployment decodes with: a file to upright RGB [height, width, 3]."""
Answers = dict[str, dict[str, NDArray[np.generic]]]
"""By target and answer, [N, K]."""

DRIFT = 2.0**-23
"""By how much, of itself, a float32 resizer's ratio of two sizes may be off: one spacing."""
_NUM_FLOAT64 = 12
_BATCH, _FLOAT64_BATCH, _LARGEST_GROUP = 32, 4, 8


@dataclass(frozen=True, slots=True, eq=False)
class PixelReference:
    """What training's pipeline answers."""

    float32: Outputs
    """To all files."""
    probed: list[int]
    """The files for which the whole pipeline ran in float64 too."""
    float64: Outputs
    """To those."""
    drifted: Outputs
    """To those, float64 with sizes' ratios that are off by `DRIFT`."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What the exported pipeline answers to some files at once."""

    files: list[int]
    answers: Answers | None
    """None where it does not run."""
    error: str = ""


def read_images(paths: Sequence[Path]) -> list[Image.Image]:
    """Decode files, or name all that cannot be.

    Raises:
        UnreadableImagesError: Some cannot.
    """
    images, reasons = [], {}
    for path in paths:
        try:
            images.append(read_image(path))
        except UnreadableImageError as error:
            reasons[path] = error.problem
    if reasons:
        raise UnreadableImagesError(reasons)
    return images


def decode_pixels(path: Path) -> NDArray[np.uint8]:
    """Decode a file without torch, by the rules that training decodes by.

    Raises:
        UnreadableImageError: It cannot be decoded.
    """
    return np.asarray(read_image(path))


@torch.inference_mode()
def run_training(
    model: TrainedModel, paths: Sequence[Path], num_probes: int, progress: Progress
) -> PixelReference:
    """Run training's pipeline in float32 on all files, in float64 on some of the first.

    Raises:
        UnreadableImagesError: Files that cannot be decoded.
    """
    probed = np.linspace(0, num_probes - 1, _NUM_FLOAT64).round().astype(int).tolist()
    progress.start("PyTorch", len(paths) + 2 * len(probed))
    float32 = []
    for start in range(0, len(paths), _BATCH):
        images = [to_tensor(image) for image in read_images(paths[start : start + _BATCH])]
        batch = torch.stack([preprocess(image, model.preprocess) for image in images])
        float32.append(model.outputs(batch))
        progress.advance(len(batch))
    exact = copy.deepcopy(model.network).double()
    images = [to_tensor(image) for image in read_images([paths[at] for at in probed])]
    found = [_run_exactly(exact, model, images, drift, progress) for drift in (0.0, DRIFT)]
    progress.finish()
    return PixelReference(concatenate(float32), probed, *found)


def _run_exactly(
    network: nn.Module,
    model: TrainedModel,
    images: Sequence[Tensor],
    drift: float,
    progress: Progress,
) -> Outputs:
    """Run preprocessing and network in float64."""
    parts = []
    for start in range(0, len(images), _FLOAT64_BATCH):
        some = images[start : start + _FLOAT64_BATCH]
        batch = torch.stack([preprocess_exactly(i, model.preprocess, drift) for i in some])
        outputs: Outputs = network(batch.to(model.device))
        parts.append({name: value.cpu() for name, value in outputs.items()})
        progress.advance(len(batch))
    return concatenate(parts)


def preprocess_exactly(image: Tensor, contract: Preprocess, drift: float = 0.0) -> Tensor:
    """Apply the contract in float64, with a resizer whose ratio of sizes is off by so much.

    torchvision's ratio happens to be exact for some sizes, powers of two above all, and there
    its float32 shows less noise than another correct program has.
    """
    if not drift:
        return preprocess(image, contract, dtype=torch.float64)
    sides = [contract.resize] * 2
    height, width = image.shape[1:]
    if contract.crop_mode == "center":
        sides = [contract.resize * side // min(height, width) for side in (height, width)]
    ratio = (sides[0] / height * (1 + drift), sides[1] / width * (1 + drift))
    resized = F.interpolate(
        image.double()[None], scale_factor=ratio, mode=contract.interpolation, antialias=True
    )
    return normalize(transforms.center_crop(resized[0], [contract.size] * 2), contract)


def run_exported(
    raw: RawModel,
    targets: Sequence[Target],
    paths: Sequence[Path],
    num_probes: int,
    decode: Decoder,
    progress: Progress,
) -> list[Batch]:
    """Run the exported pipeline on each file alone, then on probes of one size together."""
    progress.start("ONNX Runtime", len(paths) + num_probes)
    batches = []
    groups: Mapping[tuple[int, ...], list[int]] = defaultdict(list)
    for at, path in enumerate(paths):
        image = decode(path)
        batches.append(_run(raw, targets, [at], image[None]))
        if at < num_probes:
            groups[image.shape].append(at)
        progress.advance(1)
    for files in groups.values():
        several = files[:_LARGEST_GROUP]
        if len(several) > 1:
            images = np.stack([decode(paths[at]) for at in several])
            batches.append(_run(raw, targets, several, images))
        progress.advance(len(files))
    progress.finish()
    return batches


def _run(
    raw: RawModel, targets: Sequence[Target], files: list[int], images: NDArray[np.uint8]
) -> Batch:
    """Ask for the answers that a raw graph has to give."""
    names = name_answers(targets)
    wanted = [name for answers in names.values() for name in answers.values()]
    try:
        found = raw.run(wanted, images)
    except RUNTIME_ERRORS as cause:
        return Batch(files, None, str(cause))
    for target in targets:
        for name in names[target.name].values():
            if found[name].shape != (len(files), target.num_outputs):
                return Batch(files, None, f"{name} has shape {found[name].shape}")
    return Batch(
        files,
        {
            target: {answer: found[name] for answer, name in answers.items()}
            for target, answers in names.items()
        },
    )
