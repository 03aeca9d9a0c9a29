import os
import signal
import subprocess
import sys

import pytest
import torch

from zoo.errors import DamagedFileError
from zoo.training.checkpoint import (
    Checkpoint,
    has_checkpoint,
    load_checkpoint,
    save_checkpoint,
)


def checkpoint(step: int) -> Checkpoint:
    return Checkpoint(
        phase=1,
        step=step,
        network={"w": torch.full((4,), float(step))},
        phase_state={"optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}}},
        epoch_loss=0.5,
        images=10,
        seconds={"descend 1": 2.0},
    )


def test_nothing_was_saved_yet(tmp_path):
    assert load_checkpoint(tmp_path) is None
    (tmp_path / "step-0-0000001-cut.pt").write_bytes(b"killed before the pointer was written")
    assert not has_checkpoint(tmp_path)
    assert load_checkpoint(tmp_path) is None


def test_the_last_checkpoint_comes_back_and_the_older_is_gone(tmp_path):
    save_checkpoint(tmp_path, checkpoint(1))
    save_checkpoint(tmp_path, checkpoint(2))
    found = load_checkpoint(tmp_path)
    assert found is not None
    assert found.step == 2
    assert torch.equal(found.phase_state["optimizer"]["state"][0]["exp_avg"], torch.ones(2))
    torch.testing.assert_close(found.network["w"], torch.full((4,), 2.0), rtol=0, atol=0)
    assert len(list(tmp_path.glob("*.pt"))) == 1


def test_a_changed_byte_is_noticed(tmp_path):
    save_checkpoint(tmp_path, checkpoint(1))
    (path,) = tmp_path.glob("*.pt")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match="not what was written") as caught:
        load_checkpoint(tmp_path)
    assert "without --resume" in caught.value.hint


def test_a_missing_file_is_noticed(tmp_path):
    save_checkpoint(tmp_path, checkpoint(1))
    next(iter(tmp_path.glob("*.pt"))).unlink()
    with pytest.raises(DamagedFileError, match="missing"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("step", [2, 1], ids=["next step", "same step"])
@pytest.mark.parametrize("call", range(1, 5))
def test_a_kill_at_any_rename_leaves_the_old_or_the_new_checkpoint(tmp_path, call, step):
    """Two files are renamed a save; the process dies before or after either."""
    save_checkpoint(tmp_path, checkpoint(1))
    code = """
import os, pathlib, signal, sys
from tests_checkpoint import checkpoint
from zoo.training.checkpoint import save_checkpoint
calls = 0
replace = pathlib.Path.replace
def fatal(self, target):
    global calls
    calls += 1
    if calls == int(sys.argv[2]): os.kill(os.getpid(), signal.SIGKILL)
    replace(self, target)
    calls += 1
    if calls == int(sys.argv[2]): os.kill(os.getpid(), signal.SIGKILL)
pathlib.Path.replace = fatal
save_checkpoint(pathlib.Path(sys.argv[1]), checkpoint(int(sys.argv[3])))
"""
    (tmp_path / "tests_checkpoint.py").write_text(
        "import torch\nfrom zoo.training.checkpoint import Checkpoint\n"
        "def checkpoint(step):\n"
        "    return Checkpoint(phase=1, step=step, network={'w': torch.full((4,), float(step))},"
        " phase_state=None, epoch_loss=0.0, images=0, seconds={})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(call), str(step)],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    found = load_checkpoint(tmp_path)
    assert found is not None
    assert found.step == (step if call == 4 else 1)
    assert found.network["w"][0] == found.step
