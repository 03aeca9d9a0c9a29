import inspect
from pathlib import Path

import pytest

from zoo import errors
from zoo.errors import UnknownBackboneError, UnreadableImagesError, VerificationError, ZooError

ALL = [e for _, e in inspect.getmembers(errors, inspect.isclass) if issubclass(e, ZooError)]


@pytest.mark.parametrize("error", ALL)
def test_the_drawn_tree_names_every_error(error):
    assert errors.__doc__ is not None
    assert error.__name__ in errors.__doc__


def test_exit_codes_are_one_three_for_a_failed_proof_and_the_shells_own_for_a_signal():
    codes = {error.__name__: error.exit_code for error in ALL}
    assert codes.pop("VerificationError") == VerificationError.exit_code == 3
    assert codes.pop("RunInterruptedError") == 130
    assert set(codes.values()) == {1}


def test_unknown_backbone_suggests_the_nearest_name():
    assert "'resnet50'" in UnknownBackboneError("resnet5O", ["resnet50", "vgg16"]).hint


def test_unknown_backbone_far_from_all_points_to_the_list():
    assert "zoo list" in UnknownBackboneError("qqq", ["resnet50"]).hint


def test_unreadable_images_lists_every_file():
    error = UnreadableImagesError({Path("a.jpg"): "not an image", Path("b.jpg"): "truncated"})
    assert "2 files" in error.problem
    assert "a.jpg: not an image" in error.problem
    assert "b.jpg: truncated" in error.problem
