"""`zoo verify` where there is nothing to verify on: golden answers are replayed instead."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from cli.options import Format

if TYPE_CHECKING:
    from export.replayed import Replay, TargetReplay


def find_reason(model: Path, data: Path | None) -> str:
    """Say why a model cannot be verified on labelled images here; empty if it can.

    Raises:
        RunError: There is no model, or images are named that nothing can be computed of here.
    """
    from export.replay import find_model_folder
    from zoo.errors import RunError

    is_run = (model / "run.json").exists()
    run = model if is_run else find_model_folder(model).resolve().parent
    if data is None and not (run / "run.json").exists():
        return "a model folder alone has no images"
    try:
        import torch  # noqa: F401
    except ImportError as cause:
        if data is not None:
            raise RunError(
                f"labelled images cannot be looked at without torch ({cause})",
                hint="leave --data out: the golden answers need no torch",
            ) from cause
        return f"torch cannot be imported ({cause})"
    return "" if data is not None else _find_missing_images(run)


def _find_missing_images(run: Path) -> str:
    """Tell whether a run's images are on this machine at all."""
    from zoo.run import Run

    record = Run(run).read()
    root = Path(record.data.root)
    gone = record.status == "complete" and not root.exists()
    return f"the run's images are not here ({root})" if gone else ""


def print_replay(model: Path, device: str, reason: str, fmt: Format) -> None:
    """Replay golden answers and print what came of it; end with exit code 3 if it failed.

    Raises:
        VerificationError: The file is not the model that was trained.
    """
    from cli import render
    from export.replay import find_model_folder, replay_model

    folder = find_model_folder(model)
    render.note(f"golden answers are replayed, and no level is verified: {reason}")
    found = replay_model(folder, device)
    if fmt is Format.JSON:
        render.print_json(_to_data(asdict(found)))
    else:
        rows = [
            (name, target.verdict.upper(), _figures(target))
            for name, target in found.targets.items()
        ]
        render.print_table(("target", "verdict", "figures"), rows)
        render.print_line()
        render.print_facts(_facts(found, folder))
    found.raise_if_failed()


def _figures(target: TargetReplay) -> str:
    alike = "" if target.agreement is None else f", {target.agreement:.0%} decided alike"
    return f"max error {target.max_abs_error:.1e}, allowed {target.bound:.1e}{alike}"


def _facts(found: Replay, folder: Path) -> list[tuple[str, str]]:
    sizes = " and ".join(map(str, found.batch_sizes))
    return [
        ("verdict", found.verdict.upper()),
        ("replayed", f"{len(found.inputs)} golden inputs in batches of {sizes}"),
        ("file", "; ".join(found.changes) or f"{found.file} as manifest.json has it"),
        ("device", f"{found.device}; {', '.join(found.providers_used)}"),
        ("model", str(folder / "onnx" / found.file)),
    ]


def _to_data(value: object) -> object:
    """Say a replay as JSON does: a figure that is no number is null."""
    if isinstance(value, dict):
        return {key: _to_data(part) for key, part in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
