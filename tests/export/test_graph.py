import json
import subprocess
import sys

import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from export.graph import export_graph
from zoo.backbones.network import build_network
from zoo.errors import ExportError
from zoo.model import ModelConfig, TrainedModel
from zoo.registry import load_registry
from zoo.storage import sha256_of, sha256_of_bytes


def test_names_axes_and_opset_are_as_promised(proto):
    (given,), (result,) = proto.graph.input, proto.graph.output
    assert (given.name, result.name) == ("pixel_values", "logits")
    axes = [
        [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in (given, result)
    ]
    assert axes == [["batch_size", 3, 64, 64], ["batch_size", 3]]
    assert [(o.domain, o.version) for o in proto.opset_import] == [("", 20)]


def test_metadata_tell_labels_preprocessing_and_whose_weights_these_are(proto, finished, model):
    facts = {entry.key: entry.value for entry in proto.metadata_props}
    assert json.loads(facts["zoo.labels"]) == list(model.targets[0].classes)
    assert json.loads(facts["zoo.preprocess"])["mean"] == [0.5, 0.5, 0.5]
    assert facts["zoo.weights_sha256"] == sha256_of(finished.model_folder / "model.safetensors")
    assert facts["zoo.weights_license"] == "apache-2.0"


def test_the_same_model_gives_the_same_bytes_again(model, finished, graph):
    assert export_graph(model, finished.model_folder) == graph


def test_another_process_in_another_folder_gives_the_same_bytes(finished, graph, tmp_path):
    code = (
        "import sys; from pathlib import Path; from zoo.model import load_model;"
        "from export.graph import export_graph; from zoo.storage import sha256_of_bytes;"
        "folder = Path(sys.argv[1]);"
        "print(sha256_of_bytes(export_graph(load_model(folder), folder)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(finished.model_folder)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == sha256_of_bytes(graph)


def test_no_node_remembers_where_it_was_made(proto):
    assert not any(node.metadata_props or node.doc_string for node in proto.graph.node)


def test_every_weight_is_inside_and_none_is_lost(proto, model):
    """BatchNorm is folded into convolutions, so tensors differ; the head must be verbatim."""
    stored = [numpy_helper.to_array(tensor) for tensor in proto.graph.initializer]
    head = model.network.heads["label"].last.weight.numpy()
    assert any(tensor.shape == head.shape and (tensor == head).all() for tensor in stored)


@pytest.mark.parametrize("batch", [1, 2, 5, 33])
def test_any_batch_size_runs_and_each_row_is_its_own(graph, model, batch):
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    images = torch.rand(batch, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    (logits,) = session.run(None, {"pixel_values": images.numpy()})
    assert logits.shape == (batch, 3)
    expected = model.outputs(images)["label"]
    torch.testing.assert_close(torch.from_numpy(logits), expected, rtol=0, atol=1e-4)


def test_another_opset_is_read_back(model, finished):
    proto = onnx.load_from_string(export_graph(model, finished.model_folder, opset=18))
    assert proto.opset_import[0].version == 18


def test_a_network_that_cannot_be_exported_is_an_export_error(model, finished, monkeypatch):
    class Stubborn(torch.nn.Module):
        def forward(self, x):
            return {"label": x if x.sum() > 0 else -x}

    broken = TrainedModel(Stubborn(), model.config, model.device)
    with pytest.raises(ExportError, match="cannot export efficientnet_lite0"):
        export_graph(broken, finished.model_folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet50", "vit_b_16"])
def test_large_networks_with_random_weights_pass_verification(name, model, finished, evidence):
    """At their own resolution; `benchmarks/export.py` does the same on 128 images."""
    from export.verify import verify

    backbone = load_registry().backbone(name)
    config = ModelConfig(
        backbone=backbone,
        preprocess=backbone.preprocess,
        targets=model.targets,
        data_fingerprint="0" * 64,
        recipe="none",
        pretrained=False,
        zoo_version="0",
    )
    network = build_network(backbone, {"label": 3}).eval()
    large = TrainedModel(network, config, torch.device("cpu"))
    content = export_graph(large, finished.model_folder)
    samples = evidence.samples.select([at % len(evidence.samples) for at in range(16)])
    report = verify(large, finished.model_folder, content, samples, file="m.onnx")
    assert report.verdict == "pass", report
