import json
import math
from dataclasses import asdict, replace
from typing import get_args

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

import zoo.targets
from zoo.recipes import TargetKind
from zoo.targets import (
    KINDS,
    ClassTarget,
    LabelsTarget,
    Metrics,
    Target,
    ValueTarget,
    score_all,
)

TARGETS = [
    ClassTarget(name="shop", classes=("猫", "b")),
    LabelsTarget(name="tags", classes=("a", "b"), thresholds=(0.25, 0.5)),
    ValueTarget(name="size", columns=("w", "h"), mean=(0.5, 1.0), std=(2.0, 3.0)),
]
CELLS = {
    "class": ["b", "猫", None],
    "labels": ["a;b", [], None],
    "value": [[1, 2], [3, None], None],
}


def test_the_table_of_kinds_is_complete():
    assert set(KINDS) == set(get_args(TargetKind))
    assert {
        kind: target.__dataclass_fields__["kind"].default for kind, target in KINDS.items()
    } == {kind: kind for kind in KINDS}


def test_everything_that_is_public_exists():
    assert sorted(zoo.targets.__all__) == sorted(set(zoo.targets.__all__))
    assert all(hasattr(zoo.targets, name) for name in zoo.targets.__all__)


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_survives_json(target):
    adapter = TypeAdapter(Target)
    assert adapter.validate_json(adapter.dump_json(target)) == target
    assert adapter.validate_python(json.loads(json.dumps(asdict(target)))) == target


@pytest.mark.parametrize("target", TARGETS)
def test_a_strange_field_is_refused(target):
    with pytest.raises(ValidationError, match="extra|unexpected"):
        TypeAdapter(Target).validate_python(asdict(target) | {"colour": "red"})


def test_a_file_that_contradicts_itself_is_refused():
    broken = asdict(TARGETS[1]) | {"thresholds": [0.5]}
    with pytest.raises(ValidationError, match="thresholds must be one a label"):
        TypeAdapter(Target).validate_python(broken)


@pytest.mark.parametrize("target", TARGETS)
def test_decoded_truths_are_json_and_can_be_encoded_again(target):
    truth = target.encode(CELLS[target.kind])
    cells = json.loads(json.dumps(target.decode(truth), allow_nan=False))
    torch.testing.assert_close(
        torch.from_numpy(target.encode(cells)), torch.from_numpy(truth), equal_nan=True
    )


@pytest.mark.parametrize("target", TARGETS)
def test_answers_are_json(target):
    (answer,) = target.answer(torch.ones(1, target.num_outputs), 1)
    assert json.loads(json.dumps(asdict(answer), allow_nan=False))


@pytest.mark.parametrize("targets", [*([target] for target in TARGETS), TARGETS])
@pytest.mark.parametrize("rows", [slice(0, 3), slice(2, 3)], ids=["some", "none"])
def test_metrics_survive_json_also_where_they_are_undefined(targets, rows):
    truths = {t.name: torch.from_numpy(t.encode(CELLS[t.kind]))[rows] for t in targets}
    outputs = {t.name: torch.ones(len(truths[t.name]), t.num_outputs) for t in targets}
    metrics = score_all(targets, outputs, truths)
    adapter = TypeAdapter(Metrics)
    text = adapter.dump_json(metrics)
    json.loads(text, parse_constant=pytest.fail)
    again = adapter.validate_json(text)
    assert type(again) is type(metrics)
    assert adapter.dump_json(again) == text
    assert math.isnan(metrics.loss) == (rows.start == 2)
    assert replace(again, loss=1.0, num_samples=7).num_samples == 7
