import copy
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

from export.graph import export_graph
from export.verify import verify
from tests.export.breakage import change_weight, zero_channel
from tests.export.small_models import KIND, as_file, label_photos
from tests.export.tiny_networks import make_tiny
from zoo.errors import DeviceError, VerificationError


@pytest.fixture
def check(model, finished, evidence):
    """Verify bytes or a graph against the trained network."""

    def run(content, **options):
        if isinstance(content, onnx.ModelProto):
            content = content.SerializeToString()
        return verify(model, finished.model_folder, as_file(content), evidence.samples, **options)

    return run


def failed(report) -> set[str]:
    return {name for name, level in report.levels.items() if level.verdict == "fail"}


def initializer(proto, shape):
    return next(
        tensor
        for tensor in proto.graph.initializer
        if tuple(tensor.dims) == shape and tensor.data_type == onnx.TensorProto.FLOAT
    )


def change(tensor, function):
    array = function(numpy_helper.to_array(tensor).copy())
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(array), tensor.name))


def test_a_faithful_export_passes_every_level(check, graph, evidence):
    report = check(graph, recorded=evidence.recorded)
    assert report.verdict == "pass"
    assert set(report.levels) == {"L0", "L1", "L3"}
    parity, metric = report.levels["L1"], report.levels["L3"]
    assert 0 < parity.noise_floor <= parity.bound
    assert parity.max_abs_error <= parity.bound
    assert parity.max_abs_error_float64 <= parity.bound
    assert parity.batch_sizes == (1, 2, 7, 32, 33)
    assert parity.agreement == parity.sure_agreement == 1
    assert parity.num_sure == len(evidence.samples)
    assert parity.error_ratio == parity.max_abs_error_float64 / parity.noise_floor
    assert parity.batch_effect.dependent == ()
    assert parity.batch_effect.max_abs_error <= parity.batch_effect.bound == parity.bound
    assert set(parity.probed) > set(parity.edge_inputs)
    assert metric.metric_torch == metric.metric_onnx == metric.metric_recorded
    assert metric.num_samples == parity.num_samples == len(evidence.samples)
    assert report.tf32 is False
    assert report.providers_requested == report.providers_used == ("CPUExecutionProvider",)
    assert report.tf32_effect is report.location is None
    report.raise_if_failed()


def zero_a_filter(proto):
    def zero(array):
        array[np.square(array).sum(axis=(1, 2, 3)).argmax()] = 0
        return array

    change(initializer(proto, (32, 3, 3, 3)), zero)


def swap_classes(proto):
    change(initializer(proto, (3, 1280)), lambda array: array[[1, 0, 2]])
    change(initializer(proto, (3,)), lambda array: array[[1, 0, 2]])


def shift_a_bias(proto):
    change(initializer(proto, (3,)), lambda array: array + np.float32([1e-3, 0, 0]))


def flip_a_kernel(proto):
    change(initializer(proto, (32, 3, 3, 3)), lambda array: array[..., ::-1])


def poison_with_nan(proto):
    change(initializer(proto, (3,)), lambda array: array * np.float32("nan"))


def lose_a_clip(proto):
    """ReLU6 becomes ReLU: right for most inputs, wrong for the brightest."""
    for node in proto.graph.node:
        if node.op_type == "Clip":
            del node.input[2:]
            return
    raise AssertionError("no Clip in this graph")


@pytest.mark.parametrize(
    ("damage", "levels"),
    [
        (zero_a_filter, {"L1"}),
        (swap_classes, {"L1", "L3"}),
        (shift_a_bias, {"L1"}),
        (flip_a_kernel, {"L1"}),
        (poison_with_nan, {"L1", "L3"}),
        (lose_a_clip, {"L1"}),
    ],
)
def test_a_broken_graph_fails_at_the_right_level(check, proto, damage, levels):
    damage(proto)
    report = check(proto)
    assert report.verdict == "fail"
    assert failed(report) >= levels
    assert "L0" not in failed(report)


def test_a_failure_names_level_sample_and_distance(check, proto):
    swap_classes(proto)
    report = check(proto)
    with pytest.raises(VerificationError) as caught:
        report.raise_if_failed()
    message = caught.value.problem
    assert "L1 " in message
    assert "off by" in message
    assert "is allowed" in message
    assert report.levels["L1"].worst.sample in message
    assert "L3 top1" in message


def append(proto, *nodes):
    """Put nodes between the last one and the output `logits`; they read `before`."""
    proto.graph.node[-1].output[0] = "before"
    proto.graph.node.extend(nodes)


def test_a_traced_batch_size_burnt_in_is_caught(check, proto):
    """The exporter's most silent mistake: the graph runs for one size only."""
    proto.graph.initializer.append(numpy_helper.from_array(np.int64([7, 3]), "burnt"))
    append(proto, helper.make_node("Reshape", ["before", "burnt"], ["logits"]))
    report = check(proto)
    assert failed(report) == {"L1", "L3"}
    assert set(report.levels["L1"].errors) == {1, 2, 32, 33}
    with pytest.raises(VerificationError, match="does not run in batches of 1, 2, 32, 33"):
        report.raise_if_failed()


