import shutil

import numpy as np
import onnx
import pytest
from onnx import numpy_helper


def test_a_good_file_is_proved_again(zoo, own):
    outcome = zoo("verify", own.path)
    assert outcome.code == 0
    assert "verdict  PASS" in outcome.out


def test_a_file_that_was_tampered_with_exits_three_and_says_how_far_off(zoo, own):
    path = own.model_folder / "onnx" / "model.onnx"
    proto = onnx.load(path)
    bias = next(t for t in proto.graph.initializer if tuple(t.dims) == (3,))
    array = numpy_helper.to_array(bias) + 0.01
    bias.CopyFrom(numpy_helper.from_array(array, bias.name))
    onnx.save(proto, path)
    outcome = zoo("verify", own.path)
    assert outcome.code == 3
    assert "FAIL" in outcome.out
    assert "off by 1.00e-02" in outcome.err


@pytest.mark.slow
def test_where_a_file_differs_is_told_on_demand(zoo, own):
    path = own.model_folder / "onnx" / "model.onnx"
    proto = onnx.load(path)
    bias = next(t for t in proto.graph.initializer if tuple(t.dims) == (3,))
    array = numpy_helper.to_array(bias) + np.float32([0.01, 0, 0])
    bias.CopyFrom(numpy_helper.from_array(array, bias.name))
    onnx.save(proto, path)
    outcome = zoo("verify", own.path, "--locate")
    assert outcome.code == 3
    assert "← first" in outcome.out
    assert "last.bias" in outcome.out
    assert "PyTorch and ONNX part at" in outcome.err


def test_a_model_folder_elsewhere_is_verified_on_any_labelled_images(zoo, own, photos, tmp_path):
    shutil.copytree(own.model_folder, tmp_path / "far")
    replayed = zoo("verify", tmp_path / "far")
    assert replayed.code == 0
    assert "golden answers are replayed" in replayed.err
    outcome = zoo("verify", tmp_path / "far", "--data", photos, "--samples", 5)
    assert outcome.code == 0
    assert "5 images" in outcome.out


def test_a_run_that_was_never_exported(zoo, own):
    (own.model_folder / "onnx" / "model.onnx").unlink()
    outcome = zoo("verify", own.path)
    assert outcome.code == 1
    assert "zoo export" in outcome.err


def test_a_change_too_small_to_matter_is_still_a_change(zoo, own):
    """Within tolerance, and not the file that was exported."""
    path = own.model_folder / "onnx" / "model.onnx"
    proto = onnx.load(path)
    proto.producer_name = "somebody else"
    onnx.save(proto, path)
    for _ in range(2):
        outcome = zoo("verify", own.path)
        assert outcome.code == 3
        assert "L0 unchanged since export" in outcome.err
    assert zoo("predict", own.path, "x.png", "--runtime", "onnx").code == 1


def test_a_truncated_file_exits_three(zoo, own):
    path = own.model_folder / "onnx" / "model.onnx"
    path.write_bytes(path.read_bytes()[:1000])
    outcome = zoo("verify", own.path)
    assert outcome.code == 3
    assert "model.onnx is not the model that was trained" in outcome.err


def test_the_onnx_file_itself_may_be_named(zoo, own):
    assert zoo("verify", own.model_folder / "onnx" / "model.onnx").code == 0


def test_a_file_from_elsewhere_needs_no_trial_if_somebody_vouches_for_it(zoo, own, monkeypatch):
    """Its bytes are not on record, as nobody's are who brings another home folder."""
    monkeypatch.setattr("export.hostile.known.records_folder", lambda: own.path / "records")
    monkeypatch.setattr("export.hostile.door.try_in_child", None)
    assert zoo("verify", own.path, "--trust", "--samples", 4).code == 0


@pytest.mark.parametrize("name", ["model_int8.onnx", "nothing.onnx"])
def test_no_file_is_judged_in_anothers_name(zoo, own, name):
    folder = own.model_folder / "onnx"
    (folder / "model_int8.onnx").write_bytes((folder / "model.onnx").read_bytes()[:999])
    outcome = zoo("verify", folder / name)
    assert outcome.code == 1
    assert name in outcome.err


def test_a_graph_that_nobody_exported_is_told_of(zoo, own):
    (own.model_folder / "onnx/model_int8.onnx").write_bytes(b"x")
    outcome = zoo("verify", own.path, "--samples", 4)
    assert outcome.code == 3
    assert "model_int8.onnx: unchanged since export: not recorded in manifest.json" in " ".join(
        outcome.err.split()
    )
