import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from export.exporters import EXPORTERS
from export.graph import export_graph
from export.image_sizes import compare_sizes, other_sizes, require_free_size
from export.interface import name_outputs
from export.session import OnnxModel, open_session
from tests.export.small_models import AGE, KIND, make_model
from tests.export.tiny_networks import SIZE, make_images, make_tiny
from zoo.errors import ExportError
from zoo.recipes import HeadRecipe

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("model")


@pytest.fixture(scope="module")
def model(place):
    return make_tiny("resnet", place, KIND, AGE)


@pytest.fixture(scope="module")
def outputs(model):
    return name_outputs(model.targets)


@pytest.fixture(scope="module", params=EXPORTERS)
def session(request, model, place):
    graph = export_graph(model, place, exporter=request.param, dynamic_size=True)
    return open_session(graph.content, CPU)


def test_a_convolutional_network_is_right_at_every_size(model, session, outputs):
    level = compare_sizes(model, session, make_images(4), outputs)
    assert level.verdict == "pass", level.explain()
    assert {found.size for found in level.sizes} == set(other_sizes(model))
    assert all(0 < found.noise_floor < found.bound for found in level.sizes)


def test_sizes_are_smaller_larger_wide_tall_and_no_multiple_of_anything(model):
    sizes = other_sizes(replace_size(model, 64))
    assert (48, 48) in sizes
    assert (80, 80) in sizes
    assert (65, 65) in sizes
    assert {(48, 80), (80, 48)} <= set(sizes)


def replace_size(model, size):
    config = replace(model.config, preprocess=model.preprocess.at_size(size))
    return replace(model, config=config)


def test_a_network_that_differs_is_found_with_the_size(model, session, outputs):
    other = replace(model, network=Shifted(model.network))
    level = compare_sizes(other, session, make_images(4), outputs)
    assert level.verdict == "fail"
    wrong = [found.size for found in level.sizes if found.verdict == "fail"]
    assert wrong == [size for size in other_sizes(model) if size[0] < size[1]]
    assert "32×40: off by" in level.explain()


class Shifted(nn.Module):
    """Answers otherwise where an image is wider than high."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        shift = float(x.shape[3] > x.shape[2])
        return {name: value + shift for name, value in self.network(x).items()}


def test_a_graph_of_fixed_size_does_not_run_at_others(model, place, outputs):
    fixed = open_session(export_graph(model, place, exporter="torchscript").content, CPU)
    level = compare_sizes(model, fixed, make_images(2), outputs)
    assert level.verdict == "fail"
    larger = [found for found in level.sizes if found.size != (SIZE, SIZE)]
    assert all(found.error and math.isnan(found.max_abs_error) for found in larger)
    assert "ONNX Runtime cannot run" in level.explain()


def test_nan_is_no_agreement(model, session, outputs, monkeypatch):
    def run(self, names, images):
        return {n: torch.full((len(images), w), math.nan) for n, w in zip(names, (3, 1))}  # noqa: B905

    monkeypatch.setattr(OnnxModel, "run", run)
    assert compare_sizes(model, session, make_images(2), outputs).verdict == "fail"


def test_a_convolutional_network_has_a_free_size_since_it_took_every_other(model):
    seen = []
    hook = model.network.register_forward_pre_hook(lambda _, args: seen.append(args[0].shape[2:]))
    require_free_size(model)
    hook.remove()
    assert [tuple(size) for size in seen] == list(other_sizes(model))


def test_a_transformer_has_a_fixed_one_although_nobody_said_so(tmp_path):
    with pytest.raises(ExportError, match="has a fixed input of 32 px; it does not take") as caught:
        require_free_size(make_tiny("vit", tmp_path, KIND))
    assert "--dynamic-size" in caught.value.hint


def test_what_the_registry_calls_fixed_is_not_even_tried(model):
    entry = replace(model.config.backbone, fixed_size=True)
    fixed = replace(model, config=replace(model.config, backbone=entry))
    with pytest.raises(ExportError, match="has a fixed input of 32 px\n"):
        require_free_size(fixed)


def test_a_head_on_a_flattened_map_fixes_the_size(tmp_path):
    model = make_model(tmp_path, KIND, head=HeadRecipe(features="flattened"))
    with pytest.raises(ExportError, match="fixed input"):
        require_free_size(model)
