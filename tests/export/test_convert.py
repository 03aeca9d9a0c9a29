import copy
import json
import shutil
from dataclasses import replace

import onnx
import pytest
import torch
from filelock import FileLock

from export import convert, fewer_bits
from export.convert import export_model
from export.evidence import Evidence, gather_evidence
from export.files import PRECISION_FILES, RAW_FILE
from export.golden_file import GOLDEN_FILE, read_golden
from export.graph import export_graph
from export.proof import has_proof, verify_model
from export.replay import replay_model
from export.session import open_session
from export.settings import ExportSettings
from tests.export.small_models import KIND, label_photos, make_model
from zoo.errors import DamagedFileError, DataError, ExportError, RunError, VerificationError
from zoo.manifest import check_file
from zoo.model import load_model
from zoo.storage import sha256_of

ONNX = "onnx/model.onnx"
CPU = torch.device("cpu")


def report_of(run, name="verification.json"):
    return json.loads((run.model_folder / "onnx" / name).read_text())


def swap_classes(graph):
    """Swap two classes, as a careless label map would."""
    proto = onnx.load_from_string(graph.content)
    for tensor in proto.graph.initializer:
        if tuple(tensor.dims) in ((3, 1280), (3,)):
            array = onnx.numpy_helper.to_array(tensor)[[1, 0, 2]]
            tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    return replace(graph, content=proto.SerializeToString())


def broken_export(model, folder, **options):
    return swap_classes(export_graph(model, folder, **options))


def wrong_by_dynamo(model, folder, *, exporter, **options):
    graph = export_graph(model, folder, exporter=exporter, **options)
    return swap_classes(graph) if exporter == "dynamo" else graph


def with_weights_beside(model, folder, **options):
    return export_graph(model, folder, largest_file=1_000, **options)


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
    assert report_of(run, "verification.failed.json")["file"] == "model.failed.onnx"
    assert not (run.model_folder / "onnx/verification.json").exists()
    assert not has_proof(run.model_folder)


def test_the_first_exporter_that_passes_is_kept(run, model, evidence, monkeypatch):
    monkeypatch.setattr(convert, "export_graph", wrong_by_dynamo)
    report = export_model(model, run.model_folder, evidence)
    assert report.verdict == "pass"
    tried = [(attempt.exporter, attempt.outcome) for attempt in report.attempts]
    assert tried == [("dynamo", "failed"), ("torchscript", "kept")]
    assert "L1" in report.attempts[0].reason
    assert open_session(run.model_folder / ONNX, CPU).metadata["zoo.exporter"] == "torchscript"
    assert not (run.model_folder / "onnx/model.failed.onnx").exists()


def test_one_exporter_is_kept_to_if_it_was_asked_for(run, model, evidence, monkeypatch):
    monkeypatch.setattr(convert, "export_graph", wrong_by_dynamo)
    report = export_model(model, run.model_folder, evidence, ExportSettings(exporter="dynamo"))
    assert report.verdict == "fail"
    assert len(report.attempts) == 1


def test_preprocessing_inside_is_proved_and_written_with_the_graph(run, model, evidence):
    report = export_model(
        model, run.model_folder, evidence, ExportSettings(embed_preprocessing=True)
    )
    assert report.verdict == "pass"
    assert report.levels["L2"].num_samples == len(evidence.samples)
    assert any(f.name == "model_raw.onnx: interface" for f in report.levels["L0"].findings)
    assert has_proof(run.model_folder, RAW_FILE)
    assert verify_model(model, run.model_folder, evidence).levels["L2"].verdict == "pass"
    export_model(model, run.model_folder, evidence)
    assert not (run.model_folder / RAW_FILE).exists()


def test_a_raw_graph_that_changed_is_no_longer_proved(run, model, evidence):
    settings = ExportSettings(embed_preprocessing=True)
    export_model(model, run.model_folder, evidence, settings)
    proto = onnx.load(run.model_folder / RAW_FILE)
    resize = next(node for node in proto.graph.node if node.op_type == "Resize")
    antialias = next(a for a in resize.attribute if a.name == "antialias")
    antialias.i = 0
    onnx.save(proto, run.model_folder / RAW_FILE)
    assert not has_proof(run.model_folder, RAW_FILE)
    assert has_proof(run.model_folder)
    report = verify_model(model, run.model_folder, evidence)
    failed = {name: level for name, level in report.levels.items() if level.verdict == "fail"}
    assert set(failed) == {"L0", "L2"}
    assert "model_raw.onnx: unchanged since export" in failed["L0"].explain()


