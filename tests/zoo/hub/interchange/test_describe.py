"""What is said of which library, before any is asked."""

import json

import pytest

from tests.export.small_models import AGE, KIND, POSE, TAGS, make_model
from zoo.hub.interchange.describe import describe_for_libraries, write_interchange
from zoo.hub.interchange.loading import Unloadable
from zoo.manifest import check_file
from zoo.model import load_config, load_model
from zoo.recipes import HeadRecipe

GRAPH = ("onnx/model.onnx",)
TIMMS = "efficientnet_lite0"


@pytest.fixture
def described(tmp_path):
    """Describe a model that was just made."""

    def describe(*targets, graphs=GRAPH, **how):
        make_model(tmp_path / "m", *targets, **({"backbone": TIMMS} | how))
        return describe_for_libraries(load_config(tmp_path / "m"), graphs)

    return describe


def reason(found, library: str) -> str:
    return next(each.reason for each in found.unloadable if each.library == library)


@pytest.mark.parametrize("target", [KIND, TAGS, AGE, POSE], ids=lambda target: target.name)
def test_a_single_linear_head_of_any_kind_loads_everywhere(described, target):
    found = described(target)
    assert found.loads == ("timm", "transformers", "transformers.js")
    assert found.unloadable == ()


def test_names_of_outputs_stand_where_each_library_looks_for_them(described):
    content = json.loads(described(KIND).files["config.json"])
    assert content["label_names"] == [*KIND.classes]
    assert content["id2label"] == {"0": "checks", "1": "discs", "2": "stripes"}
    assert content["label2id"] == {"checks": 0, "discs": 1, "stripes": 2}
    assert content["num_classes"] == content["pretrained_cfg"]["num_classes"] == 3
    assert "model_type" not in content


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        (KIND, "single_label_classification"),
        (TAGS, "multi_label_classification"),
        (POSE, "regression"),
    ],
)
def test_transformers_is_told_what_to_do_with_the_outputs(described, target, kind):
    assert json.loads(described(target).files["config.json"])["problem_type"] == kind


def test_several_targets_load_nowhere_and_say_so(described):
    found = described(KIND, TAGS)
    assert (found.files, found.loads) == ({}, ())
    assert "2 targets" in reason(found, "timm")
    assert "2 targets" in reason(found, "transformers.js")


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (HeadRecipe(hidden=(8,)), "1 hidden layer, "),
        (HeadRecipe(hidden=(8, 8)), "2 hidden layers, "),
        (HeadRecipe(features="flattened"), "before it is pooled"),
    ],
)
def test_a_head_that_timm_has_none_of_leaves_the_graph(described, head, said):
    found = described(KIND, head=head)
    assert found.loads == ("transformers.js",)
    assert said in reason(found, "timm")
    assert said in reason(found, "transformers")
    content = json.loads(found.files["config.json"])
    assert "architecture" not in content
    assert "pretrained_cfg" not in content


def test_torchvisions_resnet_is_timms(described):
    found = described(KIND, backbone="resnet18")
    assert found.loads == ("timm", "transformers", "transformers.js")
    assert json.loads(found.files["config.json"])["architecture"] == "resnet18"


def test_a_network_under_timms_names_says_what_timm_has_to_be_told(described):
    found = described(KIND, backbone="mobilenet_v3_small")
    assert found.loads == ("timm", "transformers", "transformers.js")
    content = json.loads(found.files["config.json"])
    assert content["architecture"] == "mobilenetv3_small_100"
    assert content["model_args"] == {"bn_eps": 0.001}
    assert "model_type" not in content


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "size"), [("swin_t", 224), ("swin_t", 448), ("swin_v2_t", 256)]
)
def test_timms_windows_are_told_the_size(described, backbone, size):
    found = described(KIND, backbone=backbone, size=size)
    assert json.loads(found.files["config.json"])["model_args"] == {"img_size": size}


def test_windows_that_tile_no_map_are_another_network_in_timm(described):
    found = described(KIND, backbone="swin_t", size=64)
    assert found.loads == ("transformers.js",)
    assert "64 px" in reason(found, "timm")


@pytest.mark.slow
def test_a_vgg_of_large_images_is_another_network_in_timm(described):
    found = described(KIND, backbone="vgg11", size=256)
    assert found.loads == ("transformers.js",)
    assert "256 px" in reason(found, "timm")


def test_a_network_that_timm_has_not_is_named(described):
    found = described(KIND, backbone="squeezenet1_1")
    assert found.loads == ("transformers.js",)
    assert "squeezenet1_1" in reason(found, "timm")


@pytest.mark.parametrize(
    ("graphs", "said"),
    [((), "zoo export"), ((*GRAPH, "onnx/model.onnx.data"), "beside its graph")],
)
def test_javascript_needs_a_graph_in_one_file(described, graphs, said):
    found = described(KIND, graphs=graphs)
    assert found.loads == ("timm", "transformers")
    assert said in reason(found, "transformers.js")


def test_precisions_are_called_as_transformers_js_calls_them(described):
    graphs = ("onnx/model_int8.onnx", "onnx/model.onnx", "onnx/model_fp16.onnx", "onnx/x.json")
    assert described(KIND, graphs=graphs).dtypes == ("fp32", "fp16", "int8")


def test_what_is_written_is_recorded_and_the_model_still_opens(tmp_path):
    make_model(tmp_path / "m", KIND, backbone=TIMMS)
    found = write_interchange(tmp_path / "m")
    assert found.unloadable == (
        Unloadable("transformers.js", "it has no onnx/model.onnx, which `zoo export` writes"),
    )
    for name, content in found.files.items():
        assert check_file(tmp_path / "m", name).read_bytes() == content
    load_model(tmp_path / "m")


def test_writing_again_changes_no_byte(tmp_path):
    make_model(tmp_path / "m", KIND, backbone=TIMMS)
    write_interchange(tmp_path / "m")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "m").iterdir()}
    write_interchange(tmp_path / "m")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "m").iterdir()} == before


def test_names_of_any_alphabet_stay_readable(tmp_path):
    from zoo.targets import ClassTarget

    make_model(tmp_path / "m", ClassTarget(classes=("größe", "🦊", 'a "b"')), backbone=TIMMS)
    content = write_interchange(tmp_path / "m").files["config.json"].decode()
    assert "größe" in content
    assert json.loads(content)["label_names"] == ["größe", "🦊", 'a "b"']
