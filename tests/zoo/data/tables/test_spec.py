import pytest

from zoo.data.tables.spec import TargetSpec, parse_target
from zoo.errors import DataError

KNOWN = ("price", "w", "h", "a:b", "c+d", "x=y")


@pytest.mark.parametrize(
    ("text", "name", "columns", "kind"),
    [
        ("price", "price", ("price",), None),
        ("price:value", "price", ("price",), "value"),
        ("w+h:value", "w_h", ("w", "h"), "value"),
        ("size=w+h:value", "size", ("w", "h"), "value"),
        ("cost=price", "cost", ("price",), None),
        ("a:b", "a:b", ("a:b",), None),
        ("a:b:class", "a:b", ("a:b",), "class"),
        ("c+d:class", "c+d", ("c+d",), "class"),
        ("x=y:labels", "x=y", ("x=y",), "labels"),
    ],
)
def test_a_target_is_read_and_written(text, name, columns, kind):
    spec = parse_target(text, KNOWN)
    assert spec == TargetSpec(name=name, columns=columns, kind=kind)
    assert parse_target(str(spec), KNOWN) == spec


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("prize:value", "no column 'prize'"),
        ("price:number", "'number' is no kind"),
        ("w+h", "several columns"),
        ("w+h:class", "several columns"),
        ("", "no column ''"),
    ],
)
def test_what_cannot_be_meant_is_refused(text, problem):
    with pytest.raises(DataError, match=problem):
        parse_target(text, KNOWN)
