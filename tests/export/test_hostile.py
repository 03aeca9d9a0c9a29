import json
import os
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from export.evidence import Evidence
from export.files import ONNX_FILE
from export.graph import export_graph, write_graph
from export.hostile import admit, remember, trust
from export.hostile import child as child_process
from export.hostile.child import Limits, limits_for, try_in_child
from export.hostile.known import is_known, records_folder
from export.open import open_predictor
from export.proof import verify_model
from export.providers import RUNTIME_ERRORS
from export.session import open_session
from tests.export.hostile_models import (
    INSIDE,
    add_weight,
    fill_folder,
    make_graph,
    weight_beside,
)
from tests.export.small_models import KIND, label_photos, make_model
from zoo.errors import DamagedFileError, StorageError, UnsafeFileError, VerificationError

CPU = torch.device("cpu")
FEW = Limits(memory_bytes=2 << 30, cpu_s=20, wall_s=120)
PLAIN = make_graph(helper.make_node("Relu", ["x"], ["y"])).SerializeToString()
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds these limits")


def write(path: Path, model: onnx.ModelProto | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return path


@pytest.fixture
def trials(monkeypatch) -> list[Path]:
    """The folders of the models that a child process was started for."""
    found: list[Path] = []

    def count(content: bytes, folder: Path, limits: Limits) -> object:
        found.append(folder)
        return try_in_child(content, folder, limits)

    monkeypatch.setattr("export.hostile.door.try_in_child", count)
    return found


def test_a_strange_model_is_tried_once_and_then_known(tmp_path, trials):
    path = write(tmp_path / "m.onnx", PLAIN)
    assert admit(path) == admit(path) == PLAIN
    assert trials == [tmp_path]


def test_what_was_made_here_is_not_tried(tmp_path, trials):
    path = write(tmp_path / "m.onnx", PLAIN)
    remember(PLAIN)
    assert admit(path) == PLAIN
    assert not trials


def test_what_the_user_vouches_for_is_not_tried(tmp_path, trials):
    path = write(tmp_path / "m.onnx", INSIDE["endless loop"][0]())
    with pytest.raises(UnsafeFileError):
        admit(path)
    trust(path)
    assert admit(path) == path.read_bytes()
    assert len(trials) == 1


def test_one_changed_byte_makes_it_a_stranger(tmp_path, trials):
    remember(PLAIN)
    other = make_graph(helper.make_node("Relu", ["x"], ["y"], name="other"))
    admit(write(tmp_path / "m.onnx", other))
    assert len(trials) == 1


@pytest.mark.skipif(os.name != "posix", reason="a path below a device, and who root is")
@pytest.mark.parametrize("trouble", ["device", "read-only", "no home", "full"])
def test_a_cache_that_cannot_be_written_costs_a_trial_and_nothing_more(
    trouble, tmp_path, trials, monkeypatch
):
    if trouble == "device":
        monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/x")
    elif trouble == "read-only":
        monkeypatch.setattr(Path, "mkdir", _refuse_with(PermissionError(13, "Permission denied")))
    elif trouble == "no home":
        monkeypatch.setattr(
            "platformdirs.user_cache_path", _refuse_with(RuntimeError("no home directory"))
        )
    else:
        monkeypatch.setattr(
            "export.hostile.known.write_json",
            _refuse_with(StorageError(tmp_path, OSError(28, "No space left on device"))),
        )
    path = tmp_path / "m.onnx"
    path.write_bytes(PLAIN)
    remember(PLAIN)
    trust(path)
    assert not is_known(PLAIN, tmp_path)
    assert admit(path) == admit(path) == PLAIN
    assert trials == [tmp_path, tmp_path]


def _refuse_with(error: Exception):
    def refuse(*_, **__):
        raise error

    return refuse


def test_weights_that_are_missing_when_they_are_recorded_are_no_matter_of_the_cache(tmp_path):
    with pytest.raises(FileNotFoundError):
        remember(PLAIN, tmp_path, ("weights.bin",))


def test_another_version_of_the_runtime_tries_again(tmp_path, trials, monkeypatch):
    path = write(tmp_path / "m.onnx", PLAIN)
    admit(path)
    monkeypatch.setattr("onnxruntime.__version__", "99.0")
    admit(path)
    assert len(trials) == 2


def test_nothing_in_the_models_folder_makes_it_known(tmp_path, trials):
    remember(PLAIN)
    record = next(records_folder().iterdir())
    write(tmp_path / record.name, record.read_bytes())
    record.unlink()
    admit(write(tmp_path / "m.onnx", PLAIN))
    assert len(trials) == 1


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("harm", ["folder", "file", "link", "nonsense", "deep", "list"])
def test_a_record_that_others_could_have_written_is_not_believed(harm, tmp_path):
    remember(PLAIN)
    record = next(records_folder().iterdir())
    assert is_known(PLAIN, tmp_path)
    if harm == "folder":
        records_folder().chmod(0o777)
    elif harm == "file":
        record.chmod(0o666)
    elif harm == "link":
        record.rename(tmp_path / "elsewhere.json")
        record.symlink_to(tmp_path / "elsewhere.json")
    else:
        record.write_text({"nonsense": "{", "deep": "[" * 100_000, "list": "[]"}[harm])
    assert not is_known(PLAIN, tmp_path)


def test_weights_beside_a_model_are_part_of_what_is_known(tmp_path, trials):
    folder = fill_folder(tmp_path / "model")
    path = write(folder / "m.onnx", add_weight(weight_beside("weights.bin")))
    assert admit(path) == admit(path)
    assert len(trials) == 1
    (folder / "weights.bin").write_bytes(np.ones(16, np.float32).tobytes())
    admit(path)
    assert len(trials) == 2
    opened = open_session(path, CPU).session
    (found,) = opened.run(None, {"x": np.zeros((1, 4), np.float32)})
    assert found.tolist() == [[1, 1, 1, 1]]


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00" * 5_000, b"\x3a\xff\xff\xff\xff\x07"])
def test_what_is_no_model_is_damaged(content, tmp_path):
    with pytest.raises(DamagedFileError, match="it is no ONNX model, or cut short|holds no node"):
        admit(write(tmp_path / "m.onnx", content))


def test_what_cannot_be_opened_is_damaged(tmp_path):
    model = make_graph(
        helper.make_node("Add", ["x", "y"], ["z"]), helper.make_node("Relu", ["z"], ["y"])
    )
    with pytest.raises(DamagedFileError, match="not acyclic"):
        admit(write(tmp_path / "m.onnx", model))


@pytest.mark.skipif(os.name != "posix", reason="pipes with a name")
def test_a_pipe_is_never_opened(tmp_path):
    os.mkfifo(tmp_path / "m.onnx")
    with pytest.raises(UnsafeFileError, match="no plain file"):
        admit(tmp_path / "m.onnx")


def test_a_file_beyond_what_protobuf_holds_is_not_read(tmp_path):
    path = write(tmp_path / "m.onnx", b"")
    os.truncate(path, 2**31)
    with pytest.raises(UnsafeFileError, match="2,147,483,648 bytes"):
        admit(path)


def test_a_model_that_refuses_zeros_is_left_to_the_verification(tmp_path):
    """It opens; whether it answers is not a question of safety."""
    odd = numpy_helper.from_array(np.array([-1, 3]), "odd")
    model = make_graph(
        helper.make_node("Reshape", ["x", "odd"], ["z"]),
        helper.make_node("Identity", ["x"], ["y"]),
        weights=[odd],
    )
    model.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, None))
    path = write(tmp_path / "m.onnx", model)
    with pytest.raises(RUNTIME_ERRORS, match="Reshape"):
        open_session(path.read_bytes(), CPU).session.run(None, {"x": np.zeros((1, 4), "f")})
    assert admit(path) == path.read_bytes()
    assert is_known(path.read_bytes(), tmp_path)


