"""Classifiers of transformers as backbones, held to transformers' own features."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from tests.transformers_models import SMALL, save
from tests.zoo.training.test_resume import SignalAfter
from zoo.backbones.claims import find_mistakes
from zoo.backbones.find import find_backbone
from zoo.backbones.network import build_network
from zoo.backbones.sources import fetch_weights
from zoo.errors import RegistryError, RunInterruptedError, WeightsError
from zoo.model import load_config, load_model
from zoo.registry.files import built_in_registry
from zoo.training.finetune import finetune
from zoo.training.plan import Settings
from zoo.training.resume import resume

REPO = "org/net"
TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}
"""Float32 noise of features from 1 to 5 wide, 3e-5 at most where it was measured: zoo adds up in
another memory layout, and the two libraries add a tiny number to variances that is not the same
(ViT: 1e-12 and 1e-6)."""


def find():
    return find_backbone(f"hf-hub:{REPO}", built_in_registry())


@pytest.fixture
def publish(hub, tmp_path):
    """Save a classifier by transformers itself, and put its files into a repository."""

    def put(kind: str, **others: bytes | None) -> nn.Module:
        model = save(tmp_path / "files", kind)
        files = {path.name: path for path in (tmp_path / "files").iterdir()}
        hub.commit(REPO, files | others)
        return model

    return put


def features(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """What transformers' own classifier receives."""
    last = model.classifier if isinstance(model.classifier, nn.Linear) else model.classifier[-1]
    seen: list[torch.Tensor] = []
    last.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    with torch.no_grad():
        model(images)
    return seen[0]


def compare(publish, kind: str) -> None:
    original, size = publish(kind), SMALL[kind][2]
    found = find()
    entry = found.backbone
    assert (entry.weights.match, entry.num_classes, entry.preprocess.size) == (
        "transformers",
        3,
        size,
    )
    assert entry.preprocess.std == (0.25, 0.25, 0.25)
    network = build_network(entry, {"label": 2}, weights=fetch_weights(entry.weights).path).eval()
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    expected = features(original, images)
    with torch.no_grad():
        got = network.place(torch.device("cpu")).body(images)
    assert expected.std() > 0.05
    torch.testing.assert_close(got, expected, **TOLERANCE)


@pytest.mark.parametrize("kind", [kind for kind in SMALL if kind != "swin"])
def test_its_features_are_those_of_transformers(publish, kind):
    compare(publish, kind)


@pytest.mark.slow
def test_a_swins_features_are_those_of_transformers(publish):
    compare(publish, "swin")


def test_what_is_claimed_of_it_is_so(publish):
    publish("resnet")
    assert find_mistakes(find().backbone) == []


def test_its_licence_is_the_one_on_its_card(publish):
    publish("resnet", **{"README.md": b"---\nlicense: cc-by-nc-4.0\n---\n"})
    assert find().backbone.weights.terms == "non-commercial"


def test_without_a_card_its_licence_is_unknown(publish):
    publish("resnet")
    assert any("licence unknown" in assumption for assumption in find().assumptions)


def test_offline_the_cache_is_enough(hub, publish, monkeypatch):
    publish("resnet")
    online = find()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert find() == online


def test_a_pickle_is_not_opened(publish):
    publish("resnet", **{"model.safetensors": None, "pytorch_model.bin": b"a pickle"})
    with pytest.raises(WeightsError, match=r"has no model\.safetensors") as caught:
        fetch_weights(find().backbone.weights)
    assert "opens no pickles" in caught.value.hint


def test_without_its_preprocessing_it_is_refused(publish):
    publish("resnet", **{"preprocessor_config.json": None})
    with pytest.raises(RegistryError, match=r"no preprocessor_config\.json"):
        find()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("depths", [9, 9, 9, 9]),
        ("depths", 4),
        ("layer_type", ["basic"]),
        ("architectures", ["ResNetModel"]),
        ("model_type", ["resnet"]),
    ],
)
def test_what_timm_has_not_is_refused(publish, tmp_path, field, value):
    publish("resnet")
    path = tmp_path / "files" / "config.json"
    odd = json.loads(path.read_text()) | {field: value}
    publish("resnet", **{"config.json": json.dumps(odd).encode()})
    with pytest.raises(RegistryError, match="is no classifier of images that timm has too"):
        find()


def test_tensors_of_nobodys_names_are_refused(publish, tmp_path):
    publish("resnet")
    entry, path = find().backbone, tmp_path / "odd.safetensors"
    state = load_file(tmp_path / "files" / "model.safetensors")
    save_file({f"odd.{name}": value for name, value in state.items()}, path)
    with pytest.raises(WeightsError, match="no names of transformers' that zoo knows"):
        build_network(entry, {"label": 2}, weights=path)


@pytest.mark.parametrize("shape", [(), (3,), (192, 200)])
def test_queries_of_another_shape_do_not_fit(publish, tmp_path, shape):
    publish("vit")
    entry, path = find().backbone, tmp_path / "odd.safetensors"
    state = load_file(tmp_path / "files" / "model.safetensors")
    (first,) = [name for name in state if "layer.0." in name and name.endswith("query.weight")]
    save_file(state | {first: torch.zeros(shape)}, path)
    with pytest.raises(WeightsError, match="do not fit net"):
        build_network(entry, {"label": 2}, weights=path)


@pytest.mark.slow
def test_a_run_from_it_is_resumed_offline_and_exported(publish, photos, monkeypatch, tmp_path):
    from export.convert import export_model
    from export.evidence import Evidence
    from zoo.data.open import open_dataset

    publish("resnet")
    settings = Settings(
        recipe="finetune", img_size=64, device="cpu", workers=0, epochs=2, batch_size=6, cache=None
    )
    output = Path("runs/net")
    with pytest.raises(RunInterruptedError):
        finetune(f"hf-hub:{REPO}", photos, settings, output=output, progress=SignalAfter(4))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    run = resume(output)
    config = load_config(run.model_folder)
    assert config.base == (f"hf-hub:{REPO}",)
    assert config.backbone.weights.match == "transformers"
    samples = open_dataset(photos).splits["train"]
    evidence = Evidence(samples=samples, recorded=None)
    export_model(load_model(run.model_folder), run.model_folder, evidence).raise_if_failed()
    again = find_backbone(str(output), built_in_registry()).backbone
    assert again.weights.match == "name"
    build_network(again, {"label": 2}, weights=fetch_weights(again.weights).path)
