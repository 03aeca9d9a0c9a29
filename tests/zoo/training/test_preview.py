from dataclasses import replace

import numpy as np
import pytest
import torch

from zoo.data.open import DataSettings, open_dataset
from zoo.errors import RecipeError
from zoo.registry import load_registry
from zoo.seeds import derive_seed
from zoo.training import preview
from zoo.training.augment import augment_batch
from zoo.training.plan import Settings
from zoo.training.preview import preview_training

SETTINGS = Settings(recipe="feature-extraction", img_size=64, seed=5)


def sheet_of(photos, settings=SETTINGS, **options):
    options = {"count": 3, "epochs": (0, 1)} | options
    return preview_training("efficientnet_lite0", photos, settings, load_registry(), **options)


def test_a_sheet_shows_what_training_will_see(photos, monkeypatch):
    rows = []
    monkeypatch.setattr(preview, "contact_sheet", lambda *parts: rows.extend(parts[-1]))
    sheet_of(photos, epochs=(4,))
    train = open_dataset(photos, SETTINGS.data, seed=5).train
    backbone = load_registry().backbone("efficientnet_lite0")
    recipe = load_registry().recipe("feature-extraction").augment
    index = len(train) - 1
    # The photos are smaller than what would be stored of them.
    pixels = np.array(preview._read(train.path(index), 1000))
    seen = augment_batch(
        [pixels],
        [(4, index)],
        recipe,
        backbone.preprocess.at_size(64),
        seed=derive_seed(5, "phase", 0),
        device=torch.device("cpu"),
    )
    assert [row.label for row in rows] == ["checks", "discs", "stripes"]
    assert torch.equal(rows[-1].pictures[1:], seen)


def test_a_small_data_set_gives_each_image_once(photos):
    """18 of the 24 photos train."""
    two, three, all_of_them = (sheet_of(photos, count=count).height for count in (2, 3, 100))
    assert all_of_them - three == 15 * (three - two) > 0


def test_a_limit_shows_the_images_that_would_train(photos):
    """Five of the 18."""
    few = Settings(recipe="feature-extraction", img_size=64, seed=5, limit_train=5)
    heights = [sheet_of(photos, few, count=count).height for count in (5, 100)]
    assert heights[0] == heights[1] < sheet_of(photos, count=100).height


def test_the_same_settings_give_the_same_sheet_and_another_seed_another(photos):
    other = Settings(recipe="feature-extraction", img_size=64, seed=6)
    assert sheet_of(photos) == sheet_of(photos)
    assert sheet_of(photos) != sheet_of(photos, other)


def test_a_recipe_that_does_not_augment_has_nothing_to_show(photos):
    with pytest.raises(RecipeError, match="as evaluation sees them"):
        sheet_of(photos, Settings(recipe="linear-probe"))


def test_captions_are_written_for_people(photos, monkeypatch):
    rows = []
    monkeypatch.setattr(preview, "contact_sheet", lambda *parts: rows.extend(parts[-1]))
    lines = [f"photos/discs/{at:02d}.png,18,RBC;WBC" for at in range(8)]
    table = photos.parent / "cells.csv"
    table.write_text("\n".join(["image,count,cells", *lines]))
    columns = DataSettings(input="image", targets=("count:value", "cells:labels"))
    sheet_of(table, replace(SETTINGS, data=columns))
    assert {row.label for row in rows} == {"18 · RBC; WBC"}
