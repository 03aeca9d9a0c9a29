import json


def test_a_backbone_is_shown_with_its_origin_and_stages(zoo):
    out = zoo("show", "efficientnet_lite0").out
    for fact in ("4,652,008", "apache-2.0", "stage7", "arXiv:1905.11946", "57934424"):
        assert fact in out


def test_a_recipe_is_shown_phase_by_phase(zoo):
    out = zoo("show", "finetune").out
    assert "solve the head" in out
    assert "train all for 5 epochs" in out
    assert "arXiv:2202.10054" in out


def test_json_is_the_entry(zoo):
    entry = json.loads(zoo("show", "vgg16", "--format", "json").out)
    assert entry["name"] == "vgg16"
    assert entry["classifier"] == "classifier.6"
    recipe = json.loads(zoo("show", "linear-probe", "--format", "json").out)
    assert recipe["phases"][0]["kind"] == "solve"
