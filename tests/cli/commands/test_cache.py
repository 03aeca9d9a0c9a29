import json
from pathlib import Path

import pytest
from filelock import FileLock
from PIL import Image

from zoo.data.pixels import CacheSettings, open_pixels
from zoo.data.pixels.holding import hold
from zoo.data.pixels.store import Store


@pytest.fixture
def folder(tmp_path) -> Path:
    """A cache of two stores."""
    data = tmp_path / "photos"
    data.mkdir()
    Image.new("RGB", (40, 30)).save(data / "a.png")
    for side in (10, 20):
        cache = CacheSettings(folder=tmp_path / "cache")
        open_pixels(["a.png"], side, root=data, cache=cache).read(0)
    return tmp_path / "cache"


def listed(zoo, folder: Path) -> list[dict]:
    return json.loads(zoo("cache", "--cache-dir", folder, "--format", "json").out)["stores"]


def test_stores_are_listed_with_size_images_and_data(zoo, folder, tmp_path):
    outcome = zoo("cache", "--cache-dir", folder)
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert len(lines) == 3
    assert str(tmp_path / "photos") in lines[1]
    assert "2 stores" in outcome.err


def test_json_holds_every_fact(zoo, folder, tmp_path):
    result = json.loads(zoo("cache", "--cache-dir", folder, "--format", "json").out)
    assert result["folder"] == str(folder)
    assert result["bytes"] == sum(store["bytes"] for store in result["stores"])
    store = next(store for store in result["stores"] if store["side"] == 10)
    assert (store["images"], store["root"]) == (1, str(tmp_path / "photos"))
    assert set(store) == {"name", "root", "side", "images", "bytes", "last_used"}


def test_the_environment_names_the_folder(zoo, folder, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE_DIR", str(folder))
    assert len(json.loads(zoo("cache", "--format", "json").out)["stores"]) == 2


def test_an_empty_cache_says_so_and_prints_no_table(zoo, tmp_path):
    outcome = zoo("cache", "--cache-dir", tmp_path / "none")
    assert (outcome.code, outcome.out) == (0, "")
    assert "0 stores" in outcome.err


def test_one_store_is_deleted_by_name(zoo, folder):
    first, second = listed(zoo, folder)
    outcome = zoo("cache", "--cache-dir", folder, "--clear", first["name"])
    assert "1 store deleted" in outcome.out
    assert [store["name"] for store in listed(zoo, folder)] == [second["name"]]


def test_all_stores_are_deleted(zoo, folder):
    names = {store["name"] for store in listed(zoo, folder)}
    outcome = zoo("cache", "--cache-dir", folder, "--clear", "--format", "json")
    assert set(json.loads(outcome.out)["removed"]) == names
    assert listed(zoo, folder) == []


def test_a_store_that_is_being_written_stays_and_is_named(zoo, folder):
    busy = listed(zoo, folder)[0]["name"]
    with FileLock(folder / f".{busy}.pixels.turn"):
        outcome = zoo("cache", "--cache-dir", folder, "--clear")
    assert busy in outcome.err
    assert [store["name"] for store in listed(zoo, folder)] == [busy]


def test_a_store_in_use_stays_and_is_named(zoo, folder):
    busy = listed(zoo, folder)[0]["name"]
    held = hold(Store(folder / f"{busy}.pixels"))
    outcome = zoo("cache", "--cache-dir", folder, "--clear")
    assert f"in use by a run at this moment, so these stay: {busy}" in outcome.err
    assert [store["name"] for store in listed(zoo, folder)] == [busy]
    del held
    assert "1 store deleted" in zoo("cache", "--cache-dir", folder, "--clear").out


def test_a_name_without_clear_is_a_usage_error(zoo, folder):
    outcome = zoo("cache", "--cache-dir", folder, "something")
    assert outcome.code == 2
    assert "--clear" in outcome.err


def test_an_unknown_name_is_an_error_that_says_where_the_known_are(zoo, folder):
    outcome = zoo("cache", "--cache-dir", folder, "--clear", "nothing")
    assert outcome.code == 1
    assert "hint: `zoo cache` lists those that there are" in outcome.err
    assert len(listed(zoo, folder)) == 2
