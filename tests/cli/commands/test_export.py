import json

import pytest
import torch


def test_an_export_that_is_proved_exits_zero_and_says_where(zoo, own):
    for name in ("model.onnx", "verification.json"):
        (own.model_folder / "onnx" / name).unlink()
    outcome = zoo("export", own.path)
    assert outcome.code == 0
    for text in ("L0", "L1", "L3", "PASS", "noise floor", "model/onnx/model.onnx"):
        assert text in outcome.out
    assert (own.model_folder / "onnx" / "model.onnx").exists()


def test_json_is_the_report(zoo, own):
    report = json.loads(zoo("export", own.path, "--format", "json").out)
    assert report == json.loads((own.model_folder / "onnx/verification.json").read_text())


def test_without_verification_it_says_so(zoo, own):
    outcome = zoo("export", own.path, "--no-verify")
    assert outcome.code == 0
    assert "NOT VERIFIED" in outcome.err


def test_a_broken_export_exits_three_and_says_why(zoo, own, monkeypatch):
    def shuffled(model, folder, **options):
        from export import graph

        weight = model.network.heads["label"].last.weight
        with torch.no_grad():
            weight.copy_(weight[[1, 0, 2]])
            content = graph.export_graph(model, folder, **options)
            weight.copy_(weight[[1, 0, 2]])
        return content

    before = (own.model_folder / "onnx" / "model.onnx").read_bytes()
    monkeypatch.setattr("export.convert.export_graph", shuffled)
    outcome = zoo("export", own.path)
    assert outcome.code == 3
    assert "model.failed.onnx is not the model that was trained" in outcome.err
    assert "L1 " in outcome.err
    assert "off by" in outcome.err
    assert (own.model_folder / "onnx" / "model.onnx").read_bytes() == before
    assert "onnx/verification.failed.json" in outcome.out


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_cuda_is_never_replaced_by_the_cpu(zoo, own):
    before = (own.model_folder / "onnx" / "verification.json").read_bytes()
    outcome = zoo("export", own.path, "--device", "cuda")
    assert outcome.code == 1
    assert "CUDA was asked for and cannot be used" in outcome.err
    assert (own.model_folder / "onnx" / "verification.json").read_bytes() == before


def test_a_damaged_run_is_not_exported(zoo, own):
    path = own.model_folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    outcome = zoo("export", own.path)
    assert outcome.code == 1
    assert "model.safetensors is damaged" in outcome.err


def test_an_export_is_laid_out_as_it_is(zoo, own, tmp_path):
    before = (own.model_folder / "onnx/model.onnx").read_bytes()
    outcome = zoo("export", own.path, "--layout", "standalone", "--output", tmp_path / "place")
    assert outcome.code == 0
    assert f"wrote {tmp_path / 'place'}" in outcome.err
    assert (tmp_path / "place/model.onnx").read_bytes() == before
    assert (tmp_path / "place/predict.py").exists()


def test_what_was_not_exported_yet_is_exported_before_it_is_laid_out(zoo, own, tmp_path):
    (own.model_folder / "onnx/model.onnx").unlink()
    place = tmp_path / "photos"
    given = ("--layout", "triton", "--output", place, "--max-batch-size", 4)
    assert zoo("export", own.path, *given, "--samples", 4).code == 0
    assert "max_batch_size: 4" in (place / "config.pbtxt").read_text()
    assert (place / "1/model.onnx").read_bytes() == (
        own.model_folder / "onnx/model.onnx"
    ).read_bytes()


def test_what_is_not_proved_is_laid_out_on_demand_alone(zoo, own, tmp_path):
    (own.model_folder / "onnx/verification.json").unlink()
    given = ("--layout", "standalone", "--output", tmp_path / "place")
    outcome = zoo("export", own.path, *given)
    assert outcome.code == 3
    assert "no passing verification" in outcome.err
    assert not (tmp_path / "place").exists()
    assert zoo("export", own.path, *given, "--unproved").code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--layout", "triton"], "go together"),
        (["--output", "there"], "go together"),
        (["--layout", "tritn", "--output", "there"], "did you mean 'triton'"),
        (["--layout", "triton", "--output", "there", "--opset", "18"], "is there already"),
        (["--exporter", "dynami"], "did you mean 'dynamo'"),
        (["--precision", "int9"], "did you mean 'int8'"),
        (["--opset", "12"], "than or equal to 18"),
    ],
)
def test_options_that_make_no_sense_are_refused(zoo, own, options, message):
    outcome = zoo("export", own.path, *options)
    assert outcome.code == 2
    assert message in " ".join(outcome.err.replace("│", " ").split())
