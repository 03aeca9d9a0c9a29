import errno
from email.message import Message
from traceback import format_exception
from types import SimpleNamespace
from urllib.error import HTTPError as UrllibError

import pytest
from huggingface_hub.errors import LocalTokenNotFoundError

from zoo.errors import HubAccessError, HubChangedError, HubError, StorageError
from zoo.hub.failures import advise, explain, explained, retry_after_s

TOKEN = "hf_" + "aB3" * 12


HUB = "https://huggingface.co"


class AnsweredError(OSError):
    """An error that an answer came with, as the client's are."""

    def __init__(self, status, text="", asked="POST", url=f"{HUB}/api/x", **headers):
        super().__init__(text)
        request = SimpleNamespace(method=asked, url=url)
        self.response = SimpleNamespace(status_code=status, headers=headers, request=request)


@pytest.mark.parametrize(
    ("failure", "kind", "words"),
    [
        (AnsweredError(401), HubAccessError, "invalid or has expired"),
        (AnsweredError(403, "no"), HubAccessError, "may not"),
        (AnsweredError(403, "storage limit reached"), HubError, "no room"),
        (AnsweredError(413), HubError, "no room"),
        (AnsweredError(412), HubChangedError, "in the meantime"),
        (AnsweredError(429), HubError, "too many requests"),
        (AnsweredError(503, "busy"), HubError, "has trouble"),
        (AnsweredError(400, "odd"), HubError, "answers 400 (odd)"),
        (AnsweredError(404), HubError, "not there"),
        (ConnectionResetError("reset by peer"), HubError, "reset by peer"),
        (LocalTokenNotFoundError("none"), HubAccessError, "nobody is logged in"),
        (OSError(errno.ENOSPC, "No space left on device", "/x"), StorageError, "No space left"),
    ],
)
def test_each_failure_says_what_it_means_and_what_to_do(failure, kind, words):
    found = explain(failure, "push to me/it")
    assert type(found) is kind
    assert words in found.problem
    assert found.hint


READS = {"asked": "GET", "url": f"{HUB}/me/it/resolve/main/config.json"}
STORAGE = "https://storage.example/part?signature=x"


@pytest.mark.parametrize(
    ("failure", "hint"),
    [
        (AnsweredError(403), "--create-pr"),
        (AnsweredError(403, asked="GET", url=f"{HUB}/api/xet-write-token/main"), "--create-pr"),
        (AnsweredError(403, **READS), "ask its owner for access"),
        (AnsweredError(403, **READS | {"asked": "HEAD"}), "ask its owner for access"),
        (AnsweredError(403, asked="PUT", url=STORAGE), "expire; run the command again"),
        (AnsweredError(401, asked="GET", url=STORAGE), "expire; run the command again"),
        (UrllibError(STORAGE, 403, "Forbidden", Message(), None), "expire; run the command"),
        (UrllibError(f"{HUB}/x", 403, "Forbidden", Message(), None), "ask its owner for access"),
        (AnsweredError(401, **READS), "HF_TOKEN counts before a login"),
        (AnsweredError(404, **READS), "check the name"),
        (AnsweredError(418, **READS), "ask who runs the Hub what 418 means"),
    ],
)
def test_what_to_do_depends_on_who_refused_what(failure, hint, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", HUB)
    error = explain(failure, "go on")
    assert hint in error.hint
    assert ("--create-pr" in hint) == ("--create-pr" in error.hint)
    assert advise(failure) == error.hint


def test_where_nobody_answered_there_is_no_advice_about_the_answer():
    assert not advise(ConnectionResetError("reset by peer"))


def test_what_the_clients_threads_wrap_is_looked_behind():
    wrapped = RuntimeError("Error while uploading 'model.safetensors' to the Hub.")
    wrapped.__cause__ = AnsweredError(401)
    assert isinstance(explain(wrapped, "push"), HubAccessError)


def test_a_busy_server_says_how_long_to_wait():
    failure = AnsweredError(429, **{"Retry-After": "90"})
    assert retry_after_s(failure) == 90
    assert "wait 90 s" in explain(failure, "push").hint
    assert retry_after_s(AnsweredError(429)) is None


def test_the_clients_own_words_are_not_shown_as_the_cause():
    with pytest.raises(HubError) as caught, explained("push"):
        raise ConnectionError(f"sent with {TOKEN}")
    assert TOKEN not in str(caught.value)
    assert TOKEN not in "".join(format_exception(caught.value))
