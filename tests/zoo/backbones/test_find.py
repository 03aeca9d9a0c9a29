import json

import pytest
import timm
import torch
from safetensors.torch import save_file

from zoo.backbones.claims import find_mistakes
from zoo.backbones.find import find_backbone
from zoo.errors import RegistryError, UnknownBackboneError
from zoo.registry.files import built_in_registry

REGISTRY = built_in_registry()


def find(name):
    return find_backbone(str(name), REGISTRY)


def test_the_registry_is_asked_first_and_nothing_is_assumed():
    found = find("resnet50")
    assert found.backbone is REGISTRY.backbone("resnet50")
    assert (found.origin, found.assumptions) == ("built-in", ())


@pytest.mark.parametrize("name", ["resnet50.a1_in1k", "vit_small_patch14_dinov2.lvd142m"])
def test_a_timm_name_is_described_as_its_entry_says(name):
    entry, found = REGISTRY.backbone(name), find(f"timm/{name}").backbone
    for field in ("num_params", "macs", "stages", "classifier", "preprocess", "size_step"):
        assert getattr(found, field) == getattr(entry, field)
    assert found.weights.location == entry.weights.location
    assert found.weights.license == entry.weights.license


def test_timms_default_weights_are_taken_where_no_tag_is_named():
    found = find("timm/resnet26t")
    assert found.backbone.name == "resnet26t"
    assert found.backbone.weights.location == "timm/resnet26t.ra2_in1k"
    assert found.origin == f"timm {timm.__version__}"
    assert find_mistakes(found.backbone) == []


def test_images_are_squashed_where_the_weights_were_trained_so():
    squashed = find("timm/convnext_tiny.in12k_ft_in1k_384")
    assert squashed.backbone.preprocess.crop_mode == "squash"
    assert not any("crop" in assumption for assumption in squashed.assumptions)


def test_what_timm_leaves_open_is_assumed_aloud():
    unknown = find("timm/res2net50_26w_4s.in1k")
    assert any("licence unknown" in assumption for assumption in unknown.assumptions)
    assert unknown.backbone.weights.license == "other"


def test_a_licence_that_forbids_commerce_is_recognised_though_spdx_lacks_it():
    found = find("timm/convnext_tiny.eupe_lvd1689m").backbone
    assert found.weights.terms == "non-commercial"


def test_a_network_with_two_heads_is_refused():
    with pytest.raises(RegistryError, match="several classifiers") as caught:
        find("timm/deit_tiny_distilled_patch16_224.fb_in1k")
    assert "choose a network with one" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "complaint", "hint"),
    [
        ("timm/resnet5", "timm has no 'resnet5'", "resnet50"),
        ("timm/resnet50.magic", "timm has no 'resnet50.magic'", "_in1k"),
        ("torchvision/resnet5", "torchvision has no 'resnet5'", "resnet50"),
        ("torchvision/resnet50.V9", "has no 'V9'", "IMAGENET1K_V"),
        ("hf-hub:nonsense", "does not name a repository", "org/name"),
    ],
)
def test_an_unknown_name_says_which_there_are(name, complaint, hint):
    with pytest.raises(RegistryError, match=complaint) as caught:
        find(name)
    assert hint in caught.value.hint


def test_a_name_that_is_nothing_suggests_the_nearest_entry():
    with pytest.raises(UnknownBackboneError) as caught:
        find("resnet5")
    assert "resnet50" in caught.value.hint


def test_torchvision_names_take_the_librarys_default_or_the_named_weights():
    assert find("torchvision/resnet50").backbone.weights.location.endswith("IMAGENET1K_V2")
    old = find("torchvision/resnet50.IMAGENET1K_V1")
    assert old.backbone.weights.sha256 == "0676ba61"
    assert old.backbone.name == "resnet50.IMAGENET1K_V1"
    assert any("bsd-3-clause" in assumption for assumption in old.assumptions)


def test_torchvisions_inner_normalisation_is_brought_out_and_said():
    found = find("torchvision/googlenet")
    assert found.backbone.preprocess.mean == (0.5, 0.5, 0.5)
    assert any("transform_input" in assumption for assumption in found.assumptions)


