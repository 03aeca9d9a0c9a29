import json
from pathlib import Path

import pytest

from zoo.registry import load_registry
from zoo.storage import sha256_of
from zoo.targets import ClassTarget


def line_of(out: str, name: str) -> str:
    return next(line.rstrip() for line in out.splitlines() if line.startswith(name))


def test_a_backbone_is_shown_with_its_origin_and_stages(zoo):
    out = zoo("show", "efficientnet_lite0").out
    for fact in ("4,652,008", "apache-2.0", "stage7", "arXiv:1905.11946", "57934424"):
        assert fact in out


def test_a_near_miss_of_a_recipe_suggests_the_recipe(zoo):
    assert "did you mean 'finetune'?" in zoo("show", "finetunee").err


def test_each_field_says_where_it_came_from(zoo):
    changes = {"resnet50": {"recipe": "linear-probe"}}
    Path("r.json").write_text(json.dumps({"version": 1, "changes": changes}))
    out = zoo("show", "resnet50", "--registry", "r.json").out
    assert line_of(out, "recipe").split(maxsplit=1)[1] == "linear-probe (from r.json)"
    assert "from" not in line_of(out, "sha256")
    assert line_of(out, "from ").split(maxsplit=1)[1] == "built-in, where nothing else is said"
    assert line_of(out, "imagenet-1k top1").endswith("metadata of its Weights enum)")


def test_a_line_made_of_several_fields_names_all_their_origins(zoo):
    changes = {"vgg16": {"weights": {"commercial_use": False}}}
    Path("r.json").write_text(json.dumps({"version": 1, "changes": changes}))
    line = line_of(zoo("show", "vgg16", "--registry", "r.json").out, "licence")
    assert "(non-commercial)" in line
    assert line.endswith("(from built-in, r.json)")


def test_what_the_lock_file_knows_is_shown_as_such(zoo):
    from zoo.backbones.identity import lock_key
    from zoo.registry import Lock

    Path("zoo.lock").touch()
    weights = load_registry().backbone("resnet34.a1_in1k").weights
    assert "not known before the first download" in zoo("show", "resnet34.a1_in1k").out
    Lock.default().add(lock_key(weights), sha256="ab" * 32, size=5, revision="cd" * 20)
    out = zoo("show", "resnet34.a1_in1k").out
    assert "ab" * 32 in line_of(out, "sha256")
    assert line_of(out, "sha256").endswith("zoo.lock)")
    assert "cd" * 20 in line_of(out, "revision")


def test_a_name_beyond_the_registry_is_described_and_says_what_was_assumed(zoo):
    out = zoo("show", "torchvision/resnet50.IMAGENET1K_V1").out
    assert "torchvision 0." in line_of(out, "from ")
    assert "the network itself" in line_of(out, "stages")
    assert "bsd-3-clause" in line_of(out, "assumed")


def test_terms_of_a_licence_are_shown(zoo):
    out = zoo("show", "convnextv2_tiny.fcmae_ft_in22k_in1k").out
    assert "cc-by-nc-4.0 (non-commercial)" in line_of(out, "licence")


def test_sizes_are_explained(zoo):
    out = zoo("show", "vit_small_patch14_dinov2.lvd142m").out
    assert "multiples of 14" in line_of(out, "input sizes")
    assert "224 px only" in line_of(zoo("show", "vit_b_16").out, "input sizes")


def test_a_recipe_is_shown_phase_by_phase(zoo):
    out = zoo("show", "finetune").out
    assert "solve the heads" in line_of(out, "phase 1")
    assert "train all stages for 5 epochs" in line_of(out, "phase 2")
    assert line_of(out, "reference").endswith("arXiv:2202.10054")
    assert line_of(out, "registry").endswith("built-in")


@pytest.mark.parametrize("name", list(load_registry().recipes))
def test_every_recipe_can_be_shown(zoo, name):
    outcome = zoo("show", name)
    assert outcome.code == 0
    assert line_of(outcome.out, "recipe").split() == ["recipe", name]
    phases = [line for line in outcome.out.splitlines() if line.startswith("phase ")]
    assert len(phases) == len(load_registry().recipes[name].phases)


def test_a_model_that_zoo_pushed_is_shown_with_what_it_holds(zoo, hub, untrained):
    folder = untrained(ClassTarget(name="kind", classes=("checks", "discs")))
    hub.commit("alice/shapes", {path.name: path for path in folder.iterdir()})
    out = zoo("show", "hf-hub:alice/shapes").out
    assert "alice/shapes (hub), model.safetensors; not fetched yet" in line_of(out, "weights")
    assert line_of(out, "network").split(maxsplit=1)[1].startswith("tf_efficientnet_lite0 by timm")
    assert sha256_of(folder / "model.safetensors") in line_of(out, "sha256")


def test_json_is_the_entry(zoo):
    entry = json.loads(zoo("show", "vgg16", "--format", "json").out)
    assert entry["name"] == "vgg16"
    assert entry["classifier"] == "classifier.6"
    recipe = json.loads(zoo("show", "linear-probe", "--format", "json").out)
    assert recipe["phases"][0]["kind"] == "solve"


def test_a_described_entry_can_be_put_into_a_registry_as_it_is_printed(zoo):
    entry = json.loads(zoo("show", "timm/resnet26t", "--format", "json").out)
    Path("zoo.registry.json").write_text(json.dumps({"version": 1, "backbones": [entry]}))
    assert zoo("registry", "check", "zoo.registry.json").code == 0
    assert "zoo.registry.json" in zoo("show", "resnet26t").out


def test_an_unknown_name_suggests_the_nearest(zoo):
    outcome = zoo("show", "resnet5")
    assert outcome.code == 1
    assert "resnet50" in outcome.err
