from pathlib import Path

import pytest

from zoo.data.dataset import Sample
from zoo.data.split import split_stratified
from zoo.errors import DataError


def samples(contents: str, label: int = 0) -> list[Sample]:
    """One sample a letter; equal letters are identical files."""
    return [
        Sample(path=Path(f"{label}-{at}"), label=label, sha256=letter * 64)
        for at, letter in enumerate(contents)
    ]


def test_identical_files_stay_on_one_side():
    everything = samples("aabbccddee")
    for seed in range(10):
        kept, held_out = split_stratified(everything, ["x"], 0.4, seed)
        assert not {s.sha256 for s in kept} & {s.sha256 for s in held_out}
        assert len(kept) + len(held_out) == 10


def test_every_class_is_on_both_sides():
    everything = samples("ab", 0) + samples("cdefghij", 1)
    kept, held_out = split_stratified(everything, ["x", "y"], 0.01, 0)
    assert {s.label for s in kept} == {s.label for s in held_out} == {0, 1}


def test_two_copies_of_one_image_cannot_be_split():
    with pytest.raises(DataError, match="validation: x"):
        split_stratified(samples("aa"), ["x"], 0.5, 0)
