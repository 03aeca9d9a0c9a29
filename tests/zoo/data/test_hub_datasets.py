import io
import sys
from pathlib import Path

import pytest
from PIL import Image

from zoo.data.hub_datasets import HubDataset, fetch_dataset, is_saved_dataset, parse_hub_dataset
from zoo.data.tables.open import open_table
from zoo.data.tables.read import read_table
from zoo.errors import DataError, StorageError

datasets = pytest.importorskip("datasets", reason="an extra")


def picture(shade: int, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, 0, 0)).save(file, kind)
    return file.getvalue()


def make(shades, labels=None, kind="PNG"):
    """A data set of one picture a shade, as anybody would make it."""
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "label": datasets.ClassLabel(names=["cat", "dog"]),
            "tags": datasets.List(datasets.ClassLabel(names=["x", "y"])),
            "price": datasets.Value("float32"),
            "box": {"w": datasets.Value("int32")},
        }
    )
    columns = {
        "image": [{"bytes": picture(shade, kind), "path": None} for shade in shades],
        "label": list(labels or [shade % 2 for shade in shades]),
        "tags": [[0], [], [1, 0], None] * (len(shades) // 4),
        "price": [shade / 2 for shade in shades],
        "box": [{"w": 1}] * len(shades),
    }
    return datasets.Dataset.from_dict(columns, features=features)


@pytest.fixture(autouse=True)
def _quiet():
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    parts = {"train": make(range(20)), "test": make(range(20, 24))}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "saved")
    return tmp_path / "saved"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("hub:org/name", ("org/name", None, None)),
        ("hub:org/name@v1.0", ("org/name", "v1.0", None)),
        ("hub:org/na-me@abc:small", ("org/na-me", "abc", "small")),
        ("hub:org/name:small", ("org/name", None, "small")),
    ],
)
def test_a_data_set_of_the_hub_is_named(text, parts):
    repo, revision, config = parts
    assert parse_hub_dataset(text) == HubDataset(repo=repo, revision=revision, config=config)


def test_what_is_no_hub_name(tmp_path):
    assert parse_hub_dataset("photos/cats") is None
    with pytest.raises(DataError, match="names no data set"):
        parse_hub_dataset("hub:name")


def test_a_saved_data_set_is_known(saved, tmp_path):
    assert is_saved_dataset(saved)
    assert is_saved_dataset(saved / "train")
    assert not is_saved_dataset(tmp_path)


def test_images_become_files_and_classes_names(saved, tmp_path):
    table = read_table(fetch_dataset(saved, cache=tmp_path / "cache"))
    columns = table.columns.to_pydict()
    assert list(columns) == ["image", "label", "tags", "price", "split"]
    assert columns["label"][:2] == ["cat", "dog"]
    assert columns["tags"][:4] == [["x"], [], ["y", "x"], None]
    assert columns["split"] == ["train"] * 20 + ["test"] * 4
    for shade, name in enumerate(columns["image"]):
        assert (table.path.parent / name).read_bytes() == picture(shade)


def test_a_saved_data_set_trains(saved, tmp_path):
    dataset = open_table(fetch_dataset(saved, cache=tmp_path / "cache"), accept_guess=True)
    assert {name: len(samples) for name, samples in dataset.splits.items()} == {
        "train": 16,
        "validation": 4,
        "test": 4,
    }
    assert [(t.name, t.kind) for t in dataset.targets] == [
        ("label", "class"),
        ("tags", "labels"),
        ("price", "value"),
    ]


def test_a_data_set_is_laid_out_once(saved, tmp_path):
    first = fetch_dataset(saved, cache=tmp_path / "cache")
    before = {path: path.stat().st_mtime_ns for path in first.parent.rglob("*")}
    assert fetch_dataset(saved, cache=tmp_path / "cache") == first
    assert {path: path.stat().st_mtime_ns for path in first.parent.rglob("*")} == before


def test_an_interrupted_layout_goes_on(saved, tmp_path):
    class StopError(RuntimeError):
        pass

    class Impatient:
        def note(self, text):
            pass

        def start(self, task, total):
            assert total == 24

        def advance(self, count, figures=""):
            raise StopError

        def finish(self):
            pass

    with pytest.raises(StopError):
        fetch_dataset(saved, cache=tmp_path / "cache", progress=Impatient())
    assert not list((tmp_path / "cache").rglob("*.parquet"))
    assert len(read_table(fetch_dataset(saved, cache=tmp_path / "cache"))) == 24
    assert not list((tmp_path / "cache").rglob("*.part"))


def test_another_content_is_laid_out_elsewhere(tmp_path):
    places = []
    for name, shades in {"a": range(4), "b": range(4, 8)}.items():
        make(shades, kind="JPEG").save_to_disk(tmp_path / name)
        places.append(fetch_dataset(tmp_path / name, cache=tmp_path / "cache"))
    assert places[0] != places[1]
    assert all(name.endswith(".jpg") for name in read_table(places[0]).columns["image"].to_pylist())


def test_hidden_labels_are_missing(tmp_path):
    make(range(4), labels=[0, 1, -1, -1]).save_to_disk(tmp_path / "d")
    table = read_table(fetch_dataset(tmp_path / "d", cache=tmp_path / "cache"))
    assert table.columns["label"].to_pylist() == ["cat", "dog", None, None]


def test_a_data_set_without_images_or_without_training_data(tmp_path):
    datasets.Dataset.from_dict({"text": ["a"]}).save_to_disk(tmp_path / "d")
    with pytest.raises(DataError, match="no column of images: text"):
        fetch_dataset(tmp_path / "d", cache=tmp_path / "cache")
    parts = {"test": make(range(4)), "extra": make(range(4))}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "e")
    with pytest.raises(DataError, match="no split to train on among test, extra"):
        fetch_dataset(tmp_path / "e", cache=tmp_path / "cache")


def test_a_damaged_data_set_is_told(saved, tmp_path):
    (saved / "dataset_dict.json").write_text("{")
    with pytest.raises(DataError, match="cannot be loaded"):
        fetch_dataset(saved, cache=tmp_path / "cache")


def test_a_cache_that_cannot_be_written(saved, tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(StorageError):
        fetch_dataset(saved, cache=tmp_path / "cache")


def test_without_the_extra_its_name_is_told(saved, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError, match="not installed") as caught:
        fetch_dataset(saved)
    assert "finezoo[datasets]" in caught.value.hint
