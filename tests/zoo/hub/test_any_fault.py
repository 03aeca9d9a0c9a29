"""Pushes and pulls of which anything goes wrong: all of it in the end, or a clear error before."""

import random

import pytest

from tests.hub.faults import Corrupt, DoneBut, DropAnswer, DropRequest, Refuse, Truncate
from tests.zoo.hub.conftest import CARD
from zoo.errors import ZooError
from zoo.hub.names import Reference
from zoo.hub.plan import make_plan
from zoo.hub.pull import pull
from zoo.hub.push import PushSettings, push
from zoo.registry.lock import Lock

HERE = Reference(repo="alice/shapes")
PLACES = (
    *(("GET", "/api/whoami-v2"), ("GET", "/api/models/*"), ("POST", "/api/repos/create")),
    *(("POST", "*/preupload/*"), ("POST", "*/objects/batch"), ("PUT", "/upload/*")),
    *(("POST", "*/objects/verify"), ("POST", "/api/models/*/commit/*"), ("POST", "*/tag/*")),
    *(("HEAD", "*/resolve/*"), ("GET", "*/resolve/*"), ("GET", "/lfs/*")),
)
DOWNLOADS = ("*/resolve/*", "/lfs/*")


def harm(hub, chance):
    """Let one to three things go wrong, each once, a few times, or always."""
    for _ in range(chance.randint(1, 3)):
        method, path = chance.choice(PLACES)
        faults = [
            DropRequest(after_bytes=chance.choice([0, 1, 1_000, 600_000])),
            DropAnswer(after_bytes=chance.choice([0, 10, 100_000])),
            DropAnswer(counts_head=True),
            Refuse(status=chance.choice([429, 500, 502, 503]), retry_after_s=chance.choice([1, 9])),
            Refuse(status=chance.choice([401, 403, 404, 413])),
            DoneBut(status=500),
        ]
        if path in DOWNLOADS:
            faults += [Corrupt(at_byte=chance.choice([0, 50])), Truncate(to_bytes=20)]
        times = chance.choice([1, 2, 5, None])
        hub.faults.on(method, path, chance.choice(faults), times=times, skip=chance.randint(0, 2))


def attempt(do):
    """Do something; return the error that came of it, which may be none but ours."""
    try:
        do()
    except ZooError as error:
        return error
    return None


def is_clear(error):
    """Tell whether an error says what to do, and nothing that is a secret."""
    return bool(error.problem and error.hint) and "hf_" not in str(error)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100))
def test_in_the_end_all_of_it_is_there_and_nothing_was_half_published(
    hub, alice, folder, tmp_path, seed
):
    chance = random.Random(seed)
    hub.part_size = chance.choice([None, 700_000])
    plan = make_plan(folder, CARD)
    wanted = {
        file.name: file.source if isinstance(file.source, bytes) else file.source.read_bytes()
        for file in plan.files
    }
    harm(hub, chance)
    error = attempt(lambda: push(plan, HERE, PushSettings(tag="v1")))
    assert error is None or is_clear(error)
    there = hub.content("alice/shapes") if "alice/shapes" in hub.repositories else {}
    assert there == wanted if error is None else there in ({}, wanted)
    hub.faults.clear()
    push(plan, HERE, PushSettings(tag="v1"))
    assert hub.content("alice/shapes") == wanted

    back, lock = tmp_path / "back", Lock(tmp_path / "zoo.lock")
    harm(hub, chance)
    if error := attempt(lambda: pull(HERE, back, lock)):
        assert is_clear(error)
        assert not back.exists()
        hub.faults.clear()
        pull(HERE, back, lock)
    assert {p.relative_to(back).as_posix(): p.read_bytes() for p in back.rglob("*.*")} == wanted
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]
    hub.assert_no_leak()
