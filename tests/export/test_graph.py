import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from export import exporters
from export.exporters import EXPORTERS
from export.graph import export_graph
from export.metadata import describe
from export.structure import examine_graph
from tests.export.small_models import AGE, KIND, as_file, make_model
from tests.export.tiny_networks import make_tiny
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
    assert export_graph(model, finished.model_folder).content == graph


def test_another_process_in_another_checkout_gives_the_same_bytes(tmp_path):
    """Another order of sets, other paths of the sources, another working folder."""
    model = make_model(tmp_path / "model", KIND)
    here = Path(exporters.__file__).parent.parent
    for part in ("zoo", "export"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(here / part, tmp_path / "checkout" / part, ignore=ignored)
    shutil.copy(here / "registry.json", tmp_path / "checkout")
    code = (
        "import sys; from pathlib import Path; from zoo.model import load_model;"
        "from export.exporters import EXPORTERS; from export.graph import export_graph;"
        "from zoo.storage import sha256_of_bytes; folder = Path(sys.argv[1]);"
        "graphs = [export_graph(load_model(folder), folder, exporter=e) for e in EXPORTERS];"
        "print(*[sha256_of_bytes(graph.content) for graph in graphs])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "model")],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "checkout"), "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    ours = [export_graph(model, tmp_path / "model", exporter=exporter) for exporter in EXPORTERS]
    assert done.stdout.split() == [sha256_of_bytes(graph.content) for graph in ours]


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_both_exporters_write_a_graph_that_is_in_order(exporter, tmp_path):
    model = make_tiny("resnet", tmp_path, KIND, AGE)
    graph = export_graph(model, tmp_path, exporter=exporter)
    proto = onnx.load_from_string(graph.content)
    findings = examine_graph(proto, describe(model, tmp_path))
    assert all(finding.passed for finding in findings), findings
    assert (graph.exporter, graph.opset, graph.weights) == (exporter, 20, None)
    facts = {entry.key: entry.value for entry in proto.metadata_props}
    assert facts["zoo.exporter"] == exporter
    assert json.loads(facts["zoo.versions"]).keys() == {"onnx", "torch", "zoo"}


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


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("opset", [18, 20])
def test_the_opset_is_the_one_asked_for(exporter, opset, tmp_path):
    model = make_model(tmp_path, KIND)
    graph = export_graph(model, tmp_path, opset=opset, exporter=exporter)
    proto = onnx.load_from_string(graph.content)
    assert [entry.version for entry in proto.opset_import] == [graph.opset] == [opset]


def test_another_opset_than_was_asked_for_is_no_export(tmp_path):
    """The current exporter cannot always translate its 18 down, and keeps it in silence."""
    model = make_tiny("resnet", tmp_path, KIND)
    with pytest.raises(ExportError, match="wrote opset 18 where 17 was asked for") as caught:
        export_graph(model, tmp_path, opset=17)
    assert "--opset 18" in caught.value.hint
    assert export_graph(model, tmp_path, opset=17, exporter="torchscript").opset == 17


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
    content = export_graph(large, finished.model_folder).content
    samples = evidence.samples.select([at % len(evidence.samples) for at in range(16)])
    report = verify(large, finished.model_folder, as_file(content), samples)
    assert report.verdict == "pass", report
