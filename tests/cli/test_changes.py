import pytest
import typer

from cli.changes import (
    read_assignments,
    read_batch_size,
    read_gigabytes,
    read_losses,
    read_stages,
    read_widths,
    require_positive,
)
from zoo.targets import LOSSES


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (None, None),
        ("head", "head"),
        ("all", "all"),
        ("top:3", {"top": 3}),
        ("freeze:2", {"freeze": 2}),
        ("layer4", ["layer4"]),
        ("stage3, neck", ["stage3", "neck"]),
        ("topmost", ["topmost"]),
    ],
)
def test_stages_are_read(text, value):
    assert read_stages(text) == value


@pytest.mark.parametrize("text", ["top:0", "top:-1", "top:x", "freeze:1.5"])
def test_a_number_of_stages_is_a_number(text):
    with pytest.raises(typer.BadParameter, match="a number of stages follows the colon"):
        read_stages(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (None, (None, False)),
        ("16", (16, False)),
        ("auto", (None, True)),
        ("auto:64", (64, True)),
    ],
)
def test_batch_sizes_are_read(text, value):
    assert read_batch_size(text) == value


@pytest.mark.parametrize("text", ["0", "-4", "many", "auto:0", "auto:many", "1.5", "4:auto", ""])
def test_what_is_no_batch_size_is_refused(text):
    with pytest.raises(typer.BadParameter, match="neither a number of images nor auto"):
        read_batch_size(text)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_what_is_not_above_zero_is_refused(value):
    with pytest.raises(typer.BadParameter, match="is not a number above 0"):
        require_positive(value)


def test_what_is_above_zero_or_left_out_passes():
    assert (require_positive(1e-300), require_positive(None)) == (1e-300, None)


def test_gigabytes_are_numbers():
    assert (read_gigabytes("0"), read_gigabytes("0.5")) == (0.0, 0.5)
    for text in ("1MB", "-1", "nan", "inf", ""):
        with pytest.raises(typer.BadParameter, match="is not a number of GB"):
            read_gigabytes(text)


def test_a_value_of_the_wrong_form_names_its_option():
    with pytest.raises(typer.BadParameter) as caught:
        read_batch_size("0")
    assert caught.value.param_hint == "'--batch-size'"
    with pytest.raises(typer.BadParameter) as caught:
        read_assignments(["kind"], "--target-weight")
    assert caught.value.param_hint == "'--target-weight'"


def test_a_loss_is_for_every_kind_of_target_that_it_fits():
    assert read_losses(None) is None
    assert read_losses([]) is None
    assert read_losses(["focal"]) == {"class": "focal", "labels": "focal"}
    assert read_losses(["focal", "huber"]) == {
        "class": "focal",
        "labels": "focal",
        "value": "huber",
    }


def test_every_loss_of_the_library_can_be_asked_for_and_no_other():
    for kind, losses in LOSSES.items():
        for name in losses:
            assert read_losses([name])[kind] == name
    with pytest.raises(typer.BadParameter, match="no loss named 'hinge' among cross-entropy"):
        read_losses(["hinge"])


def test_a_loss_is_read_for_no_kind_that_it_does_not_fit():
    for name in {name for losses in LOSSES.values() for name in losses}:
        assert all(name in LOSSES[kind] for kind in read_losses([name]))


@pytest.mark.parametrize(
    ("text", "value"), [(None, None), ("256", [256]), ("512, 128", [512, 128]), ("", [])]
)
def test_widths_are_read(text, value):
    assert read_widths(text) == value


@pytest.mark.parametrize("text", ["0", "a", "256;128", "-3", "1.5"])
def test_what_is_no_width_is_refused(text):
    with pytest.raises(typer.BadParameter, match="no list of widths"):
        read_widths(text)


def test_assignments_are_json_or_else_text():
    assert read_assignments(None) == {}
    assert read_assignments(["ema=0.9", "fill=mean", "step-at=[0.5, 0.8]", "nesterov=false"]) == {
        "ema": 0.9,
        "fill": "mean",
        "step_at": [0.5, 0.8],
        "nesterov": False,
    }
    assert read_assignments(['lora={"rank": 4}', "note=a=b", "crop_scale=null"]) == {
        "lora": {"rank": 4},
        "note": "a=b",
        "crop_scale": None,
    }


@pytest.mark.parametrize("text", ["ema", "=0.9", ""])
def test_what_assigns_nothing_is_refused(text):
    with pytest.raises(typer.BadParameter, match="not of the form NAME=VALUE"):
        read_assignments([text])


def test_two_losses_for_one_kind_contradict_each_other():
    with pytest.raises(typer.BadParameter, match="bce and focal are both for targets of labels"):
        read_losses(["bce", "focal"])


def test_no_stage_is_not_a_choice_of_stages():
    with pytest.raises(typer.BadParameter, match="name stages"):
        read_stages(" , ")