def test_free_image_sizes_are_proved(tmp_path):
    folder = tmp_path / "model"
    model = make_model(folder, KIND)
    evidence = Evidence(samples=label_photos(tmp_path / "photos", KIND), recorded=None)
    report = export_model(model, folder, evidence, ExportSettings(dynamic_size=True))
    assert report.verdict == "pass"
    assert len(report.levels["L1 sizes"].sizes) == 5


def test_weights_beside_the_graph_are_proved_with_it(run, model, evidence, monkeypatch):
    monkeypatch.setattr(convert, "export_graph", with_weights_beside)
    report = export_model(model, run.model_folder, evidence)
    assert report.verdict == "pass"
    assert set(report.others) == {"model.onnx.data"}
    assert {path.name for path in (run.model_folder / "onnx").iterdir()} == {
        *("model.onnx", "model.onnx.data", "verification.json"),
    }
    assert check_file(run.model_folder, ONNX + ".data").exists()
    assert has_proof(run.model_folder)
    assert verify_model(model, run.model_folder, evidence).verdict == "pass"
    with (run.model_folder / (ONNX + ".data")).open("r+b") as file:
        file.seek(-4, 2)
        file.write(b"\0\0\0\1")
    assert not has_proof(run.model_folder)
    found = verify_model(model, run.model_folder, evidence).levels["L0"]
    assert "model.onnx.data: unchanged since export" in found.explain()
    (run.model_folder / (ONNX + ".data")).unlink()
    assert not has_proof(run.model_folder)


def test_weights_beside_a_graph_that_failed_go_aside_with_it(run, model, evidence, monkeypatch):
    def far_off(model, folder, **options):
        network = copy.deepcopy(model.network)
        for weights in network.parameters():
            weights.data.mul_(1.1)
        return with_weights_beside(replace(model, network=network), folder, **options)

    monkeypatch.setattr(convert, "export_graph", far_off)
    report = export_model(model, run.model_folder, evidence)
    assert report.verdict == "fail"
    assert set(report.others) == {"model.failed.onnx.data"}
    failed = run.model_folder / "onnx/model.failed.onnx"
    assert onnx.load(failed).graph.initializer
    assert report.sha256 == sha256_of(failed)


def test_preprocessing_does_not_go_inside_where_weights_lie_beside(
    run, model, evidence, monkeypatch
):
    monkeypatch.setattr(convert, "export_graph", with_weights_beside)
    with pytest.raises(ExportError, match="beside"):
        export_model(model, run.model_folder, evidence, ExportSettings(embed_preprocessing=True))


@pytest.mark.parametrize(("golden", "real"), [("real", True), ("edges", False)])
def test_golden_answers_are_kept_to_what_was_asked_for(run, model, evidence, golden, real):
    export_model(model, run.model_folder, evidence, ExportSettings(golden=golden))
    names = read_golden(run.model_folder / GOLDEN_FILE).inputs
    assert any(not name.startswith("(") for name in names) is real
    assert replay_model(run.model_folder).verdict == "pass"
    export_model(model, run.model_folder, evidence, ExportSettings(golden="none"))
    assert not (run.model_folder / GOLDEN_FILE).exists()


def test_a_failed_export_leaves_an_earlier_one_alone(run, model, evidence, monkeypatch):
    export_model(model, run.model_folder, evidence)
    before = (run.model_folder / ONNX).read_bytes()
    monkeypatch.setattr(convert, "export_graph", broken_export)
    export_model(model, run.model_folder, evidence)
    assert (run.model_folder / ONNX).read_bytes() == before
    assert has_proof(run.model_folder)
    monkeypatch.undo()
    export_model(model, run.model_folder, evidence)
    assert not list((run.model_folder / "onnx").glob("*failed*"))


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


INT8 = PRECISION_FILES["int8"]


