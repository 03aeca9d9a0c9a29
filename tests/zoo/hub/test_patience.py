from types import SimpleNamespace
from urllib.error import HTTPError

import pytest

from zoo.hub.patience import patiently


@pytest.fixture
def waits(monkeypatch):
    """How long was waited, seconds."""
    found: list[float] = []
    monkeypatch.setattr("zoo.hub.patience.time", SimpleNamespace(sleep=found.append))
    return found


def fails(*failures):
    """Do something that goes well after these."""
    left = list(failures)

    def action():
        if left:
            raise left.pop(0)
        return "done"

    return action


def refused(status, **headers):
    return HTTPError("http://host/", status, "", headers, None)


def test_what_may_pass_is_tried_again_after_ever_longer_waits(waits):
    assert patiently(fails(ConnectionError("cut"), refused(500), refused(503))) == "done"
    assert waits == [1, 2, 4]


def test_a_busy_server_decides_how_long_to_wait(waits):
    assert patiently(fails(refused(429, **{"Retry-After": "17"}))) == "done"
    assert waits == [17]


@pytest.mark.parametrize(
    "failure",
    [refused(401), refused(412), refused(429, **{"Retry-After": "3600"}), ValueError("no name")],
    ids=lambda failure: str(failure),
)
def test_what_does_not_pass_is_raised_at_once(waits, failure):
    with pytest.raises(type(failure)):
        patiently(fails(failure))
    assert waits == []


def test_after_five_attempts_it_is_raised(waits):
    with pytest.raises(ConnectionError):
        patiently(fails(*[ConnectionError("cut")] * 5))
    assert len(waits) == 4


def test_offline_nothing_is_waited_for(waits, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ConnectionError):
        patiently(fails(ConnectionError("HF_HUB_OFFLINE is set")))
    assert waits == []
