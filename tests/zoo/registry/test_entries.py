import pytest
from pydantic import TypeAdapter, ValidationError

from zoo.backbones.builders import BUILDERS
from zoo.backbones.claims import find_mistakes
from zoo.backbones.measure import build_on_meta, measure
from zoo.backbones.places import PLACES
from zoo.registry import Backbone, Weights, license_note, to_data
from zoo.registry.entries import Source
from zoo.registry.files import built_in_registry
from zoo.registry.licenses import is_spdx

BACKBONES = list(built_in_registry().backbones.values())
by_name = pytest.mark.parametrize("entry", BACKBONES, ids=[b.name for b in BACKBONES])
TORCHVISION = [b for b in BACKBONES if b.weights.source == "torchvision"]
TIMM = [b for b in BACKBONES if b.weights.source == "hub"]


def test_the_catalogue_holds_the_families_that_were_promised():
    families = {entry.family for entry in BACKBONES}
    torchvision = "resnet resnext wide-resnet vgg inception densenet squeezenet mobilenet"
    torchvision += " efficientnet regnet convnext mnasnet shufflenet vit swin maxvit"
    assert set(torchvision.split()) <= families
    picked_today = {"edgenext", "efficientvit", "eva", "fastvit", "siglip", "tinyvit"}
    assert picked_today | {"dinov2", "dinov3", "convnext"} <= families
    assert len(BACKBONES) >= 60
    packaged = {b.name for b in BACKBONES if b.weights.source == "package"}
    assert packaged == {"efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"}


def test_registry_and_code_name_the_same_builders_and_sources():
    assert {entry.builder for entry in BACKBONES} <= set(BUILDERS)
    assert set(Source.__args__) == {*PLACES, "none"}


@by_name
def test_every_claim_holds_for_the_network_that_is_built(entry):
    """Parameters, multiply-accumulates, feature width, classifier, stages, sizes."""
    assert find_mistakes(entry) == []


@by_name
def test_stages_are_those_that_are_found_in_the_module_tree(entry):
    network = build_on_meta(entry.builder, entry.architecture, entry.num_classes)
    assert measure(network, entry.preprocess.size, entry.classifier).stages == entry.stages


@by_name
def test_weights_have_a_licence_a_paper_or_origin_and_an_identity(entry):
    weights = entry.weights
    assert weights.license
    assert weights.license_url
    assert weights.paper or weights.origin_url
    if weights.source == "package":
        assert len(weights.sha256) == 64
        assert weights.bytes
    elif weights.source == "torchvision":
        assert weights.sha256 in weights.file
    else:
        assert weights.file.endswith(".safetensors")
        assert weights.revision is None or len(weights.revision) == 40


@pytest.mark.parametrize("entry", TORCHVISION, ids=lambda b: b.name)
def test_torchvision_entries_agree_with_torchvisions_own_metadata(entry):
    from torchvision.models import get_weight

    weights = get_weight(entry.weights.location)
    assert weights.url.endswith(entry.weights.file)
    assert weights.transforms().crop_size == [entry.preprocess.size]
    assert weights.transforms().resize_size == [entry.preprocess.resize]
    assert weights.transforms().interpolation.value == entry.preprocess.interpolation
    if entry.architecture not in ("googlenet", "inception_v3"):
        assert tuple(weights.transforms().mean) == entry.preprocess.mean
        assert tuple(weights.transforms().std) == entry.preprocess.std
    published = weights.meta["_metrics"]["ImageNet-1K"]["acc@1"]
    assert entry.top1 == pytest.approx(published / 100, abs=1e-6)


@pytest.mark.parametrize("entry", TIMM, ids=lambda b: b.name)
def test_timm_entries_agree_with_timms_own_configuration(entry):
    from timm.models import get_pretrained_cfg

    config = get_pretrained_cfg(entry.name)
    assert config.hf_hub_id == entry.weights.location
    assert config.input_size[-1] == entry.preprocess.size
    assert int(config.input_size[-1] / config.crop_pct) == entry.preprocess.resize
    assert (config.mean, config.std) == (entry.preprocess.mean, entry.preprocess.std)
    assert config.interpolation == entry.preprocess.interpolation
    assert config.num_classes == entry.num_classes
    spdx = config.license is not None and is_spdx(config.license)
    assert entry.weights.license == (config.license if spdx else "other")
    assert config.crop_mode == entry.preprocess.crop_mode


@by_name
def test_its_default_recipe_exists(entry):
    assert entry.recipe in built_in_registry().recipes


@by_name
def test_an_entry_survives_the_trip_through_json(entry):
    assert TypeAdapter(Backbone).validate_python(to_data(entry)) == entry


def test_non_commercial_weights_are_flagged_and_say_so_to_whoever_trains_them():
    entry = built_in_registry().backbone("convnextv2_tiny.fcmae_ft_in22k_in1k")
    assert entry.weights.terms == "non-commercial"
    note = license_note(entry)
    assert "cc-by-nc-4.0" in note
    assert "must not be used commercially" in note


def test_permissive_weights_need_no_note_and_custom_ones_link_to_their_licence():
    assert license_note(built_in_registry().backbone("resnet50")) is None
    custom = built_in_registry().backbone("vit_small_patch16_dinov3.lvd1689m")
    assert custom.weights.terms == "custom"
    assert custom.weights.license_url in license_note(custom)


@pytest.mark.parametrize(
    ("facts", "complaint"),
    [
        ({"source": "url", "location": "https://a/b", "file": "b"}, "sha256"),
        ({"source": "url", "location": "file:///etc", "file": "b"}, "https://"),
        ({"source": "hub", "location": "a/b", "license": "made-up"}, "SPDX"),
        ({"source": "hub", "location": "a/b", "license": "other"}, "license_url"),
        ({"source": "hub", "file": "x.safetensors"}, "needs a location"),
        ({"source": "package", "location": "a", "file": "b"}, "needs a requirement"),
        (
            {"source": "package", "location": "a", "requirement": "a", "base": ("c",)},
            "only local and hub weights have a base",
        ),
    ],
)
def test_weights_that_cannot_be_are_refused(facts, complaint):
    with pytest.raises(ValueError, match=complaint):
        Weights(**({"license": "mit", "file": "x.safetensors"} | facts))


def test_random_weights_need_neither_licence_nor_place():
    assert Weights(source="none").license == ""


@pytest.mark.parametrize("name", ["", "a/b", "-x", "a b", "ä"])
def test_a_name_can_stand_in_a_path_and_on_a_command_line(name):
    data = to_data(BACKBONES[0]) | {"name": name}
    with pytest.raises(ValidationError, match="name"):
        TypeAdapter(Backbone).validate_python(data)
