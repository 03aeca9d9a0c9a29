import pytest
import torch

from export.convert import export_model
from export.files import RAW_FILE
from export.open import open_predictor
from export.settings import ExportSettings
from zoo.errors import RunError


def test_both_runtimes_answer_alike(run, model, evidence):
    export_model(model, run.model_folder, evidence)
    images = torch.rand(2, 3, 64, 64)
    by_torch = open_predictor(run.path, "torch", "cpu")
    by_onnx = open_predictor(run.model_folder, "onnx", "cpu")
    by_file = open_predictor(run.model_folder / "onnx/model.onnx", "torch", "cpu")
    assert by_torch.targets == by_onnx.targets == by_file.targets
    assert by_torch.preprocess == by_onnx.preprocess
    ours, theirs, same = (opened.outputs(images) for opened in (by_torch, by_onnx, by_file))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)
    torch.testing.assert_close(theirs, same, rtol=0, atol=0)


def test_onnx_needs_an_export(run):
    with pytest.raises(RunError, match=r"has no onnx/model\.onnx") as caught:
        open_predictor(run.path, "onnx", "cpu")
    assert caught.value.hint == f"zoo export {run.path}"


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(RunError, match="does not exist"):
        open_predictor(tmp_path / "m.onnx", "onnx", "cpu")


def test_an_unfinished_run_has_no_model(run):
    run.update(status="running")
    with pytest.raises(RunError, match="not finished") as caught:
        open_predictor(run.path, "torch", "cpu")
    assert "--resume" in caught.value.hint


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_what_is_no_model_is_said_to_be_none(name, tmp_path):
    with pytest.raises(RunError, match=r"does not exist|is neither a run folder"):
        open_predictor(tmp_path / name, "torch", "cpu")


def test_a_graph_with_preprocessing_inside_is_not_given_prepared_images(run, model, evidence):
    export_model(model, run.model_folder, evidence, ExportSettings(embed_preprocessing=True))
    with pytest.raises(RunError, match="prepares them itself") as caught:
        open_predictor(run.model_folder / RAW_FILE, "onnx", "cpu")
    assert "model.onnx" in caught.value.hint
