"""The process that opens mutated models: `python -m tests.export.fuzzed FOLDER FIRST PAST`.

For each seed it does what the child of `admit` does, then what zoo itself would do with a file
that was admitted; and says how far it came, a line a step. It may die in the first part, which is
what that child is for. In the second it may not.
"""

import signal
import sys
from pathlib import Path

import numpy as np
import onnx
import torch

from export.hostile import trial
from export.metadata import describe
from export.session import open_session
from export.structure import examine_graph
from tests.export.mutations import mutate
from zoo.errors import ZooError
from zoo.model import TrainedModel, load_model

MEMORY_BYTES = 24 << 30
"""Of address space: torch alone reserves much of it."""
TIME_S = 60


def main() -> None:
    """Try the seeds one by one."""
    place, first, past = sys.argv[1:]
    folder = Path(place)
    model, content = load_model(folder), (folder / "model.onnx").read_bytes()
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    wanted = model.outputs(images)
    expected = describe(model, folder)
    trial._limit(MEMORY_BYTES, 3_600)
    tell = trial._own_voice()
    for seed in range(int(first), int(past)):
        signal.alarm(TIME_S)
        kind, changed = mutate(content, seed)
        tell(seed=seed, kind=kind, stage="trial")
        try:
            found = trial._try(changed, folder, lambda **_: None)["verdict"]
        except MemoryError:
            found = "unsafe"
        if found == "harmless":
            tell(seed=seed, kind=kind, stage="use")
            found = _use(changed, model, images, wanted, expected)
        same = "unchanged" if changed == content else found
        tell(seed=seed, kind=kind, stage="done", outcome=same)


def _use(
    changed: bytes,
    model: TrainedModel,
    images: torch.Tensor,
    wanted: dict[str, torch.Tensor],
    expected: dict[str, str],
) -> str:
    """Predict and verify; anything but zoo's own errors escapes, and ends the process."""
    proto = onnx.load_from_string(changed)
    sound = all(finding.passed for finding in examine_graph(proto, expected))
    try:
        opened = open_session(changed, torch.device("cpu"))
        assert opened.preprocess is not None
        found = opened.outputs(images)
    except ZooError:
        return "an error"
    if not sound:
        return "fails L0"
    near = found.keys() == wanted.keys() and all(
        np.allclose(found[name], wanted[name], rtol=0, atol=1e-4) for name in wanted
    )
    return "same answers" if near else "fails L1"


if __name__ == "__main__":
    main()
