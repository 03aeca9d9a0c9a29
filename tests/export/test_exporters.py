import logging
import warnings

import pytest
import torch

from export import exporters
from export.exporters import EXPORTERS, trace_graph
from tests.export.small_models import AGE, KIND, make_model
from tests.export.tiny_networks import make_tiny
from zoo.errors import ExportError
from zoo.model import TrainedModel


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """BatchNorm to be folded, and two targets."""
    return make_tiny("resnet", tmp_path_factory.mktemp("tiny"), KIND, AGE)


@pytest.fixture(scope="module", params=EXPORTERS)
def traced(request, model):
    return trace_graph(model, 20, request.param)


def shapes_of(values):
    return {
        value.name: [axis if isinstance(axis, int) else axis.value for axis in value.shape]
        for value in values
    }


def test_both_exporters_give_the_same_interface(traced):
    assert shapes_of(traced.graph.inputs) == {"pixel_values": ["batch_size", 3, 32, 32]}
    assert shapes_of(traced.graph.outputs) == {
        "kind": ["batch_size", 3],
        "age": ["batch_size", 1],
    }


def test_both_fold_batch_norm_into_convolutions(traced):
    operators = {node.op_type for node in traced.graph}
    assert "Conv" in operators
    assert "BatchNormalization" not in operators


def test_weights_are_weights_and_have_the_names_of_their_modules(traced):
    """`onnx::Conv_504` would change with the network's first layer."""
    convolutions = [node for node in traced.graph if node.op_type == "Conv"]
    names = [value.name for node in convolutions for value in node.inputs[1:2]]
    assert all(value in traced.graph.initializers for value in names)
    assert all(name.startswith("network.body.") for name in names)


def test_equal_biases_are_weights_and_not_what_a_node_hands_on(tmp_path):
    """The older exporter stores them once, which would hide them from a quantiser."""
    traced = trace_graph(make_model(tmp_path, KIND), 20, "torchscript")
    biases = [node.inputs[2] for node in traced.graph if node.op_type == "Conv"]
    assert all(bias.is_initializer() for bias in biases)
    assert len({bias.name for bias in biases}) < len(biases)


def test_no_name_looks_like_a_path(traced):
    values = [v for node in traced.graph for v in (*node.inputs, *node.outputs) if v is not None]
    names = {part.name for part in (*traced.graph, *values)}
    assert not any(set(name) & set("/:\\") for name in names)


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_height_and_width_may_be_named_too(model, exporter):
    traced = trace_graph(model, 20, exporter, dynamic_size=True)
    assert shapes_of(traced.graph.inputs) == {"pixel_values": ["batch_size", 3, "height", "width"]}


class Stubborn(torch.nn.Module):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def forward(self, x):
        raise self.error


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("error", [RuntimeError("no\nway"), AssertionError(), KeyError("x")])
def test_whatever_an_exporter_raises_is_an_export_error_that_says_which(model, exporter, error):
    broken = TrainedModel(Stubborn(error), model.config, model.device)
    with pytest.raises(ExportError, match=f"{exporter} exporter cannot export") as caught:
        trace_graph(broken, 20, exporter)
    assert "\n" not in caught.value.problem
    assert caught.value.__cause__ is not None


def test_attention_is_translated_by_both_and_stays_as_fast_as_it_was(tmp_path):
    """torchvision's transformers compute it as one operator of PyTorch's, where that is allowed."""
    vit = make_tiny("vit", tmp_path, KIND)
    for exporter in EXPORTERS:
        operators = {node.op_type for node in trace_graph(vit, 20, exporter).graph}
        assert "Softmax" in operators
    assert torch.backends.mha.get_fastpath_enabled()


def test_a_refused_graph_is_not_printed(model, capfd):
    """To stdout, where a command's result belongs."""

    class Odd(torch.nn.Module):
        def forward(self, x):
            pooled = torch.nn.functional.adaptive_avg_pool2d(x, 7).flatten(1)
            return dict.fromkeys(("kind", "age"), pooled)

    odd = TrainedModel(Odd(), model.config, model.device)
    with pytest.raises(ExportError, match="adaptive_avg_pool2d"):
        trace_graph(odd, 20, "torchscript")
    assert capfd.readouterr() == ("", "")


def test_an_opset_that_the_older_exporter_does_not_know_is_refused(model):
    """It would write 21 above operators of 20."""
    with pytest.raises(ExportError, match="knows no opset 21") as caught:
        trace_graph(model, 21, "torchscript")
    assert "--exporter dynamo" in caught.value.hint


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_a_warning_that_nobody_expects_is_shown(model, exporter, monkeypatch):
    def export(*arguments):
        warnings.warn("the sky is falling", UserWarning, stacklevel=1)
        raise RuntimeError

    monkeypatch.setattr(exporters, f"_export_by_{exporter}", export)
    with pytest.warns(UserWarning, match="sky"), pytest.raises(ExportError):
        trace_graph(model, 20, exporter)


def test_the_loggers_are_as_talkative_as_before(model):
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    trace_graph(model, 20, "torchscript")
    assert logger.level == before


def test_the_model_itself_is_left_as_it_was(model):
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    trace_graph(model, 20, "torchscript")
    assert not model.network.training
    for name, value in model.network.state_dict().items():
        assert torch.equal(value, before[name])
