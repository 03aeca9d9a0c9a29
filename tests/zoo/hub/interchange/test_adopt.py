"""Classifiers that others saved become model folders of zoo's."""

import json

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from zoo.backbones.find import find_backbone
from zoo.errors import RegistryError, WeightsError
from zoo.hub.interchange.adopt import adopt
from zoo.model import load_config, load_model
from zoo.registry import load_registry
from zoo.targets import LabelsTarget, ValueTarget

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CLASSES = ("checks", "discs", "stripes")
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}
"""Float32 noise: zoo computes in another memory layout, whose sums run in another order."""


def save_timm(folder, architecture: str = "resnet10t", *, config=None, **arguments):
    """Save a network as timm does, by timm itself."""
    torch.manual_seed(0)
    network = timm.create_model(architecture, **({"num_classes": 3} | arguments)).eval()
    told = {"label_names": list(CLASSES)} if config is None else config
    timm.models.save_for_hf(network, folder, model_config=told, safe_serialization=True)
    return network


@pytest.fixture
def files(tmp_path):
    """A repository in timm's layout."""
    save_timm(tmp_path / "files")
    return tmp_path / "files"


def change(files, **fields) -> None:
    path = files / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def taken(files, tmp_path):
    adopt(files, "org/shapes", COMMIT, tmp_path / "model")
    return load_model(tmp_path / "model")


@pytest.mark.parametrize(
    ("architecture", "arguments", "size"),
    [
        ("resnet10t", {}, 64),
        ("vit_tiny_patch16_224", {"img_size": 96}, 96),
        ("mobilenetv3_small_050", {}, 64),
        # Its classifier is a convolution.
        ("resnetv2_50x1_bit", {"num_classes": 3}, 64),
    ],
)
def test_a_network_that_timm_saved_answers_as_it_did(tmp_path, architecture, arguments, size):
    network = save_timm(tmp_path / "files", architecture, **arguments)
    model = taken(tmp_path / "files", tmp_path)
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = network(images)
    torch.testing.assert_close(model.outputs(images)["label"], expected, **TOLERANCE)
    assert model.targets[0].classes == CLASSES


def test_it_is_known_where_it_came_from(files, tmp_path):
    config = adopt(files, "org/shapes", COMMIT, tmp_path / "model")
    assert load_config(tmp_path / "model") == config
    weights = config.backbone.weights
    assert (weights.source, weights.location) == ("hub", "org/shapes")
    assert (weights.revision, len(weights.sha256)) == (COMMIT, 64)
    assert config.base == (f"hf-hub:org/shapes@{COMMIT}",)
    assert (config.pretrained, config.recipe) == (True, "adopted")


def test_it_is_a_backbone_for_the_next(files, tmp_path):
    adopt(files, "org/shapes", COMMIT, tmp_path / "model")
    found = find_backbone(str(tmp_path / "model"), load_registry())
    assert found.backbone.weights.base == (f"hf-hub:org/shapes@{COMMIT}",)
    assert found.backbone.num_classes == 3


def test_timm_loads_what_was_taken_from_it(files, tmp_path):
    model = taken(files, tmp_path)
    again = timm.create_model(f"local-dir:{tmp_path / 'model'}", pretrained=True).eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        found = again(images)
    torch.testing.assert_close(found, model.outputs(images)["label"], **TOLERANCE)


def test_it_is_evaluated_as_any_other(files, tmp_path, photos):
    from zoo.data.open import open_dataset
    from zoo.evaluation import evaluate

    model = taken(files, tmp_path)
    dataset = open_dataset(photos)
    metrics = evaluate(model, dataset.splits["train"])
    assert metrics.num_samples == len(dataset.splits["train"])


def card(files, front: str) -> None:
    (files / "README.md").write_text(f"---\n{front}\n---\n# Shapes\n")


def test_the_licence_is_the_one_that_the_card_names(files, tmp_path):
    card(files, "license: cc-by-nc-4.0")
    config = adopt(files, "org/shapes", COMMIT, tmp_path / "model")
    assert config.backbone.weights.license == "cc-by-nc-4.0"
    assert "must not be used commercially" in config.notes[0]
    assert any("config.json says apache-2.0" in each for each in config.assumptions)


def test_without_a_card_it_is_the_configurations(files, tmp_path):
    config = adopt(files, "org/shapes", COMMIT, tmp_path / "model")
    assert config.backbone.weights.license == "apache-2.0"


def test_a_licence_that_nobody_names_is_an_assumption(files, tmp_path):
    path = files / "config.json"
    content = json.loads(path.read_text())
    del content["pretrained_cfg"]["license"]
    path.write_text(json.dumps(content))
    config = adopt(files, "org/shapes", COMMIT, tmp_path / "model")
    assert config.backbone.weights.license == "other"
    assert any("licence unknown" in each for each in config.assumptions)


def test_a_card_that_is_none_stops_nothing(files, tmp_path):
    card(files, "license: [")
    config = adopt(files, "org/shapes", COMMIT, tmp_path / "model")
    assert config.backbone.weights.license == "apache-2.0"


