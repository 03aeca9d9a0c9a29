import json
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from export.graph import export_graph
from export.metadata import describe, read_preprocess, read_targets
from export.raw import ANSWERS, describe_raw, embed_preprocessing, name_answers
from tests.export.raw_graphs import CONTRACT, average_colours
from tests.export.small_models import AGE, KIND, POSE, TAGS, make_model
from zoo.errors import ExportError
from zoo.inputs.image import preprocess

ROUNDING = 1e-5
"""Of means of a thousand float32 pixels, up to 3."""


def serialize(proto: onnx.ModelProto) -> bytes:
    return proto.SerializeToString(deterministic=True)


def run(proto: onnx.ModelProto, images: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(serialize(proto), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"images": images}), strict=True))


def colour(*rgb: int, height: int = 40, width: int = 50) -> np.ndarray:
    return np.broadcast_to(np.array(rgb, np.uint8), (1, height, width, 3)).copy()


def means_of(images: np.ndarray) -> torch.Tensor:
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
    return torch.stack([preprocess(image, CONTRACT) for image in pixels]).mean(dim=(2, 3))


def test_a_class_is_answered_with_its_probability_and_its_rank():
    raw = embed_preprocessing(average_colours(KIND), CONTRACT, [KIND], {})
    images = np.concatenate([colour(10, 250, 100), colour(200, 30, 90)])
    found = run(raw, images)
    expected = means_of(images).softmax(dim=1).numpy()
    np.testing.assert_allclose(found["probabilities"], expected, rtol=0, atol=ROUNDING)
    assert found["indices"].tolist() == [[1, 2, 0], [0, 2, 1]]


def test_equally_probable_classes_are_ranked_by_their_index():
    grey = replace(CONTRACT, mean=(0.5,) * 3, std=(0.25,) * 3)
    raw = embed_preprocessing(average_colours(KIND), grey, [KIND], {})
    found = run(raw, colour(80, 80, 80))
    assert len(set(found["probabilities"][0].tolist())) == 1
    assert found["indices"].tolist() == [[0, 1, 2]]


def test_a_label_is_present_above_its_threshold():
    """Grey 140 has a probability between the two thresholds, 0.4 and 0.6."""
    plain = replace(CONTRACT, mean=(0.5,) * 3, std=(0.25,) * 3)
    raw = embed_preprocessing(average_colours(TAGS), plain, [TAGS], {})
    found = run(raw, colour(140, 140, 140))
    expected = torch.tensor((140 / 255 - 0.5) / 0.25).sigmoid().item()
    np.testing.assert_allclose(found["probabilities"], [[expected] * 2], rtol=0, atol=ROUNDING)
    assert found["present"].tolist() == [[True, False]]


@pytest.mark.parametrize(("cut", "present"), [(0.0, True), (1.0, False)])
def test_a_threshold_at_the_end_of_the_scale_is_always_or_never_met(cut, present):
    target = replace(TAGS, thresholds=(cut, cut))
    raw = embed_preprocessing(average_colours(target), CONTRACT, [target], {})
    for grey in (0, 255):
        assert run(raw, colour(grey, grey, grey))["present"].tolist() == [[present, present]]


def test_a_value_is_the_networks():
    raw = embed_preprocessing(average_colours(POSE), CONTRACT, [POSE], {})
    images = colour(10, 250, 100)
    np.testing.assert_allclose(
        run(raw, images)["values"], means_of(images)[:, :2].numpy(), rtol=0, atol=ROUNDING
    )


def test_answers_of_several_targets_bear_their_outputs_names():
    assert name_answers([KIND, POSE]) == {
        "kind": {"probabilities": "kind_probabilities", "indices": "kind_indices"},
        "Pose, in °": {"values": "Pose_in_values"},
    }
    raw = embed_preprocessing(average_colours(KIND, TAGS, AGE), CONTRACT, [KIND, TAGS, AGE], {})
    names = [output.name for output in raw.graph.output]
    assert names == [
        *("kind_probabilities", "kind_indices", "tags_probabilities", "tags_present"),
        "age_values",
    ]


