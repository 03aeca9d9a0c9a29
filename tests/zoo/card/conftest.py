from functools import cache

import pytest

from tests.export.small_models import AGE, KIND, POSE, TAGS
from tests.zoo.card.made_up import MadeUp, make_run
from zoo.card import render_card

TARGETS = {"class": (KIND,), "labels": (TAGS,), "value": (AGE,), "several": (KIND, TAGS, POSE)}


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, MadeUp]:
    """A finished run of every kind, not to be changed."""
    return {
        kind: make_run(tmp_path_factory.mktemp(kind), *targets) for kind, targets in TARGETS.items()
    }


@pytest.fixture(params=list(TARGETS))
def kind(request) -> str:
    return request.param


@pytest.fixture
def made(runs, kind) -> MadeUp:
    return runs[kind]


@pytest.fixture(scope="session")
def card(runs):
    """Render a kind's card, once."""

    @cache
    def render(kind: str, **options):
        made = runs[kind]
        return render_card(made.folder, made.run, repo_id="acme/shapes", **options)

    return render
