import re
from collections import defaultdict

import onnx
import pytest

from export.convert import export_model
from export.layouts import TritonSettings, write_triton
from export.layouts.triton import describe
from export.metadata import read_targets
from tests.export.small_models import make_model
from zoo.errors import ExportError, RunError, VerificationError
from zoo.manifest import update_manifest
from zoo.targets import ClassTarget


def parse(text: str) -> dict[str, list]:
    """Read protobuf's text format, as much of it as a configuration has: all fields are lists."""
    tokens = re.findall(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.sub("#.*", "", text))

    def message() -> dict[str, list]:
        fields = defaultdict(list)
        while tokens and tokens[0] != "}":
            name = tokens.pop(0)
            if tokens[0] == ":":
                tokens.pop(0)
            fields[name] += value()
        return dict(fields)

    def value() -> list:
        token = tokens.pop(0)
        if token == "{":
            found = message()
            assert tokens.pop(0) == "}"
            return [found]
        if token == "[":
            end = tokens.index("]")
            found = [item for item in tokens[:end] if item != ","]
            del tokens[: end + 1]
            return found
        return [token]

    return message()


@pytest.fixture
def proto(deployed) -> onnx.ModelProto:
    return onnx.load(deployed / "onnx/model.onnx")


@pytest.fixture
def repository(deployed, tmp_path):
    write_triton(deployed, tmp_path / "repository" / "photos")
    return tmp_path / "repository"


def test_the_layout_is_tritons(repository):
    found = {path.relative_to(repository).as_posix() for path in repository.rglob("*.*")}
    assert found == {
        "photos/config.pbtxt",
        "photos/labels_kind.txt",
        "photos/labels_tags.txt",
        "photos/1/model.onnx",
    }


def test_the_model_is_the_proved_one(repository, deployed):
    copied = (repository / "photos/1/model.onnx").read_bytes()
    assert copied == (deployed / "onnx/model.onnx").read_bytes()


def test_names_types_and_sizes_are_the_graphs(repository):
    config = parse((repository / "photos/config.pbtxt").read_text())
    assert config["name"] == ['"photos"']
    assert config["backend"] == ['"onnxruntime"']
    assert config["max_batch_size"] == ["32"]
    (pixels,) = config["input"]
    assert pixels == {
        "name": ['"pixel_values"'],
        "data_type": ["TYPE_FP32"],
        "dims": ["3", "64", "64"],
    }
    outputs = {output["name"][0]: output for output in config["output"]}
    assert list(outputs) == ['"kind"', '"tags"', '"Pose_in"']
    assert [output["dims"] for output in outputs.values()] == [["3"], ["2"], ["2"]]
    assert outputs['"kind"']["label_filename"] == ['"labels_kind.txt"']
    assert "label_filename" not in outputs['"Pose_in"']


def test_labels_are_in_the_order_of_the_logits(repository, proto):
    targets = read_targets({entry.key: entry.value for entry in proto.metadata_props})
    lines = (repository / "photos/labels_kind.txt").read_text().splitlines()
    assert tuple(lines) == targets["kind"].classes


def test_an_only_output_has_labels_txt(tmp_path):
    folder = tmp_path / "model"
    model = make_model(folder, ClassTarget(classes=("ä", "b c")))
    export_model(model, folder, None)
    place = write_triton(folder, tmp_path / "m", unproved=True)
    assert (place / "labels.txt").read_text(encoding="utf-8") == "ä\nb c\n"
    assert 'label_filename: "labels.txt"' in (place / "config.pbtxt").read_text()


def test_batching_and_instances_are_as_asked(proto):
    settings = TritonSettings(
        max_batch_size=16, preferred_batch_sizes=(4, 16), max_queue_delay_us=500, instances="gpu"
    )
    config = parse(describe(proto, "m", {}, settings))
    assert config["max_batch_size"] == ["16"]
    assert config["dynamic_batching"] == [
        {"preferred_batch_size": ["4", "16"], "max_queue_delay_microseconds": ["500"]}
    ]
    assert config["instance_group"] == [{"kind": ["KIND_GPU"]}]


def test_by_default_the_server_chooses_device_and_sizes(proto):
    config = parse(describe(proto, "m", {}, TritonSettings()))
    assert "instance_group" not in config
    assert config["dynamic_batching"] == [{"max_queue_delay_microseconds": ["0"]}]


def test_pixels_of_any_size_are_minus_one(proto):
    """As a graph with preprocessing inside has them."""
    entry = proto.graph.input[0].type.tensor_type
    entry.elem_type = onnx.TensorProto.UINT8
    entry.shape.dim[2].dim_param = "height"
    (pixels,) = parse(describe(proto, "m", {}, TritonSettings()))["input"]
    assert (pixels["data_type"], pixels["dims"]) == (["TYPE_UINT8"], ["3", "-1", "64"])


def test_a_graph_of_one_batch_size_is_refused(proto):
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 4
    with pytest.raises(ExportError, match="takes 4 images at a time"):
        describe(proto, "m", {}, TritonSettings())


@pytest.mark.parametrize("name", ["a b", "a/b", "", "ä", ".hidden", 'a"b'])
def test_what_no_server_can_call_a_model_is_refused(proto, name):
    with pytest.raises(ExportError, match="cannot be the name"):
        describe(proto, name, {}, TritonSettings())


def test_a_name_of_two_lines_is_refused(far, tmp_path):
    proto = onnx.load(far / "onnx/model.onnx")
    entry = next(e for e in proto.metadata_props if e.key == "zoo.targets")
    entry.value = entry.value.replace('"discs"', '"di\\nscs"')
    onnx.save(proto, far / "onnx/model.onnx")
    update_manifest(far, ["onnx/model.onnx"])
    with pytest.raises(ExportError, match=r"'di\\nscs' is more than one"):
        write_triton(far, tmp_path / "m", unproved=True)
    assert not (tmp_path / "m").exists()


def test_an_unproved_model_is_refused(far, tmp_path):
    (far / "onnx/verification.json").unlink()
    with pytest.raises(VerificationError):
        write_triton(far, tmp_path / "m")


def test_a_folder_that_exists_is_left_alone(deployed, tmp_path):
    with pytest.raises(RunError, match="nothing is overwritten"):
        write_triton(deployed, tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_batch_size": 0},
        {"max_queue_delay_us": -1},
        {"preferred_batch_sizes": (64,)},
        {"preferred_batch_sizes": (0,)},
    ],
)
def test_settings_that_triton_refuses_are_refused(wrong):
    with pytest.raises(ValueError, match="batch"):
        TritonSettings(**wrong)


def test_triton_itself_reads_the_configuration(proto):
    """By the server's own protobuf, where its client is installed."""
    definition = pytest.importorskip("tritonclient.grpc.model_config_pb2")
    from google.protobuf import text_format

    settings = TritonSettings(preferred_batch_sizes=(8,), instances="cpu")
    text = describe(proto, "m", {"kind": "labels_kind.txt"}, settings)
    config = text_format.Parse(text, definition.ModelConfig())
    assert list(config.input[0].dims) == [3, 64, 64]
    assert config.output[0].label_filename == "labels_kind.txt"
    assert list(config.dynamic_batching.preferred_batch_size) == [8]
