from pathlib import Path

from zoo.data.dataset import Dataset, Sample, labels_of


def dataset(label: int = 0, classes: tuple[str, ...] = ("a", "b")) -> Dataset:
    sample = Sample(path=Path("x"), label=label, sha256="0" * 64)
    return Dataset(root=Path(), classes=classes, splits={"train": (sample,), "validation": ()})


def test_the_fingerprint_depends_on_the_class_by_name():
    assert dataset(0).fingerprint != dataset(1).fingerprint
    assert dataset(0, ("a", "b")).fingerprint == dataset(1, ("b", "a")).fingerprint


def test_absent_classes_count_zero():
    assert dataset().count_by_class("train") == {"a": 1, "b": 0}


def test_labels_are_collected_in_order():
    assert labels_of(dataset(1).train) == [1]