def test_fewer_bits_are_written_within_the_budget_and_judged_again(run, model, evidence):
    settings = ExportSettings(precisions=("int8",), max_drop=100, calibration_images=8)
    report = export_model(model, run.model_folder, evidence, settings)
    assert report.precisions["int8"].verdict == "kept"
    assert has_proof(run.model_folder, INT8)
    again = verify_model(model, run.model_folder, evidence).precisions["int8"]
    assert again.verdict == "kept"
    assert again.targets == report.precisions["int8"].targets
    assert has_proof(run.model_folder, INT8)
    content = (run.model_folder / INT8).read_bytes()
    (run.model_folder / INT8).write_bytes(content + b"\0")
    assert not has_proof(run.model_folder, INT8)
    changed = verify_model(model, run.model_folder, evidence)
    assert "model_int8.onnx: unchanged since export" in changed.levels["L0"].explain()
    (run.model_folder / INT8).write_bytes(content)
    assert verify_model(model, run.model_folder, evidence).verdict == "pass"
    assert has_proof(run.model_folder, INT8)
    export_model(model, run.model_folder, evidence)
    assert not (run.model_folder / INT8).exists()


def test_fewer_bits_outside_the_budget_leave_no_file(run, model, evidence):
    settings = ExportSettings(precisions=("int8",), max_drop=-100, calibration_images=8)
    report = export_model(model, run.model_folder, evidence, settings)
    assert report.verdict == "pass"
    assert report.precisions["int8"].verdict == "refused"
    assert not (run.model_folder / INT8).exists()
    assert has_proof(run.model_folder)
    with pytest.raises(VerificationError, match="not within the accuracy budget"):
        report.raise_if_refused()


def test_a_variant_that_answers_worse_on_this_machine_is_refused_there(run, model, evidence):
    settings = ExportSettings(precisions=("int8",), max_drop=100, calibration_images=8)
    export_model(model, run.model_folder, evidence, settings)
    written = json.loads((run.model_folder / "onnx/verification.json").read_text())
    written["precisions"]["int8"]["max_drop"] = -100
    (run.model_folder / "onnx/verification.json").write_text(json.dumps(written))
    report = verify_model(model, run.model_folder, evidence)
    assert report.precisions["int8"].verdict == "refused"
    assert not has_proof(run.model_folder, INT8)


@pytest.mark.parametrize("missing", ["evidence", "training"])
def test_fewer_bits_need_images_to_calibrate_on(run, model, evidence, missing):
    given = None if missing == "evidence" else replace(evidence, training=None)
    with pytest.raises(RunError, match="need training images"):
        export_model(model, run.model_folder, given, ExportSettings(precisions=("fp16",)))
    assert not (run.model_folder / ONNX).exists()


def test_what_is_proved_stays_so_whatever_becomes_of_it_in_fewer_bits(
    run, model, evidence, monkeypatch
):
    def refuse(*_, **__):
        raise ExportError("no way to int8")

    monkeypatch.setattr(fewer_bits, "make_precisions", refuse)
    with pytest.raises(ExportError, match="no way to int8"):
        export_model(model, run.model_folder, evidence, ExportSettings(precisions=("int8",)))
    assert has_proof(run.model_folder)
    assert check_file(run.model_folder, ONNX).exists()


def test_two_exports_do_not_write_into_one_folder(run, model, evidence):
    with (
        FileLock(run.model_folder / ".export.turn"),
        pytest.raises(RunError, match="another export writes into"),
    ):
        export_model(model, run.model_folder, evidence)
    assert not (run.model_folder / ONNX).exists()


def test_what_a_killed_export_left_is_cleared_away(run, model, evidence):
    left = run.model_folder / ".onnx.0123.part"
    left.mkdir()
    (left / "model.onnx.data").write_bytes(b"x")
    export_model(model, run.model_folder, None)
    assert not left.exists()


def test_the_turn_of_whoever_waits_outlives_the_export_before(run, model):
    """A lock's file that is removed and made again is another lock, which two would hold."""
    turn = run.model_folder / ".export.turn"
    turn.touch()
    before = turn.stat().st_ino
    export_model(model, run.model_folder, None)
    assert turn.stat().st_ino == before
    with FileLock(turn, timeout=0):
        pass
    assert turn.name not in (run.model_folder / "manifest.json").read_text()
