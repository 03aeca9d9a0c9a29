"""A few pictures, and small plans on them that train in seconds."""

import pytest

from tests.conftest import make_photos
from tests.zoo.training.small_runs import DESCEND, SOLVE, begin, plan_of, recipe_of
from zoo.data.folder import open_folder
from zoo.recipes import DescendPhase


@pytest.fixture(scope="session")
def few(tmp_path_factory):
    """18 training and 6 validation pictures of three classes; not to be changed."""
    return open_folder(make_photos(tmp_path_factory.mktemp("few") / "photos"))


@pytest.fixture
def plan(few):
    """A solve phase, then two epochs of three steps."""
    descent = DescendPhase(train="all", epochs=2, lr=1e-3, layer_decay=0.8, warmup=0.2)
    return plan_of(recipe_of(SOLVE, descent), few)


@pytest.fixture
def training(plan, tmp_path):
    """A run of it that has not begun, with random weights."""
    return begin(plan, tmp_path / "run")


@pytest.fixture
def descending(few, tmp_path):
    """A run of gradient descent alone that has not begun."""
    return begin(plan_of(recipe_of(DESCEND), few), tmp_path / "run")


@pytest.fixture
def _look_at_every_step(monkeypatch):
    """Let signals and the clock be seen after each step instead of every tenth."""
    monkeypatch.setattr("zoo.training.descent._LOOK_EVERY", 1)
