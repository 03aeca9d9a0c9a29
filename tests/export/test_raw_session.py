from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from export import raw_session
from export.placement import NodePlacement
from export.preprocessing import build_preprocess
from export.raw import embed_preprocessing
from export.raw_session import (
    LARGEST_ERROR,
    find_fault,
    measure_error,
    open_raw,
    open_split,
    split_raw,
)
from export.session import OnnxModel, open_session
from tests.export.raw_graphs import CONTRACT, MISTAKES, average_colours
from tests.export.small_models import KIND, make_model
from zoo.errors import DamagedFileError, DeviceError

CPU = torch.device("cpu")
no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU here")


@pytest.fixture(scope="module")
def metadata(tmp_path_factory):
    from export.metadata import describe

    def of(contract):
        folder = tmp_path_factory.mktemp("model") / "model"
        model = make_model(folder, KIND)
        return describe(replace(model, config=replace(model.config, preprocess=contract)), folder)

    return {name: of(replace(CONTRACT, interpolation=name)) for name in ("bilinear", "bicubic")}


@pytest.fixture
def raw(metadata):
    """The bytes of a raw graph with one filter or the other."""

    def build(interpolation: str = "bicubic") -> bytes:
        contract = replace(CONTRACT, interpolation=interpolation)
        proto = embed_preprocessing(
            average_colours(KIND), contract, [KIND], metadata[interpolation]
        )
        return proto.SerializeToString(deterministic=True)

    return build


def images(count: int = 2) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 45, 60, 3), dtype=np.uint8)


def test_in_two_sessions_the_answers_are_the_same(raw):
    whole, split = open_raw(raw(), CPU), open_split(raw(), CPU, "on purpose")
    names = ["probabilities", "indices"]
    assert (len(whole.sessions), len(split.sessions)) == (1, 2)
    for name, found in split.run(names, images()).items():
        np.testing.assert_array_equal(found, whole.run(names, images())[name])


def test_the_halves_are_told_apart_and_say_what_the_whole_says(raw):
    front, back = (onnx.load_from_string(half) for half in split_raw(raw()))
    assert "Resize" in {node.op_type for node in front.graph.node}
    assert {"Resize", "Slice"}.isdisjoint(node.op_type for node in back.graph.node)
    assert [value.name for value in back.graph.input] == ["pixel_values"]
    whole = onnx.load_from_string(raw())
    assert list(front.metadata_props) == list(back.metadata_props) == list(whole.metadata_props)


@pytest.mark.parametrize("content", [b"hello", average_colours(KIND).SerializeToString()])
def test_what_is_no_raw_graph_is_damaged(content):
    with pytest.raises(DamagedFileError, match="the raw graph is damaged"):
        split_raw(content)


def test_on_the_cpu_nothing_is_kept_apart(raw):
    opened = open_raw(raw(), CPU)
    assert opened.preprocessing_provider == opened.network_provider == "CPUExecutionProvider"
    assert not opened.note


def test_the_trial_finds_no_fault_in_a_right_resizer(raw):
    """The CPU stands in for the GPU."""
    assert find_fault(split_raw(raw("bilinear"))[0], CPU) == ""


def test_a_filter_that_a_provider_is_not_trusted_with_is_not_tried(raw, monkeypatch):
    monkeypatch.setattr(raw_session, "TRUSTED", {raw_session.CPU: frozenset(("bilinear",))})
    fault = find_fault(split_raw(raw("bicubic"))[0], CPU)
    assert fault == "CPUExecutionProvider is not trusted with bicubic antialiased Resize"


def test_bicubic_stays_off_cuda_and_the_cpu_does_both():
    assert "bicubic" not in raw_session.TRUSTED[raw_session.CUDA]
    assert raw_session.TRUSTED[raw_session.CPU] == {"bilinear", "bicubic"}


def test_a_resize_that_lands_elsewhere_is_a_fault(raw, monkeypatch):
    elsewhere = NodePlacement(by_provider={"OtherProvider": {"Resize": 1}})
    monkeypatch.setattr(OnnxModel, "placement", lambda _: elsewhere)
    assert "leaves bilinear" in find_fault(split_raw(raw("bilinear"))[0], CPU)


def test_a_provider_that_refuses_is_a_fault(raw, monkeypatch):
    def refuse(*_):
        raise ValueError("no kernel")

    monkeypatch.setattr(raw_session, "measure_error", refuse)
    assert find_fault(split_raw(raw())[0], CPU) == (
        "CPUExecutionProvider cannot preprocess: no kernel"
    )


@pytest.mark.parametrize("error", [LARGEST_ERROR * 1.01, float("nan"), float("inf")])
def test_a_resizer_that_is_off_is_a_fault(raw, monkeypatch, error):
    monkeypatch.setattr(raw_session, "measure_error", lambda *_: error)
    assert "grey levels off" in find_fault(split_raw(raw("bilinear"))[0], CPU)


@pytest.mark.parametrize(
    "mistake",
    ["no antialias", "kernel beyond the border", "ONNX's cubic coefficient", "BGR"],
)
def test_the_trial_measures_what_a_wrong_resizer_does(mistake):
    right, wrong = build_preprocess(CONTRACT, 20, 10), build_preprocess(CONTRACT, 20, 10)
    MISTAKES[mistake](wrong)
    sessions = [open_session(p.SerializeToString(), CPU).session for p in (right, wrong)]
    assert measure_error(sessions[0], sessions[0], CONTRACT) == 0
    assert measure_error(*sessions, CONTRACT) > 10 * LARGEST_ERROR


@no_gpu
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_cuda_without_a_gpu_is_an_error_and_never_the_cpu(raw, interpolation):
    with pytest.raises(DeviceError):
        open_raw(raw(interpolation), torch.device("cuda"))


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_on_a_gpu_the_answers_are_the_cpus_and_it_is_said_where_pixels_were_made(
    raw, interpolation
):
    opened = open_raw(raw(interpolation), torch.device("cuda"))
    assert opened.network_provider == "CUDAExecutionProvider"
    assert bool(opened.note) == (opened.preprocessing_provider == "CPUExecutionProvider")
    found = opened.run(["probabilities"], images())["probabilities"]
    expected = open_raw(raw(interpolation), CPU).run(["probabilities"], images())
    np.testing.assert_allclose(found, expected["probabilities"], rtol=0, atol=1e-4)
