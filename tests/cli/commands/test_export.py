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
    def shuffled(model, folder, *, opset):
        from export import graph

        weight = model.network.heads["label"].last.weight
        with torch.no_grad():
            weight.copy_(weight[[1, 0, 2]])
            content = graph.export_graph(model, folder, opset=opset)
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