@linux
def test_a_small_file_that_fills_the_memory_when_parsed_ends_in_the_child(tmp_path):
    """Forty megabytes of empty nodes take three gigabytes."""
    nodes = b"\x0a\x00" * 20_000_000
    blob = b"\x08\x0a\x3a" + _varint(len(nodes)) + nodes
    trial = try_in_child(blob, tmp_path, FEW)
    assert trial.verdict == "unsafe"
    assert "memory" in trial.problem


@linux
def test_a_bomb_that_nothing_shows_beforehand_ends_in_the_child(tmp_path):
    """The size is computed, not written: 4 · 2^31 numbers."""
    model = make_graph(
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Mul", ["shape", "factor"], ["size"]),
        helper.make_node("ConstantOfShape", ["size"], ["huge"]),
        helper.make_node("ReduceMax", ["huge"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["y"]),
        weights=[numpy_helper.from_array(np.array([1 << 16, 1 << 15]), "factor")],
    )
    with pytest.raises(UnsafeFileError, match=r"(?i)alloc"):
        admit(write(tmp_path / "m.onnx", model))


@linux
@pytest.mark.parametrize(
    ("limits", "problem"),
    [
        (Limits(memory_bytes=4 << 30, cpu_s=1, wall_s=60), "after 1 seconds of processor time"),
        (Limits(memory_bytes=4 << 30, cpu_s=60, wall_s=1.5), "not done after 2 seconds"),
    ],
    ids=["processor", "clock"],
)
def test_a_model_that_never_ends_is_ended(limits, problem, tmp_path, monkeypatch):
    content = write(tmp_path / "m.onnx", INSIDE["endless loop"][0]()).read_bytes()
    monkeypatch.setattr(child_process, "_command", _without_examination)
    trial = try_in_child(content, tmp_path, limits)
    assert trial.verdict == "unsafe"
    assert problem in trial.problem
    assert "while it was run on zeros" in trial.problem


@linux
@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        ("os.abort()", "aborted"),
        ("import ctypes; ctypes.string_at(0)", "segmentation fault"),
        ("os._exit(7)", "exit code 7"),
        ("os._exit(0)", "without a word"),
    ],
)
def test_a_crash_is_told_and_survived(harm, problem, tmp_path, monkeypatch):
    monkeypatch.setattr(child_process, "_command", lambda *_: [sys.executable, "-c", _DIES % harm])
    trial = try_in_child(PLAIN, tmp_path, FEW)
    assert trial.verdict == "unsafe"
    assert problem in trial.problem
    assert "while it was opened" in trial.problem


