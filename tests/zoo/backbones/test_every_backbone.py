"""Each entry of the registry, from random weights: forward, backward, and through ONNX."""

import pytest
import torch
from torch import nn

from export.graph import export_graph
from export.parity import tolerance_of
from export.session import open_session
from zoo.backbones.network import build_network
from zoo.model import ModelConfig, load_model, save_model
from zoo.registry.files import built_in_registry
from zoo.targets import ClassTarget

BACKBONES = list(built_in_registry().backbones.values())
CLASSES = ("a", "b", "c")


def small(entry) -> int:
    """A size at which the network does what it does at its own, in a fraction of the time."""
    size = entry.preprocess.size
    if entry.fixed_size and not entry.resizable:
        return size
    return min(size, -(-max(64, entry.min_size) // entry.size_step) * entry.size_step)


def settle(network: nn.Module, images: torch.Tensor) -> None:
    """Let BatchNorm see real statistics: with those of construction, activations of a deep
    random network vanish or explode, and nothing could be told from its logits."""
    network.train()
    with torch.no_grad():
        for _ in range(3):
            network(images)
    network.eval()


@pytest.mark.exhaustive
@pytest.mark.parametrize("entry", BACKBONES, ids=[b.name for b in BACKBONES])
def test_it_learns_and_survives_the_export(entry, tmp_path):
    size = small(entry)
    network = build_network(entry, {"label": len(CLASSES)}, size=size)
    images = torch.rand(5, 3, size, size)
    network.train()
    logits = network(images)["label"]
    nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 0, 1])).backward()
    for stage in entry.stages:
        gradients = [p.grad for p in network.stage_parameters(stage).values()]
        assert any(g is not None and g.isfinite().all() and g.any() for g in gradients), stage
    network.zero_grad(set_to_none=True)
    network.requires_grad_(requires_grad=False)
    settle(network, images)

    config = ModelConfig(
        backbone=entry,
        preprocess=entry.preprocess.at_size(size),
        targets=(ClassTarget(classes=CLASSES),),
        data_fingerprint="0" * 64,
        recipe="none",
        pretrained=False,
        zoo_version="0",
    )
    save_model(tmp_path, network, config)
    model = load_model(tmp_path)
    content = export_graph(model, tmp_path).content
    session = open_session(content, torch.device("cpu"))
    expected = model.outputs(images)["label"]
    exact = network.double()(images.double())["label"]
    bound = tolerance_of(expected, exact, spread=1.0).bound
    for batch in (1, 5):
        found = session.outputs(images[:batch])["label"]
        torch.testing.assert_close(found, expected[:batch], rtol=0, atol=bound)