def test_targets_may_bear_the_names_that_the_raw_graph_needs():
    targets = [replace(KIND, name="images"), replace(AGE, name="probabilities")]
    raw = embed_preprocessing(average_colours(*targets), CONTRACT, targets, {})
    onnx.checker.check_model(raw, full_check=True)
    images = colour(10, 250, 100)
    found = run(raw, images)
    means = means_of(images)
    np.testing.assert_allclose(found["probabilities_values"], means[:, :1], rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(
        found["images_probabilities"], means.softmax(dim=1), rtol=0, atol=ROUNDING
    )


def test_every_kind_of_target_has_answers(tmp_path):
    assert set(ANSWERS) == {target.kind for target in (KIND, TAGS, AGE)}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A real network of all kinds of target, its folder and its graph."""
    folder = tmp_path_factory.mktemp("raw") / "model"
    model = make_model(folder, KIND, TAGS, AGE, POSE)
    return model, folder, onnx.load_from_string(export_graph(model, folder).content)


def embed(exported) -> onnx.ModelProto:
    model, folder, network = exported
    return embed_preprocessing(network, model.preprocess, model.targets, describe(model, folder))


def test_the_graph_is_valid_at_the_networks_opset_and_axes_are_named(exported):
    raw, network = embed(exported), exported[2]
    onnx.checker.check_model(raw, full_check=True)
    assert (raw.opset_import, raw.ir_version) == (network.opset_import, network.ir_version)
    assert raw.producer_version == network.producer_version
    shapes = [
        [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*raw.graph.input, *raw.graph.output)
    ]
    assert shapes[0] == ["batch_size", "height", "width", 3]
    assert shapes[1:] == [["batch_size", count] for count in (3, 3, 2, 2, 1, 2)]


def test_the_same_network_gives_the_same_bytes(exported):
    assert serialize(embed(exported)) == serialize(embed(exported))


def test_the_networks_own_nodes_and_weights_stay_as_they_are(exported):
    """The locator finds a module by the names of its tensors."""
    raw, network = embed(exported), exported[2]
    theirs = [
        node for node in raw.graph.node if not node.name.startswith(("preprocess/", "answer/"))
    ]
    assert theirs == list(network.graph.node)
    weights = {tensor.name: tensor for tensor in raw.graph.initializer}
    assert all(weights[tensor.name] == tensor for tensor in network.graph.initializer)


def test_nothing_is_told_but_what_is_documented(exported):
    model, folder, _ = exported
    raw = embed(exported)
    facts = {entry.key: entry.value for entry in raw.metadata_props}
    assert facts == describe_raw(describe(model, folder), model.targets)
    assert facts["zoo.raw"] == "true"
    assert json.loads(facts["zoo.answers"]) == name_answers(model.targets)
    assert tuple(read_targets(facts).values()) == model.targets
    assert read_preprocess(facts) == model.preprocess
    assert not raw.doc_string + raw.graph.doc_string
    values = (*raw.graph.input, *raw.graph.output, *raw.graph.value_info, *raw.graph.node)
    assert not any(value.metadata_props or value.doc_string for value in values)


def test_an_older_opset_is_refused():
    with pytest.raises(ExportError, match="needs opset 18"):
        embed_preprocessing(average_colours(KIND, opset=17), CONTRACT, [KIND], {})


def test_a_network_of_another_size_is_refused():
    with pytest.raises(ExportError, match="makes pixel_values of 32 x 32 pixels"):
        embed_preprocessing(average_colours(KIND, size=40), CONTRACT, [KIND], {})


def test_a_network_of_any_size_is_taken():
    network = average_colours(KIND)
    for at in (2, 3):
        network.graph.input[0].type.tensor_type.shape.dim[at].dim_param = f"side_{at}"
    raw = embed_preprocessing(network, CONTRACT, [KIND], {})
    assert run(raw, colour(10, 250, 100))["indices"].tolist() == [[1, 2, 0]]
