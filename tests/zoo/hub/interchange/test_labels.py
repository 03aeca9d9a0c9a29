"""What a foreign classifier's outputs are called."""

import pytest

from zoo.errors import RegistryError
from zoo.hub.interchange.labels import read_target
from zoo.targets import ClassTarget, ValueTarget


def names(config, count: int) -> tuple[str, ...]:
    return read_target(config, count, "hf-hub:me/x")[0].classes


@pytest.mark.parametrize(
    "config",
    [
        {"label_names": ["a", "b", "c"]},
        {"labels": ["a", "b", "c"]},
        {"pretrained_cfg": {"label_names": ["a", "b", "c"]}},
        {"id2label": {"2": "c", "0": "a", "1": "b"}},
        {"label_names": {"2": "c", "0": "a", "1": "b"}},
    ],
)
def test_names_are_read_in_all_their_forms_in_the_order_of_the_outputs(config):
    assert names(config, 3) == ("a", "b", "c")


def test_more_than_ten_are_in_the_order_of_numbers_not_of_digits():
    told = {str(at): f"n{at}" for at in reversed(range(12))}
    assert names({"id2label": told}, 12) == tuple(f"n{at}" for at in range(12))


def test_codes_are_said_in_words_where_there_are_any():
    told = {"label_names": ["n1", "n2", "n3"], "label_descriptions": {"n1": "cat", "n2": "dog"}}
    assert names(told, 3) == ("cat", "dog", "n3")


def test_words_for_two_classes_keep_their_codes():
    told = {"label_names": ["n1", "n2"], "label_descriptions": {"n1": "crane", "n2": "crane"}}
    assert names(told, 2) == ("crane (n1)", "crane (n2)")
    assert names({"label_names": ["crane", "crane", "dog"]}, 3) == ("crane (0)", "crane (1)", "dog")


def test_a_thousand_outputs_without_names_are_imagenets():
    target, assumed = read_target({}, 1000, "hf-hub:me/x")
    assert len(set(target.classes)) == 1000
    assert target.classes[0] == "tench, Tinca tinca"
    assert "crane (n02012849)" in target.classes
    assert any("ImageNet" in each for each in assumed)


def test_without_any_names_they_are_numbered_and_it_is_said():
    target, assumed = read_target({}, 2, "hf-hub:me/x")
    assert target.classes == ("class 0", "class 1")
    assert assumed == ("the classes' names, which nobody says",)


def test_names_for_another_number_of_outputs_are_refused():
    with pytest.raises(RegistryError, match="3 classes for the 2 outputs"):
        read_target({"label_names": ["a", "b", "c"]}, 2, "hf-hub:me/x")


@pytest.mark.parametrize(
    "told",
    [{"1": "a", "2": "b"}, {"0": "a", "x": "b"}, {"0": "a", "-1": "b"}, {"0": "a", "01": "b"}],
)
def test_names_of_other_outputs_than_there_are_are_refused(told):
    with pytest.raises(RegistryError, match="2 names in id2label, but none of output") as caught:
        read_target({"id2label": told}, 2, "hf-hub:me/x")
    assert caught.value.hint


@pytest.mark.parametrize("blank", ["", " ", None])
def test_blank_names_are_numbered_and_it_is_said(blank):
    target, assumed = read_target({"label_names": ["a", blank, "c"]}, 3, "hf-hub:me/x")
    assert target.classes == ("a", "class 1", "c")
    assert assumed == ("the names of outputs 1, which are blank",)


@pytest.mark.parametrize("odd", [["a"], {"b": 1}])
def test_what_is_no_name_is_refused(odd):
    with pytest.raises(RegistryError, match="is not a name"):
        read_target({"label_names": ["a", odd]}, 2, "hf-hub:me/x")


def test_names_that_stay_alike_are_refused():
    with pytest.raises(RegistryError, match="different names"):
        read_target({"label_names": ["a", "a", "a (0)"]}, 3, "hf-hub:me/x")


def test_one_output_of_a_kind_that_nobody_says_is_a_number_as_in_transformers():
    target, assumed = read_target({"label_names": ["age"]}, 1, "hf-hub:me/x")
    assert isinstance(target, ValueTarget)
    assert target.columns == ("age",)
    assert "problem_type" in assumed[0]


def test_one_output_that_is_said_to_be_a_class_is_one():
    told = {"label_names": ["cat"], "problem_type": "single_label_classification"}
    assert isinstance(read_target(told, 1, "hf-hub:me/x")[0], ClassTarget)


@pytest.mark.parametrize("problem", ["ranking", ["regression"]])
def test_a_kind_of_answer_that_zoo_has_not_is_refused(problem):
    with pytest.raises(RegistryError, match="problem_type"):
        read_target({"problem_type": problem}, 2, "hf-hub:me/x")
