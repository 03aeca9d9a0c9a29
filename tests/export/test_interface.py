import pytest

from export.interface import name_outputs
from zoo.targets import ClassTarget


def names(*targets: str) -> list[str]:
    return list(name_outputs([ClassTarget(name=t, classes=("a", "b")) for t in targets]).values())


def test_an_only_output_is_called_logits_whatever_the_target_is_called():
    assert name_outputs([ClassTarget(name="größe", classes=("a", "b"))]) == {"größe": "logits"}


def test_several_are_called_by_their_targets():
    assert names("species", "age_in_days") == ["species", "age_in_days"]


@pytest.mark.parametrize(
    ("target", "output"),
    [
        ("age, in days", "age_in_days"),
        ("body.weight", "body_weight"),
        ("Höhe", "Hohe"),
        ("2nd", "_2nd"),
        ("年龄", "output"),
        ("\n", "output"),
    ],
)
def test_any_text_becomes_an_identifier(target, output):
    found, _ = names(target, "other")
    assert found == output
    assert found.isidentifier()
    assert found.isascii()


def test_no_two_outputs_share_a_name():
    assert names("a b", "a.b", "a_b", "a_b_2") == ["a_b", "a_b_2", "a_b_3", "a_b_2_2"]


def test_no_output_is_called_as_the_input():
    assert names("pixel_values", "pixel values") == ["pixel_values_2", "pixel_values_3"]
