import subprocess
import sys

import onnx
import onnxruntime
import pytest
from google.protobuf.message import DecodeError

from export.graph import export_graph
from export.hostile.examine import examine, parse, weights_files
from export.providers import RUNTIME_ERRORS
from tests.export.hostile_models import (
    BESIDE,
    INSIDE,
    add_weight,
    fill_folder,
    made_huge,
    weight_beside,
)
from tests.export.small_models import KIND, make_model


@pytest.mark.parametrize("attack", list(INSIDE))
def test_what_no_model_needs_is_named(attack, tmp_path):
    make, problem = INSIDE[attack]
    with pytest.raises(AssertionError, match=problem):
        assert not examine(_as_read(make()), tmp_path)


@pytest.mark.parametrize("attack", list(BESIDE))
def test_weights_lie_in_plain_files_of_the_models_folder(attack, tmp_path):
    make, problem = BESIDE[attack]
    with pytest.raises(AssertionError, match=problem):
        assert not examine(_as_read(make()), fill_folder(tmp_path / "model"))


def test_weights_beside_a_model_are_allowed_where_they_belong(tmp_path):
    folder = fill_folder(tmp_path / "model")
    for place in ({}, {"offset": 48}, {"offset": 16, "length": 16}):
        proto = _as_read(add_weight(weight_beside("weights.bin", **place)))
        assert not examine(proto, folder)
        assert weights_files(proto) == ["weights.bin"]


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> bytes:
    """An export of zoo's."""
    folder = tmp_path_factory.mktemp("exported")
    return export_graph(make_model(folder, KIND), folder).content


def test_an_export_of_zoo_is_found_harmless(exported, tmp_path):
    assert not examine(parse(exported), tmp_path)


def test_small_constants_are_no_bombs(tmp_path):
    assert not examine(
        _as_read(made_huge("ConstantOfShape", ["n"], ["huge"], n=[64, 64])), tmp_path
    )


def test_onnx_runtime_itself_would_open_many_of_these(tmp_path):
    """What the examination is for."""
    opened = {name for name, (make, _) in INSIDE.items() if _opens(make().SerializeToString())}
    assert opened >= {"function", "endless loop", "nested", "huge constant", "two of a name"}
    path = fill_folder(tmp_path / "model") / "model.onnx"
    path.write_bytes(BESIDE["behind a hard link"][0]().SerializeToString())
    assert _opens(str(path))


@pytest.mark.parametrize("size", [0, 1, 100, 5_000, -100_000])
def test_a_file_that_is_cut_short_is_no_model(size, exported):
    with pytest.raises(DecodeError, match="no ONNX model, or cut short|holds no node"):
        parse(exported[:size])


def test_text_that_is_no_text_is_found(exported, tmp_path):
    proto = parse(exported.replace(b"pixel_values", b"pixel_\xff\xfe\xff\xffes"))
    with pytest.raises(AssertionError, match="name is not UTF-8|input is not UTF-8"):
        assert not examine(proto, tmp_path)


def test_what_is_nested_too_deep_for_protobuf_is_no_model():
    blob = b""
    for _ in range(200):  # a node with an attribute with a graph with a node …
        for tag in (b"\x32", b"\x2a", b"\x0a"):
            blob = tag + _varint(len(blob)) + blob
    with pytest.raises(DecodeError):
        parse(b"\x3a" + _varint(len(blob)) + blob)


def test_the_child_needs_no_torch():
    code = "import sys, export.hostile.trial, export.hostile.examine; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def _as_read(model: onnx.ModelProto) -> onnx.ModelProto:
    return parse(model.SerializeToString())


def _opens(model: bytes | str) -> bool:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except RUNTIME_ERRORS:
        return False
    return True


def _varint(number: int) -> bytes:
    found = b""
    while number > 127:
        found, number = found + bytes([number & 127 | 128]), number >> 7
    return found + bytes([number])