def test_an_answer_that_depends_on_its_neighbours_is_caught(check, proto):
    """BatchNorm left in training mode does this: a picture's logits move with its batch."""
    proto.graph.initializer.append(numpy_helper.from_array(np.int64([0]), "rows"))
    append(
        proto,
        helper.make_node("ReduceMean", ["before", "rows"], ["middle"], keepdims=1),
        helper.make_node("Sub", ["before", "middle"], ["logits"]),
    )
    report = check(proto)
    assert "L1" in failed(report)
    assert set(report.levels["L1"].batch_effect.dependent) == set(report.levels["L1"].probed)
    with pytest.raises(VerificationError, match=r"L1 the answer for .* depends on its neighbours"):
        report.raise_if_failed()


def test_an_answer_that_depends_on_its_neighbours_in_one_batch_size_is_caught(check, proto):
    """Whoever tests powers of two only never sees this: it counts the images beyond 32."""
    for name, value in (("limit", [32]), ("least", 0), ("most", 1)):
        proto.graph.initializer.append(numpy_helper.from_array(np.int64(value), name))
    append(
        proto,
        helper.make_node("Shape", ["before"], ["size"], start=0, end=1),
        helper.make_node("Sub", ["size", "limit"], ["excess"]),
        helper.make_node("Clip", ["excess", "least", "most"], ["over"]),
        helper.make_node("Cast", ["over"], ["shift"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Add", ["before", "shift"], ["logits"]),
    )
    level = check(proto).levels["L1"]
    assert level.verdict == "fail"
    assert level.worst_batch_size == level.batch_effect.batch_size == 33
    assert level.batch_effect.max_abs_error == pytest.approx(1, abs=1e-4)


def test_where_the_two_part_is_told_on_demand(tmp_path):
    tiny = make_tiny("squeezenet", tmp_path / "model", KIND)
    proto = onnx.load_from_string(export_graph(tiny, tmp_path / "model").content)
    change_weight("Conv", 6, zero_channel)(proto.graph)
    photos = label_photos(tmp_path / "photos", KIND)
    there = (tiny, tmp_path / "model", as_file(proto.SerializeToString()), photos)
    assert verify(*there).location is None
    report = verify(*there, locate=True)
    assert report.location.module == "body.features.4.expand3x3"
    with pytest.raises(VerificationError, match=r"part at body\.features\.4\.expand3x3"):
        report.raise_if_failed()


def test_a_graph_that_passes_is_not_searched(check, graph):
    assert check(graph, locate=True).location is None


def test_nothing_can_be_left_off_the_cpu_where_everything_is_on_it(check, graph):
    with pytest.raises(DeviceError, match="nothing is to be left to the CPU") as caught:
        check(graph, strict=True)
    assert "--device cuda" in caught.value.hint


def test_a_score_unlike_the_one_training_recorded_fails(check, graph, evidence):
    report = check(graph, recorded=replace(evidence.recorded, top1=0.5))
    assert failed(report) == {"L3"}
    with pytest.raises(VerificationError, match=r"training measured 0\.5000"):
        report.raise_if_failed()


def test_what_is_no_graph_is_not_the_trained_model(check):
    with pytest.raises(VerificationError, match="cannot be parsed") as caught:
        check(b"\xff\xff\xff\xff")
    assert caught.value.exit_code == 3


def test_the_network_is_left_as_it_was(check, graph, model):
    before = copy.deepcopy(model.network.state_dict())
    check(graph)
    torch.testing.assert_close(model.network.state_dict(), before, rtol=0, atol=0)


def test_replacing_the_network_is_noticed(model, finished, evidence, graph):
    """The other direction: the graph is right and the network is another."""
    other = copy.deepcopy(model.network)
    with torch.no_grad():
        other.body.conv_stem.weight.mul_(1.01)
    report = verify(
        replace(model, network=other),
        finished.model_folder,
        as_file(graph),
        evidence.samples,
    )
    assert "L1" in failed(report)


def test_the_export_of_a_model_with_other_classes_fails_and_does_not_crash(check, proto):
    for shape in ((3, 1280), (3,)):
        change(initializer(proto, shape), lambda array: np.concatenate([array, array[:1]]))
    proto.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 4
    report = check(proto)
    assert {"L0", "L1"} <= failed(report)
    assert "logits has shape" in report.levels["L1"].explain()


def test_another_input_name_fails_and_does_not_crash(check, proto):
    proto.graph.input[0].name = "x"
    for node in proto.graph.node:
        node.input[:] = ["x" if name == "pixel_values" else name for name in node.input]
    report = check(proto)
    assert {"L0", "L1"} <= failed(report)


def test_the_report_tells_no_path_of_this_machine(check, graph, evidence):
    from pydantic import TypeAdapter

    from export.verification import Verification

    text = TypeAdapter(Verification).dump_json(check(graph)).decode()
    assert str(evidence.samples.path(0).parents[1]) not in text
