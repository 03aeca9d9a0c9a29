import numpy as np
import pytest
from PIL import Image

from zoo.data.digits import SIZE, write_digits
from zoo.data.folder import open_folder
from zoo.errors import DataError


def test_the_subset_is_balanced_and_its_splits_share_no_picture(tmp_path):
    assert write_digits(tmp_path / "d", train=6, validation=3) == 90
    dataset = open_folder(tmp_path / "d")
    assert dataset.targets[0].classes == tuple("0123456789")
    assert np.bincount(dataset.train.truths["label"]).tolist() == [6] * 10
    assert np.bincount(dataset.validation.truths["label"]).tolist() == [3] * 10
    assert not set(dataset.train.digests) & set(dataset.validation.digests)
    assert dataset.notes == ()


def test_pictures_are_large_enough_to_see(tmp_path):
    write_digits(tmp_path / "d", train=1, validation=1)
    path = next((tmp_path / "d").rglob("*.png"))
    with Image.open(path) as picture:
        assert picture.size == (SIZE, SIZE)


def test_an_existing_folder_is_left_alone(tmp_path):
    with pytest.raises(DataError, match="exists"):
        write_digits(tmp_path, train=1, validation=1)
