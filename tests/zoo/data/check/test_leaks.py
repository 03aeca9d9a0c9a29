import hashlib

import numpy as np
import pytest

from tests.textures import COPIES, dataset_of, save, texture
from zoo.data.check import require_no_leaks
from zoo.data.dataset import Dataset, make_samples
from zoo.errors import DataError
from zoo.progress import Silence
from zoo.targets import ClassTarget


@pytest.fixture
def leaking(tmp_path):
    for number in range(3):
        save(texture(number), tmp_path / f"{number}.png")
    for number in range(2):
        save(texture(number), tmp_path / f"copy{number}.png")
    train = {"0.png": "a", "1.png": "b", "2.png": "a"}
    return dataset_of(
        tmp_path, {"train": train, "validation": {"copy0.png": "a", "copy1.png": "b"}}
    )


def test_identical_images_across_splits_are_refused_by_name(leaking):
    with pytest.raises(DataError) as error:
        require_no_leaks(leaking, allow_leaks=False)
    assert "2 images in more than one split" in error.value.problem
    assert "0.png (train) = copy0.png (validation)" in error.value.problem
    assert "--allow-leaks" in error.value.hint


def test_leaks_that_are_allowed_are_a_note(leaking):
    notes = require_no_leaks(leaking, allow_leaks=True)
    assert any("2 images in more than one split" in note for note in notes)


def test_clean_data_passes_and_further_findings_are_notes(tmp_path):
    for number in range(4):
        save(texture(number), tmp_path / f"{number}.png")
    splits = {"train": {"0.png": "a", "1.png": "b"}, "validation": {"2.png": "a", "3.png": "b"}}
    notes = require_no_leaks(dataset_of(tmp_path, splits), allow_leaks=False)
    assert len(notes) == 1
    assert "fewer than 2 training images" in notes[0]


def test_near_duplicates_pass_with_an_example_and_what_to_do(tmp_path):
    for number in range(3):
        save(texture(number), tmp_path / f"{number}.png")
    save(COPIES["smaller"](texture(0)), tmp_path / "copy.jpg")
    splits = {"train": {"0.png": "a", "1.png": "b"}, "validation": {"2.png": "b", "copy.jpg": "a"}}
    heard = []

    class Listener(Silence):
        def start(self, task, total):
            heard.append((task, total))

    notes = require_no_leaks(dataset_of(tmp_path, splits), allow_leaks=False, progress=Listener())
    note = next(note for note in notes if "near duplicates" in note)
    assert note.startswith("1 picture in more than one split")
    assert "such as 0.png = copy.jpg; `zoo check DATA` lists all" in note
    assert heard[0] == ("check", 4)


def test_only_the_first_of_many_leaks_are_listed(tmp_path):
    digests = [hashlib.sha256(bytes([at])).hexdigest() for at in range(50)]
    truth = {"label": np.arange(50) % 2}
    splits = {
        split: make_samples(tmp_path, [f"{split}{at}.png" for at in range(50)], truth, digests)
        for split in ("train", "validation")
    }
    dataset = Dataset(root=tmp_path, targets=(ClassTarget(classes=("a", "b")),), splits=splits)
    with pytest.raises(DataError, match="and 45 more") as error:
        require_no_leaks(dataset, allow_leaks=False)
    assert error.value.problem.count("\n") == 6
