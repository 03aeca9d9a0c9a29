"""The front matter of a card is checked as the Hub checks it."""

import pytest

from tests.hub.card import check_card, front_matter

GOOD = """---
license: apache-2.0
language: [en, de]
pipeline_tag: image-classification
library_name: timm
tags: [timm, onnx]
datasets: [org/data]
metrics: [accuracy]
base_model: timm/resnet18.a1_in1k
base_model_relation: finetune
model-index:
- name: m
  results:
  - task: {type: image-classification}
    dataset: {type: imagefolder, name: photos}
    metrics: [{type: accuracy, value: 0.9}]
---
# Card
"""


def card(line):
    return f"---\n{line}\n---\n"


def test_a_card_in_order_has_no_findings():
    assert check_card(GOOD) == check_card(GOOD.replace("\n", "\r\n"))
    assert (check_card(GOOD).errors, check_card(GOOD).warnings) == ((), ())
    assert front_matter(GOOD)["library_name"] == "timm"


@pytest.mark.parametrize("text", ["", "# Card", "---\n---\n", "---\n\n---\n# Card"])
def test_a_card_without_front_matter_is_warned_of(text):
    found = check_card(text)
    assert found.errors == ()
    assert found.warnings == ("empty or missing yaml metadata in repo card",)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("a: [", "Invalid YAML"),
        ("- a", "should be a mapping"),
        ("license: my-own", '"license" must be one of'),
        ("license: [mit, my-own]", "my-own"),
        ("license: null", '"license" must be one of'),
        ("language: English", '"language" with value "English"'),
        ("language: no", '"language" with value "False"'),
        ("tags: timm", '"tags" must be an array'),
        ("tags: [1]", '"tags[0]" must be a string'),
        ("datasets: [null]", '"datasets[0]" must be a string'),
        ("datasets: ['/home/me/data']", "is not valid"),
        ("base_model: /home/me/model", '"base_model" with value "/home/me/model"'),
        ("base_model: a/b/c", '"base_model" with value'),
        ("base_model_relation: child", '"base_model_relation" must be one of'),
        ("library_name: 3", '"library_name" must be a string'),
        ("model-index: {}", "must be array"),
        ("model-index: [{results: []}]", "property 'name'"),
        ("model-index: [{name: m}]", "property 'results'"),
        ("model-index: [{name: m, results: [{}]}]", "0/results/0 must have property 'task'"),
    ],
)
def test_what_is_not_in_order_is_an_error_that_names_it(line, error):
    errors = check_card(card(line)).errors
    assert any(error in each for each in errors), errors


@pytest.mark.parametrize(
    ("removed", "error"),
    [
        ("{type: image-classification}", "/task must have property 'type'"),
        ("{type: imagefolder, name: photos}", "/dataset must have property"),
        ("[{type: accuracy, value: 0.9}]", "must have property 'metrics'"),
        ("value: 0.9", "/metrics/0 must have property 'value'"),
    ],
)
def test_a_result_that_lacks_something_is_an_error(removed, error):
    empty = {"{": "{}", "[": "[]"}.get(removed[0], "x: 1")
    errors = check_card(GOOD.replace(removed, empty)).errors
    assert any(error in each for each in errors), errors


@pytest.mark.parametrize(
    ("line", "warning"),
    [
        ("pipeline_tag: guessing", "not in the official list"),
        ("license: other", "license_name"),
    ],
)
def test_what_could_be_better_is_a_warning(line, warning):
    found = check_card(card(line))
    assert found.errors == ()
    assert len(found.warnings) == 1
    assert warning in found.warnings[0]