@pytest.mark.parametrize(
    ("problem", "kind"),
    [("multi_label_classification", LabelsTarget), ("regression", ValueTarget)],
)
def test_other_kinds_of_answers_are_what_they_are(files, tmp_path, problem, kind):
    change(files, problem_type=problem)
    target = adopt(files, "org/shapes", COMMIT, tmp_path / "model").targets[0]
    assert type(target) is kind


def test_a_network_built_otherwise_than_its_name_says_is_refused(tmp_path):
    save_timm(tmp_path / "files", global_pool="max")
    with pytest.raises(RegistryError, match="'global_pool': 'max'"):
        taken(tmp_path / "files", tmp_path)


def test_weights_in_half_precision_are_widened(files, tmp_path):
    state = load_file(files / "model.safetensors")
    halves = {
        name: value.half() if value.is_floating_point() else value for name, value in state.items()
    }
    save_file(halves, files / "model.safetensors")
    assert taken(files, tmp_path).network.heads["label"].last.weight.dtype == torch.float32


def test_without_safetensors_nothing_is_opened(files, tmp_path):
    (files / "model.safetensors").rename(files / "pytorch_model.bin")
    with pytest.raises(WeightsError, match=r"no model\.safetensors") as caught:
        taken(files, tmp_path)
    assert "no pickles" in caught.value.hint


def test_weights_of_another_network_are_refused(files, tmp_path):
    change(files, architecture="resnet18")
    with pytest.raises(WeightsError, match="of hf-hub:org/shapes do not fit resnet18") as caught:
        taken(files, tmp_path)
    assert caught.value.hint
    assert not (tmp_path / "model").exists()


def test_damaged_weights_are_refused(files, tmp_path):
    path = files / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    said = r"the model\.safetensors of hf-hub:org/shapes cannot be read"
    with pytest.raises(WeightsError, match=said) as caught:
        taken(files, tmp_path)
    assert str(tmp_path) not in str(caught.value)
    assert caught.value.hint


def test_weights_that_are_not_finite_are_refused(files, tmp_path):
    for value in (float("nan"), float("inf")):
        spoil(files, "conv1.0.weight", lambda tensor, value=value: tensor.fill_(value))
        with pytest.raises(WeightsError, match=r"tensor conv1\.0\.weight .*NaN or infinity"):
            taken(files, tmp_path)


def test_weights_that_are_not_finite_as_float32_are_refused(files, tmp_path):
    spoil(files, "fc.bias", lambda tensor: tensor.double().fill_(1e300))
    with pytest.raises(WeightsError, match=r"tensor fc\.bias "):
        taken(files, tmp_path)


@pytest.mark.parametrize("dtype", [torch.int8, torch.int64, torch.bool])
def test_whole_numbers_where_floats_belong_are_refused(files, tmp_path, dtype):
    spoil(files, "fc.weight", lambda tensor: tensor.to(dtype))
    with pytest.raises(WeightsError, match=r"tensor fc\.weight .*not floats") as caught:
        taken(files, tmp_path)
    assert caught.value.hint


def spoil(files, name: str, change) -> None:
    """Write one tensor otherwise."""
    state = load_file(files / "model.safetensors")
    save_file(state | {name: change(state[name])}, files / "model.safetensors")


def test_a_network_that_answers_nothing_is_a_backbone_only(tmp_path):
    save_timm(tmp_path / "files", num_classes=0, config={})
    with pytest.raises(RegistryError, match="no classifier") as caught:
        taken(tmp_path / "files", tmp_path)
    assert "zoo finetune hf-hub:org/shapes" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"model_type": "bert", "architectures": ["BertForMaskedLM"]}', "bert, BertForMaskedLM"),
        ('{"model_type": "dinov2", "architectures": ["Dinov2ForImageClassification"]}', "dinov2"),
        ('{"model_type": "vit", "architectures": ["ViTModel"], "hidden_size": 192}', "ViTModel"),
        ("{}", "no model_type"),
        ("[]", "no JSON object"),
        ("no json", "not JSON"),
        ('{"a": NaN}', "not JSON"),
    ],
)
def test_what_zoo_cannot_take_is_named(files, tmp_path, content, said):
    (files / "config.json").write_text(content)
    with pytest.raises(RegistryError, match=said):
        taken(files, tmp_path)


def test_without_a_configuration_there_is_nothing_to_take(files, tmp_path):
    (files / "config.json").unlink()
    with pytest.raises(RegistryError, match=r"no config\.json"):
        taken(files, tmp_path)


@pytest.mark.slow
def test_it_is_fine_tuned_exported_and_verified_as_any_other(files, tmp_path, photos):
    from export.convert import export_model
    from export.evidence import Evidence
    from zoo.data.open import open_dataset
    from zoo.training.finetune import finetune
    from zoo.training.plan import Settings

    model = taken(files, tmp_path)
    samples = open_dataset(photos).splits["train"]
    report = export_model(model, tmp_path / "model", Evidence(samples=samples, recorded=None))
    report.raise_if_failed()
    settings = Settings(recipe="linear-probe", img_size=64, device="cpu", workers=0)
    run = finetune(str(tmp_path / "model"), photos, settings, output=tmp_path / "run")
    assert load_config(run.model_folder).base[-1] == f"hf-hub:org/shapes@{COMMIT}"
