from pathlib import Path

import numpy as np

from tests.export.small_models import AGE, KIND, TAGS
from zoo.card.tallies import Tally, tally
from zoo.data.dataset import Dataset, make_samples


def test_what_is_known_is_counted_by_split_and_name():
    truths = {
        "kind": np.array([0, 0, 2, -1]),
        "tags": np.array([[1, 0], [1, 1], [-1, 1], [0, 1]], dtype=np.int8),
        "age": np.array([[1.0], [np.nan], [3.0], [np.nan]]),
    }
    train = make_samples(Path("/"), ["a", "b", "c", "d"], truths)
    validation = train.select([1])
    dataset = Dataset(
        root=Path("/"),
        targets=(KIND, TAGS, AGE),
        splits={"train": train, "validation": validation},
    )
    assert tally(dataset) == {
        "kind": Tally(names=KIND.classes, counts={"train": (2, 0, 1), "validation": (1, 0, 0)}),
        "tags": Tally(names=TAGS.classes, counts={"train": (2, 3), "validation": (1, 1)}),
        "age": Tally(names=AGE.columns, counts={"train": (2,), "validation": (0,)}),
    }
