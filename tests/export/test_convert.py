import json
import shutil
from dataclasses import replace

import onnx
import pytest

from export import convert
from export.convert import (
    export_model,
    gather_evidence,
    has_proof,
    verify_model,
)
from zoo.errors import DamagedFileError, DataError, RunError
from zoo.manifest import check_file
from zoo.model import load_model

ONNX = "onnx/model.onnx"


def report_of(run):
    return json.loads((run.model_folder / "onnx/verification.json").read_text())


def broken_export(model, folder, *, opset):
    """An exporter that swaps two classes, as a careless label map would."""
    from export.graph import export_graph

    good = export_graph(model, folder, opset=opset)
    proto = onnx.load_from_string(good.content)
    for tensor in proto.graph.initializer:
        if tuple(tensor.dims) in ((3, 1280), (3,)):
            array = onnx.numpy_helper.to_array(tensor)[[1, 0, 2]]
            tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    return replace(good, content=proto.SerializeToString())


def test_a_proved_export_is_written_with_its_evidence(run, model, evidence):
    report = export_model(model, run.model_folder, evidence)
    assert report.verdict == "pass"
    assert check_file(run.model_folder, ONNX).exists()
    found = report_of(run)
    assert found["verdict"] == "pass"
    assert found["file"] == "model.onnx"
    assert set(found) >= {
        *("levels", "device", "providers_requested", "providers_used", "tf32", "versions"),
    }
    assert set(found["levels"]["L1"]) >= {
        *("max_abs_error", "mean_abs_error", "noise_floor", "bound", "agreement"),
        *("num_samples", "batch_sizes", "verdict"),
    }
    assert set(found["levels"]["L3"]) >= {"metric_torch", "metric_onnx", "num_samples"}
    assert {"torch", "onnx", "onnxruntime"} <= set(found["versions"])
    assert has_proof(run.model_folder)


def test_a_failed_export_never_gets_the_models_name(run, model, evidence, monkeypatch):
    monkeypatch.setattr(convert, "export_graph", broken_export)
    report = export_model(model, run.model_folder, evidence)
    assert report.verdict == "fail"
    assert not (run.model_folder / ONNX).exists()
    assert (run.model_folder / "onnx/model.failed.onnx").exists()
    assert report_of(run)["file"] == "model.failed.onnx"
    assert not has_proof(run.model_folder)


def test_a_failed_export_leaves_an_earlier_one_alone(run, model, evidence, monkeypatch):
    export_model(model, run.model_folder, evidence)
    before = (run.model_folder / ONNX).read_bytes()
    monkeypatch.setattr(convert, "export_graph", broken_export)
    export_model(model, run.model_folder, evidence)
    assert (run.model_folder / ONNX).read_bytes() == before


def test_without_verification_there_is_no_proof(run, model, evidence):
    export_model(model, run.model_folder, evidence)
    assert export_model(model, run.model_folder, None) is None
    assert (run.model_folder / ONNX).exists()
    assert not (run.model_folder / "onnx/verification.json").exists()
    assert not has_proof(run.model_folder)


def test_a_proof_is_about_these_very_bytes(run, model, evidence):
    export_model(model, run.model_folder, evidence)
    with (run.model_folder / ONNX).open("ab") as file:
        file.write(b"\0")
    assert not has_proof(run.model_folder)


def test_verifying_blesses_no_file_that_changed(run, model, evidence):
    export_model(model, run.model_folder, evidence)
    path = run.model_folder / ONNX
    proto = onnx.load(path)
    proto.producer_name = "somebody else"
    onnx.save(proto, path)
    assert verify_model(model, run.model_folder, evidence).verdict == "fail"
    with pytest.raises(DamagedFileError):
        check_file(run.model_folder, ONNX)


def test_verifying_again_replaces_the_report(run, model, evidence):
    export_model(model, run.model_folder, None)
    assert verify_model(model, run.model_folder, evidence).verdict == "pass"
    assert has_proof(run.model_folder)


def test_verifying_needs_an_export(run, model, evidence):
    with pytest.raises(RunError, match="has no onnx/model.onnx") as caught:
        verify_model(model, run.model_folder, evidence)
    assert "zoo export" in caught.value.hint


def test_evidence_is_the_runs_validation_split_and_its_score(run, model):
    evidence = gather_evidence(run, None, model.targets)
    assert evidence.samples.paths == run.read_dataset().validation.paths
    assert evidence.recorded == run.read().metrics["validation"]


def test_a_part_of_the_split_has_no_recorded_score(run, model):
    evidence = gather_evidence(run, None, model.targets, 2)
    assert len(evidence.samples) == 2
    assert evidence.recorded is None


def test_evidence_may_be_another_folder(shared_photos, model):
    evidence = gather_evidence(None, shared_photos, model.targets, 7)
    assert len(evidence.samples) == 7
    assert evidence.recorded is None


def test_a_model_folder_alone_has_no_evidence(model):
    with pytest.raises(RunError, match="no images to verify on") as caught:
        gather_evidence(None, None, model.targets)
    assert "--data" in caught.value.hint


def test_evidence_that_changed_is_refused(run, model, shared_photos, tmp_path):
    copy = tmp_path / "photos"
    shutil.copytree(shared_photos, copy)
    splits = run.path / "splits.jsonl"
    splits.write_text(splits.read_text().replace(str(shared_photos), str(copy)))
    run.read_dataset().validation.path(0).write_bytes(b"changed")
    with pytest.raises(DataError, match="changed"):
        gather_evidence(run, None, model.targets)


@pytest.mark.parametrize("name", ["model.safetensors", "zoo_config.json"])
@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_a_damaged_model_is_never_exported(run, name, harm):
    path = run.model_folder / name
    content = bytearray(path.read_bytes())
    if harm == "flip":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif harm == "cut":
        path.write_bytes(content[:-10])
    else:
        path.unlink()
    expected = RunError if (harm, name) == ("remove", "zoo_config.json") else DamagedFileError
    with pytest.raises(expected, match=name):
        load_model(run.model_folder)
