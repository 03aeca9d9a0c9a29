import json

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from zoo.backbones.builders import BUILDERS
from zoo.backbones.weights import SOURCES
from zoo.errors import RegistryError, UnknownBackboneError, UnknownRecipeError
from zoo.registry import load_registry, parse_registry, registry_path, to_data

BACKBONES = list(load_registry().backbones.values())
by_name = pytest.mark.parametrize("entry", BACKBONES, ids=[b.name for b in BACKBONES])


def on_meta(entry) -> nn.Module:
    """Build a network without memory or weights."""
    with torch.device("meta"):
        return BUILDERS[entry.builder](entry.architecture).eval()


def document() -> dict:
    return json.loads(registry_path().read_text())


def test_the_catalogue_holds_what_was_promised():
    wanted = "resnet18 resnet50 vgg16 inception_v3 mobilenet_v3_large efficientnet_b0"
    wanted += " convnext_tiny vit_b_16 swin_t efficientnet_lite0"
    assert set(wanted.split()) <= set(load_registry().backbones)
    assert sum(entry.weights.source == "hub" for entry in BACKBONES) >= 2
    assert {"linear-probe", "finetune"} <= set(load_registry().recipes)


def test_registry_and_code_name_the_same_builders_and_sources():
    assert {entry.builder for entry in BACKBONES} == set(BUILDERS)
    assert {entry.weights.source for entry in BACKBONES} == set(SOURCES)


@by_name
def test_parameters_and_macs_are_what_the_network_has(entry):
    network = on_meta(entry)
    assert sum(p.numel() for p in network.parameters()) == entry.num_params
    size = entry.preprocess.size
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.empty(1, 3, size, size, device="meta"))
    assert counter.get_total_flops() == 2 * entry.macs


@by_name
def test_the_classifier_is_the_last_linear_layer_and_receives_the_features(entry):
    network = on_meta(entry)
    linear = [(n, m) for n, m in network.named_modules() if isinstance(m, nn.Linear)]
    assert linear[-1][0] == entry.classifier
    assert linear[-1][1].in_features == entry.feature_dim
    network.set_submodule(entry.classifier, nn.Identity())
    size = entry.preprocess.size
    features = network(torch.empty(2, 3, size, size, device="meta"))
    assert features.shape == (2, entry.feature_dim)


@by_name
def test_every_parameter_but_the_classifiers_is_in_exactly_one_stage(entry):
    owners = {name: [] for name, _ in on_meta(entry).named_parameters()}
    for stage, paths in entry.stages.items():
        for path in paths:
            inside = [n for n in owners if n == path or n.startswith(f"{path}.")]
            assert inside, f"{stage} names {path}, which has no parameter"
            for name in inside:
                owners[name].append(stage)
    strays = {name for name, stages in owners.items() if len(stages) != 1}
    assert strays == {f"{entry.classifier}.weight", f"{entry.classifier}.bias"}


@by_name
def test_the_smallest_size_runs(entry):
    network = on_meta(entry)
    size = entry.preprocess.size if entry.fixed_size else entry.min_size
    assert network(torch.empty(1, 3, size, size, device="meta")).shape == (1, 1000)


@by_name
def test_weights_have_a_licence_and_a_pinned_identity(entry):
    weights = entry.weights
    assert weights.license
    assert weights.sha256 is not None
    assert len(weights.sha256) == (8 if weights.source == "torchvision" else 64)
    if weights.source == "hub":
        assert len(weights.revision) == 40


@pytest.mark.parametrize(
    "entry", [b for b in BACKBONES if b.weights.source == "torchvision"], ids=lambda b: b.name
)
def test_torchvision_entries_agree_with_torchvisions_own_metadata(entry):
    from torchvision.models import get_weight

    weights = get_weight(entry.weights.location)
    assert weights.url.endswith(entry.weights.file)
    assert entry.weights.sha256 in entry.weights.file
    assert weights.transforms().crop_size == [entry.preprocess.size]
    assert weights.transforms().resize_size == [entry.preprocess.resize]
    assert weights.transforms().interpolation.value == entry.preprocess.interpolation
    published = weights.meta["_metrics"]["ImageNet-1K"]["acc@1"]
    top1 = next(result for result in entry.results if result.metric == "top1")
    assert top1.value == pytest.approx(published / 100, abs=1e-6)


@by_name
def test_its_default_recipe_exists(entry):
    assert entry.recipe in load_registry().recipes


def test_lookup_of_a_near_miss_suggests_the_name():
    with pytest.raises(UnknownBackboneError) as caught:
        load_registry().backbone("resnet5")
    assert "'resnet50'" in caught.value.hint


def test_lookup_of_an_unknown_recipe_lists_the_known():
    with pytest.raises(UnknownRecipeError, match="finetune"):
        load_registry().recipe("magic")


def test_every_mistake_is_reported_with_its_path():
    content = document()
    content["backbones"][0]["surprise"] = 1
    content["backbones"][1]["num_params"] = "many"
    del content["recipes"][0]["phases"]
    with pytest.raises(RegistryError) as caught:
        parse_registry(json.dumps(content), origin="mine.json")
    message = caught.value.problem
    assert "mine.json" in message
    assert "backbones.0.surprise" in message
    assert "backbones.1.num_params" in message
    assert "recipes.0.phases" in message


def test_a_name_given_twice_is_refused():
    content = document()
    content["backbones"].append(content["backbones"][0])
    with pytest.raises(RegistryError, match="twice: efficientnet_lite0"):
        parse_registry(json.dumps(content))


def test_an_impossible_preprocessing_is_refused():
    content = document()
    content["backbones"][0]["preprocess"]["resize"] = 10
    with pytest.raises(RegistryError):
        parse_registry(json.dumps(content))


@by_name
def test_an_entry_survives_the_trip_through_json(entry):
    content = document() | {"backbones": [to_data(entry)]}
    assert parse_registry(json.dumps(content)).backbone(entry.name) == entry