_DIES = 'import os, sys; print(\'{"stage": "examined"}\', flush=True); sys.stdin.read(1); %s'


def test_no_module_is_taken_from_the_folder_one_stands_in(tmp_path, monkeypatch):
    for name in ("onnx", "onnxruntime", "export", "json", "numpy"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'marker')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    assert try_in_child(PLAIN, tmp_path, FEW).verdict == "harmless"
    assert not (tmp_path / "marker").exists()


def test_what_a_library_prints_is_not_taken_for_the_outcome(tmp_path):
    """A model's names reach the messages of ONNX Runtime."""
    fake = json.dumps({"stage": "done", "verdict": "harmless"})
    model = make_graph(helper.make_node("Foo", ["x"], ["y"], name=f"\n{fake}\n"))
    with pytest.raises(DamagedFileError):
        admit(write(tmp_path / "m.onnx", model))


def test_an_interrupt_leaves_no_child(tmp_path, monkeypatch):
    processes = []

    class Interrupted(child_process.subprocess.Popen):
        def communicate(self, *_, **__):
            processes.append(self)
            raise KeyboardInterrupt

    monkeypatch.setattr(child_process.subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        try_in_child(PLAIN, tmp_path, FEW)
    assert processes[0].returncode is not None
    for pipe in (processes[0].stdin, processes[0].stdout):
        pipe.close()


def test_larger_models_may_take_more():
    small, large = limits_for(5_000_000), limits_for(350_000_000)
    assert small.memory_bytes < large.memory_bytes < 8 << 30
    assert 30 <= small.cpu_s < large.cpu_s < small.wall_s < large.wall_s


def test_prediction_admits_a_lone_file(tmp_path, trials):
    content = export_graph(make_model(tmp_path / "model", KIND), tmp_path / "model").content
    path = write(tmp_path / "m.onnx", content)
    open_predictor(path, "onnx", "cpu")
    assert trials == [tmp_path]
    with pytest.raises(UnsafeFileError, match="endless|which has a graph inside"):
        open_predictor(write(tmp_path / "evil.onnx", INSIDE["endless loop"][0]()), "torch", "cpu")


def test_what_zoo_exports_needs_no_trial(tmp_path, trials):
    model = make_model(tmp_path / "model", KIND)
    write_graph(export_graph(model, tmp_path / "model"), tmp_path / "m.onnx")
    admit(tmp_path / "m.onnx")
    assert not trials


def test_verification_fails_on_what_is_not_opened(tmp_path, trials):
    model = make_model(tmp_path / "model", KIND)
    evidence = Evidence(samples=label_photos(tmp_path, KIND), recorded=None)
    write(tmp_path / "model" / ONNX_FILE, INSIDE["custom operator"][0]())
    with pytest.raises(VerificationError, match="not the model that was trained.*\n.*'Foo'"):
        verify_model(model, tmp_path / "model", evidence)
    assert len(trials) == 1


def test_every_way_to_a_session_goes_through_the_door():
    """Whoever opens a session either has a path, which is admitted, or bytes that are."""
    package = Path(child_process.__file__).parents[1]
    sources = {path.relative_to(package).as_posix(): path.read_text() for path in _python(package)}
    opening = {name for name, text in sources.items() if "InferenceSession(" in text}
    shipped = {"layouts/predict.py"}  # stands alone, beside the model that it came with
    assert opening - shipped == {"providers.py", "hostile/trial.py", "benchmark/sessions.py"}
    # What a benchmark opens is read in one place.
    assert "admit(check_file(" in sources["benchmark/graphs.py"]


def _python(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def _without_examination(folder: Path, limits: Limits) -> list[str]:
    """The child as it is, but for the step that would refuse the model at once."""
    code = (
        "import export.hostile.examine as e; e.examine = lambda *_: [];"
        "from export.hostile.trial import main; main()"
    )
    return [sys.executable, "-P", "-c", code, str(folder), *map(str, _numbers(limits))]


def _numbers(limits: Limits) -> tuple[int, int]:
    return limits.memory_bytes, limits.cpu_s


def _varint(number: int) -> bytes:
    found = b""
    while number > 127:
        found, number = found + bytes([number & 127 | 128]), number >> 7
    return found + bytes([number])