def test_weights_under_another_licence_than_the_librarys_are_recognised():
    found = find("torchvision/regnet_y_16gf.IMAGENET1K_SWAG_LINEAR_V1")
    assert found.backbone.weights.terms == "non-commercial"


def test_a_run_and_its_model_folder_are_backbones_too(finished):
    run, model = find(finished.path), find(finished.model_folder)
    assert run.backbone.weights == model.backbone.weights
    entry = run.backbone
    assert entry.weights.source == "local"
    assert entry.weights.base == ("efficientnet_lite0",)
    assert entry.weights.license == "apache-2.0"
    assert (entry.num_classes, entry.preprocess.size) == (3, 64)
    assert find_mistakes(entry) == []


@pytest.fixture
def in_timms_layout(tmp_path):
    """A folder as timm's `save_for_hf` writes it."""
    network = timm.create_model("resnet10t", num_classes=4)
    torch.manual_seed(0)
    config = {
        "architecture": "resnet10t",
        "num_classes": 4,
        "pretrained_cfg": network.pretrained_cfg | {"num_classes": 4, "license": "mit"},
    }
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    save_file(network.state_dict(), folder / "model.safetensors")
    return folder


def test_a_folder_in_timms_layout_is_described_from_its_config(in_timms_layout):
    entry = find(in_timms_layout).backbone
    assert (entry.name, entry.architecture, entry.num_classes) == ("saved", "resnet10t", 4)
    assert entry.weights.source == "local"
    assert len(entry.weights.sha256) == 64
    assert find_mistakes(entry) == []


@pytest.mark.parametrize("content", ["{}", "[]", "no json", '{"architecture": "resnet10t"}'])
def test_a_config_of_another_kind_is_refused(in_timms_layout, content):
    (in_timms_layout / "config.json").write_text(content)
    with pytest.raises(RegistryError, match=r"config\.json|configuration"):
        find(in_timms_layout)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"input_size": [3, 64, 32]}, "64 x 32 px"),
        ({"input_size": [1, 64, 64]}, "input_size"),
        ({"crop_pct": 0}, "crop_pct"),
        ({"mean": [0.5]}, "mean"),
        ({"model_args": {"global_pool": "max"}}, "global_pool"),
        ({"architecture": ["a"]}, "architecture"),
    ],
)
def test_a_config_that_zoo_cannot_follow_is_refused(in_timms_layout, change, complaint):
    path = in_timms_layout / "config.json"
    config = json.loads(path.read_text())
    config["pretrained_cfg"] |= change
    outside = {"architecture", "model_args"} & change.keys()
    path.write_text(json.dumps(config | {key: change[key] for key in outside}))
    with pytest.raises(RegistryError, match=complaint):
        find(in_timms_layout)


def test_timms_older_flat_layout_is_read_too(in_timms_layout):
    path = in_timms_layout / "config.json"
    config = json.loads(path.read_text())
    nested = config.pop("pretrained_cfg")
    path.write_text(json.dumps(nested | config))
    assert find(in_timms_layout).backbone.architecture == "resnet10t"


def test_a_name_longer_than_a_files_is_unknown_like_any_other():
    with pytest.raises(UnknownBackboneError):
        find("x" * 5_000)


def test_the_tag_need_not_be_remembered():
    with pytest.raises(UnknownBackboneError) as caught:
        find("mobilenetv4_conv_small")
    assert "'mobilenetv4_conv_small.e2400_r224_in1k'" in caught.value.hint
    with pytest.raises(UnknownBackboneError) as caught:
        find("RESNET50")
    assert "'resnet50'" in caught.value.hint


def test_an_unfinished_run_says_how_to_finish_it(finished, tmp_path):
    import shutil

    from zoo.errors import RunError
    from zoo.run import Run

    run = Run(shutil.copytree(finished.path, tmp_path / "run"))
    shutil.rmtree(run.model_folder)
    run.update(status="interrupted")
    with pytest.raises(RunError, match="is not finished"):
        find(run.path)


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(RegistryError, match="neither a run folder nor a model folder"):
        find(tmp_path)
