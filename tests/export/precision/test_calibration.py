import logging

import numpy as np
import pytest
import torch

from export.precision.calibration import METHODS, calibrate, largest_numbers
from export.precision.quiet import quiet
from export.precision.source import read_source
from tests.export.precision.graphs import WIDTH, chain

OUTLIER = 40.0


@pytest.fixture
def source():
    return read_source(chain().SerializeToString())


def rows(outlier=OUTLIER):
    """Noise, and one number that is like no other."""
    found = torch.randn(4000, WIDTH, generator=torch.Generator().manual_seed(0))
    found[2, 3] = outlier
    return found


def range_of(source, method, images):
    low, high = calibrate(source, method, ("MatMul",), images)["pixel_values"].range_value
    return float(np.ravel(low)[0]), float(np.ravel(high)[0])


def test_min_max_takes_all_that_was_seen(source):
    assert range_of(source, "min-max", rows()) == (rows().min().item(), OUTLIER)


@pytest.mark.parametrize("method", ["percentile", "entropy"])
def test_the_others_leave_an_outlier_out(source, method):
    """With ONNX Runtime's own 128 bins entropy would have no choice but all."""
    _, high = range_of(source, method, rows())
    assert 1 < high < OUTLIER * 0.75


@pytest.mark.parametrize("method", list(METHODS))
def test_numbers_that_hardly_vary_have_a_range(source, method):
    images = torch.full((8, WIDTH), 1.0)
    images[0, 0] = 1.0 + torch.finfo(torch.float32).eps
    _, high = range_of(source, method, images)
    assert 0.9 < high <= 1.1


def test_the_largest_number_of_every_tensor_is_found(source):
    found = largest_numbers(source, rows())
    assert found["pixel_values"] == OUTLIER
    assert {"large", "rectified", "small", "bent", "logits"} <= set(found)


def test_what_is_no_number_is_infinitely_large(source):
    assert largest_numbers(source, rows(float("inf")))["large"] == float("inf")


def test_nothing_is_heard_of_a_library_and_the_root_logger_stays_as_it_was(capfd):
    before = list(logging.root.handlers)
    with quiet():
        print("Collecting tensor data ...")  # noqa: T201 - as the library does
        logging.warning("Please consider")
        assert np.isneginf(np.log(np.float32(0)))
    assert logging.root.handlers == before
    assert capfd.readouterr() == ("", "")
