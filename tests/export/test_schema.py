import json
import math
from dataclasses import fields, is_dataclass, replace

import jsonschema
import pytest
from pydantic import TypeAdapter

from export import schema
from export.verification import Verification
from export.verify import verify
from tests.export.small_models import as_file
from zoo.json_schema import to_text


@pytest.fixture(scope="module")
def validator():
    committed = json.loads(schema.committed_path().read_text())
    jsonschema.Draft202012Validator.check_schema(committed)
    return jsonschema.Draft202012Validator(committed)


@pytest.fixture(scope="module")
def report(model, finished, evidence, graph):
    return verify(model, finished.model_folder, as_file(graph), evidence.samples)


def written(report: Verification):
    return json.loads(TypeAdapter(Verification).dump_json(report))


def test_the_committed_schema_is_the_one_that_the_code_generates():
    """If this fails, write it anew.

    python -c "from export.schema import *; from zoo.json_schema import to_text;
    committed_path().write_text(to_text(generate()))"
    """
    assert schema.committed_path().read_text() == to_text(schema.generate())


def test_a_report_follows_the_schema(validator, report):
    assert list(validator.iter_errors(written(report))) == []


def test_a_report_without_a_single_finite_figure_follows_it_too(validator, report):
    poisoned = poison(report)
    assert math.isnan(poisoned.levels["L1"].targets["label"].worst.reference)
    assert list(validator.iter_errors(written(poisoned))) == []


def poison(value):
    """Turn every float in a report into NaN."""
    if is_dataclass(value):
        return replace(value, **{f.name: poison(getattr(value, f.name)) for f in fields(value)})
    if isinstance(value, dict):
        return {key: poison(part) for key, part in value.items()}
    return math.nan if isinstance(value, float) else value


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"verdict": "perhaps"},
        {"levels": {}},
        {"tf32": None},
        {"location": {"module": "body"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_schema_refuses_what_is_no_report(validator, report, change):
    assert not validator.is_valid(written(report) | change)


def test_each_level_stands_under_its_own_name(validator, report):
    found = written(report)
    found["levels"]["L3"] = found["levels"]["L1"]
    assert not validator.is_valid(found)


def test_every_level_of_the_schema_is_one_that_a_report_may_have():
    level = Verification.__dataclass_fields__["levels"].type
    assert level == "dict[str, Level]"
    from export.verification import Level

    assert set(schema.LEVELS.values()) == set(Level.__args__)


def test_figures_are_described(validator):
    described = validator.schema["$defs"]["TargetNumbers"]["properties"]
    assert "float64 PyTorch" in described["noise_floor"]["description"]
    assert "candidate's error over" in described["error_ratio"]["description"]
