"""L2: from the encoded file, does the exported pipeline answer as training's does?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from torch import Tensor

from export.encoded import draw_pictures, write_probes
from export.levels import figures_of, verdict_of
from export.outputs import Decisions, blocks_of, names_of, pick
from export.parity import Parity, Tolerance, compare, part_of
from export.pixel_figures import (
    Answered,
    decide_for,
    figures_of_outputs,
    gather_answers,
    measure_tolerances,
)
from export.pixel_level import PixelLevel, TargetPixels
from export.pixel_programs import (
    Batch,
    Decoder,
    PixelReference,
    decode_pixels,
    read_images,
    run_exported,
    run_training,
)
from export.raw_session import open_raw
from export.samples import choose_samples
from zoo.data.dataset import Samples
from zoo.hardware import exact_float32
from zoo.model import TrainedModel
from zoo.progress import Progress, Silence
from zoo.targets import Target

_NUM_PICTURES = 4


def compare_pixels(
    model: TrainedModel,
    raw_bytes: bytes,
    samples: Samples,
    *,
    decode: Decoder = decode_pixels,
    progress: Progress | None = None,
) -> PixelLevel:
    """Send encoded files through both pipelines, on the model's device.

    Args:
        model: The trained network.
        raw_bytes: The graph with preprocessing inside.
        samples: Real files; probes of every kind of encoding are made of some of them.
        decode: What the exported pipeline decodes with.
        progress: Hears what happens.

    Raises:
        DeviceError: ONNX Runtime cannot use the model's device.
        DamagedFileError: The bytes are no raw graph.
        UnreadableImagesError: Samples that cannot be decoded.
    """
    listener = progress or Silence()
    raw = open_raw(raw_bytes, model.device)
    with TemporaryDirectory() as folder, exact_float32():
        probes = write_probes(Path(folder), _choose_pictures(samples))
        paths = [*probes, *samples.paths]
        reference = run_training(model, paths, len(probes), listener)
        batches = run_exported(raw, model.targets, paths, len(probes), decode, listener)
    names = [f"({path.name})" for path in probes]
    names += [f"{path.parent.name}/{path.name}" for path in samples.paths]
    found = {
        target.name: _compare_target(target, names, reference, batches) for target in model.targets
    }
    worst = max(found.values(), key=lambda target: target.badness)
    return PixelLevel(
        **figures_of(worst),
        num_samples=len(samples),
        probes=tuple(path.name for path in probes),
        preprocessing_provider=raw.preprocessing_provider,
        network_provider=raw.network_provider,
        note=raw.note,
        errors={names[batch.files[0]]: batch.error for batch in batches if batch.error},
        targets=found,
    )


def _choose_pictures(samples: Samples) -> list[Image.Image]:
    """Choose what the probes show: real pictures where there are some."""
    paths = choose_samples(samples, _NUM_PICTURES).paths
    return read_images(paths) or draw_pictures(_NUM_PICTURES)


def _compare_target(
    target: Target, names: Sequence[str], reference: PixelReference, batches: Sequence[Batch]
) -> TargetPixels:
    ours = figures_of_outputs(target, reference.float32[target.name])
    alone, *together = gather_answers(target, batches)
    tolerances = measure_tolerances(target, reference)
    comparisons = [
        (block, answered, _compare_block(target, block, names, ours, answered, tolerance))
        for block, tolerance in zip(blocks_of(target), tolerances, strict=True)
        for answered in (alone, *together)
    ]
    block, answered, worst = max(comparisons, key=lambda found: _badness(found[2]))
    bound = worst.tolerance.bound
    decisions = decide_for(target, reference.float32[target.name])
    disagreements = _find_disagreements(names, decisions, (alone, *together), bound)
    alike = decisions.agree(Decisions(alone.choices, decisions.margins))
    exact = figures_of_outputs(target, reference.float64[target.name])
    off = (alone.figures[reference.probed] - exact)[:, block].abs()
    return TargetPixels(
        verdict=verdict_of(all(c.passed for *_, c in comparisons) and not disagreements),
        kind=target.kind,
        noise_floor=worst.tolerance.noise_floor,
        bound=bound,
        spread=worst.tolerance.spread,
        max_abs_error=worst.max_abs_error,
        mean_abs_error=(alone.figures - ours)[:, block].abs().mean().item(),
        max_abs_error_float64=off.max().item(),
        agreement=None if target.kind == "value" else alike.double().mean().item(),
        disagreements=disagreements,
        ties=pick(names, decisions.ties(bound)),
        worst=worst.worst,
        worst_batch_size=answered.batch_size,
    )


def _find_disagreements(
    names: Sequence[str], decisions: Decisions, answers: Sequence[Answered], bound: float
) -> tuple[str, ...]:
    """Name the files that are decided otherwise for no good reason, or ranked in no order."""
    found: set[str] = set()
    for each in answers:
        ours = Decisions(decisions.choices[each.files], decisions.margins[each.files])
        wrong = ours.disagree(Decisions(each.choices, ours.margins), bound) | ~each.in_order
        found |= set(pick([names[at] for at in each.files], wrong))
    return tuple(sorted(found))


def _compare_block(
    target: Target,
    block: list[int],
    names: Sequence[str],
    ours: Tensor,
    answered: Answered,
    tolerance: Tolerance,
) -> Parity:
    """Compare the outputs that share a unit."""
    outputs = names_of(target)
    return compare(
        ours[answered.files][:, block],
        answered.figures[:, block],
        tolerance,
        samples=[names[at] for at in answered.files],
        outputs=[outputs[at] for at in block],
    )


def _badness(parity: Parity) -> tuple[bool, float]:
    return not parity.passed, part_of(parity.max_abs_error, parity.tolerance.bound)
