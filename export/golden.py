"""A few inputs and the trained model's answers, kept so that anybody can compare with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.golden_file import GOLDEN_FILE, Golden, GoldenTarget, to_bytes
from export.interface import name_outputs
from export.outputs import blocks_of, names_of
from export.programs import Reference, run_reference
from export.samples import NUM_PROBED_SAMPLES, Inputs, choose_samples, gather_inputs
from export.tolerances import Tolerances, measure_tolerances
from zoo.data.dataset import Samples
from zoo.hardware import exact_float32
from zoo.manifest import update_manifest
from zoo.model import TrainedModel, weights_sha256
from zoo.progress import Progress, Silence
from zoo.storage import write_bytes
from zoo.targets import LabelsTarget, Target
from zoo.versions import collect_versions


def write_golden(
    model: TrainedModel,
    folder: Path,
    samples: Samples,
    tolerances: Tolerances | None = None,
    *,
    pictures: bool = True,
    progress: Progress | None = None,
) -> Path:
    """Write `golden.safetensors` into a model folder and record it in the manifest.

    Args:
        model: The trained network.
        folder: The model folder that it was read from.
        samples: Images to choose from, evenly, and to measure the noise floor on.
        tolerances: How far a correct program may be from PyTorch, if a verification has
            measured that already.
        pictures: Keep real images, too: whoever has the file can look at them. Otherwise it
            holds edge inputs alone.
        progress: Hears what happens.

    Raises:
        UnreadableImagesError: Samples that cannot be decoded.
    """
    # As many as run in float64, so that there are exact answers to all of them.
    chosen = choose_samples(samples, NUM_PROBED_SAMPLES)
    listener = progress or Silence()
    with exact_float32():
        inputs = gather_inputs(chosen, model.preprocess, 0, listener)
        reference = run_reference(model, inputs, listener)
    tolerances = tolerances or measure_tolerances(model.targets, inputs, reference)
    kept = slice(None) if pictures else inputs.edges
    golden = _collect(model, folder, inputs, reference, tolerances, kept)
    write_bytes(folder / GOLDEN_FILE, to_bytes(golden))
    update_manifest(folder, [GOLDEN_FILE.as_posix()])
    return folder / GOLDEN_FILE


def _collect(
    model: TrainedModel,
    folder: Path,
    inputs: Inputs,
    reference: Reference,
    tolerances: Tolerances,
    kept: slice,
) -> Golden:
    outputs = name_outputs(model.targets)
    return Golden(
        pixel_values=inputs.pixel_values[kept].numpy(),
        inputs=tuple(inputs.names[kept]),
        targets=tuple(
            _collect_target(target, outputs[target.name], reference, tolerances, kept)
            for target in model.targets
        ),
        weights_sha256=weights_sha256(folder),
        device=str(model.device),
        versions=collect_versions(),
    )


def _collect_target(
    target: Target, output: str, reference: Reference, tolerances: Tolerances, kept: slice
) -> GoldenTarget:
    return GoldenTarget(
        name=target.name,
        kind=target.kind,
        output=output,
        names=tuple(names_of(target)),
        thresholds=target.cuts if isinstance(target, LabelsTarget) else None,
        float32=reference.float32[target.name][kept].numpy(),
        float64=reference.float64[target.name][kept].numpy(),
        bound=_bounds_of(target, tolerances, len(reference.float32[target.name]))[kept],
    )


def _bounds_of(target: Target, tolerances: Tolerances, num_inputs: int) -> NDArray[np.float64]:
    """Spread the bounds of blocks over their outputs, [N, K]."""
    bounds = np.empty((num_inputs, target.num_outputs))
    for block, tolerance in zip(blocks_of(target), tolerances[target.name], strict=True):
        bounds[:, block] = tolerance.bounds(num_inputs).numpy()
    return bounds
