import json
import math
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from export.golden_file import GOLDEN_FILE, read_golden, to_bytes
from export.replay import find_model_folder, replay_model
from zoo.errors import DamagedFileError, DeviceError, RunError, VerificationError
from zoo.manifest import update_manifest
from zoo.storage import sha256_of

MODEL, REPORT, GOLDEN = "onnx/model.onnx", "onnx/verification.json", "golden.safetensors"


def change_weights(folder, shape_of, change) -> None:
    """Change the first weights of so many axes and bring all records into line with it."""
    proto = onnx.load(folder / MODEL)
    tensor = next(t for t in proto.graph.initializer if len(t.dims) == shape_of)
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor)), tensor.name))
    onnx.save(proto, folder / MODEL)
    report = json.loads((folder / REPORT).read_text())
    report["sha256"] = sha256_of(folder / MODEL)
    (folder / REPORT).write_text(json.dumps(report))
    update_manifest(folder, [MODEL, REPORT])


def test_a_proved_model_passes_for_every_target(deployed):
    found = replay_model(deployed)
    found.raise_if_failed()
    assert (found.verdict, found.changes) == ("pass", ())
    assert list(found.targets) == ["kind", "tags", "Pose, in °"]
    assert [target.agreement for target in found.targets.values()] == [1.0, 1.0, None]
    assert all(t.max_abs_error <= t.bound for t in found.targets.values())
    assert all(t.max_abs_error_float64 <= 2 * t.bound for t in found.targets.values())
    assert found.batch_sizes == (1, 17)
    assert (found.device, found.providers_used) == ("cpu", ("CPUExecutionProvider",))


def test_a_changed_weight_fails_by_its_numbers_alone(far):
    """With manifest and report made to fit."""
    change_weights(far, 4, lambda weights: weights * np.float32(1.01))
    found = replay_model(far)
    assert (found.verdict, found.changes) == ("fail", ())
    with pytest.raises(VerificationError, match="is off by .* allowed"):
        found.raise_if_failed()


def test_without_a_report_nothing_proves_the_file(far):
    (far / REPORT).unlink()
    assert replay_model(far).changes == ("there is no onnx/verification.json: nothing proves it",)


def test_an_answer_that_is_no_number_fails(far):
    change_weights(far, 4, lambda weights: weights * np.float32(np.nan))
    found = replay_model(far)
    assert found.verdict == "fail"
    assert all(target.verdict == "fail" for target in found.targets.values())
    assert math.isnan(found.targets["kind"].max_abs_error)


def test_a_changed_byte_fails_even_where_the_numbers_are_the_same(far):
    proto = onnx.load(far / MODEL)
    proto.producer_name = "somebody else"
    onnx.save(proto, far / MODEL)
    found = replay_model(far)
    assert found.verdict == "fail"
    assert all(target.verdict == "pass" for target in found.targets.values())
    assert ["manifest.json" in change for change in found.changes] == [True, False]
    update_manifest(far, [MODEL])
    with pytest.raises(VerificationError, match=r"verification\.json is about another file"):
        replay_model(far).raise_if_failed()


def test_a_file_whose_verification_failed_fails(far):
    report = json.loads((far / REPORT).read_text())
    (far / REPORT).write_text(json.dumps(report | {"verdict": "fail"}))
    assert replay_model(far).changes == ("onnx/verification.json says that it failed",)


def test_a_report_on_another_file_says_nothing_of_this_one(far):
    """A later export that failed leaves the earlier file, and a report on itself."""
    report = json.loads((far / REPORT).read_text())
    report |= {"verdict": "fail", "file": "model.failed.onnx", "sha256": "0" * 64}
    (far / REPORT).write_text(json.dumps(report))
    assert replay_model(far).verdict == "pass"


def test_golden_answers_of_other_weights_fail(far):
    golden = replace(read_golden(far / GOLDEN_FILE), weights_sha256="f" * 64)
    (far / GOLDEN_FILE).write_bytes(to_bytes(golden))
    update_manifest(far, [GOLDEN])
    (change,) = replay_model(far).changes
    assert "the golden answers are of ffffffffffffffff" in change


def test_a_class_that_turns_within_the_bound_is_told_but_passes(far):
    """What is permitted is permitted; how many decisions it turned is said."""
    golden = read_golden(far / GOLDEN_FILE)
    first = golden.targets[0]
    wide = replace(first, float32=-first.float32, bound=np.full(first.float32.shape, 1e3))
    golden = replace(golden, targets=(wide, *golden.targets[1:]))
    (far / GOLDEN_FILE).write_bytes(to_bytes(golden))
    update_manifest(far, [GOLDEN])
    found = replay_model(far).targets["kind"]
    assert (found.verdict, found.agreement) == ("pass", 0.0)


def test_damaged_golden_answers_are_named(far):
    content = bytearray((far / GOLDEN_FILE).read_bytes())
    content[-1] ^= 1
    (far / GOLDEN_FILE).write_bytes(content)
    with pytest.raises(DamagedFileError, match=r"golden\.safetensors is damaged"):
        replay_model(far)


@pytest.mark.parametrize("name", [MODEL, GOLDEN])
def test_what_is_missing_is_named(far, name):
    (far / name).unlink()
    with pytest.raises(RunError, match=f"has no {name}") as caught:
        replay_model(far)
    assert "zoo export" in caught.value.hint


def test_a_truncated_model_fails_the_verification(far):
    (far / MODEL).write_bytes((far / MODEL).read_bytes()[:1000])
    with pytest.raises(VerificationError, match="is damaged"):
        replay_model(far)


def test_a_model_of_other_outputs_fails_the_verification(far):
    proto = onnx.load(far / MODEL)
    del proto.graph.output[1:]
    onnx.save(proto, far / MODEL)
    with pytest.raises(VerificationError, match="it does not run"):
        replay_model(far)


@pytest.mark.parametrize("name", ["tpu", "cpu:1", "cuda:x", ""])
def test_a_device_that_nobody_knows(deployed, name):
    with pytest.raises(DeviceError, match="no device is called"):
        replay_model(deployed, name)


def test_a_model_is_found_from_run_folder_model_folder_and_file(deployed):
    for path in (deployed, deployed.parent, deployed / MODEL):
        assert find_model_folder(path).samefile(deployed)


@pytest.mark.parametrize("name", ["", "nowhere"])
def test_what_is_no_model_is_said_to_be_none(tmp_path, name):
    with pytest.raises(RunError, match=r"does not exist|is neither a run folder"):
        find_model_folder(tmp_path / name)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU here")
def test_on_a_gpu_the_answers_are_within_the_bound_measured_on_the_cpu(deployed):
    found = replay_model(deployed, "cuda")
    found.raise_if_failed()
    assert (found.device, found.providers_used[0]) == ("cuda:0", "CUDAExecutionProvider")
