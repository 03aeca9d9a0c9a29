"""What the Hub's client complains of, as our errors: what to do next, and no secret in them."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from huggingface_hub import constants
from huggingface_hub.errors import (
    GatedRepoError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from zoo.errors import HubAccessError, HubChangedError, HubError, StorageError, ZooError
from zoo.hub.cache import HUB_FAILURES, reason_of

_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM})
_QUOTA = re.compile(r"quota|storage (limit|space)|limit exceeded|too large", re.IGNORECASE)

_TO_WRITE = "/xet-write-token/"
"""In an address that is read in order to write."""

_LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"
_AGAIN = "run the command again: it goes on where it stopped"
_ACCESS: tuple[tuple[type[Exception], str, str], ...] = (
    (LocalTokenNotFoundError, "nobody is logged in", _LOG_IN),
    (
        GatedRepoError,
        "its owner grants access one by one",
        "ask for access on the repository's page; then " + _LOG_IN,
    ),
    (
        RepositoryNotFoundError,
        "there is no such repository, or it is private and this account may not see it",
        "check the name; for a private repository, " + _LOG_IN,
    ),
)
"""Of what class; what that means; what to do. The first that fits counts."""
_MISSING: tuple[tuple[type[Exception], str, str], ...] = (
    (RevisionNotFoundError, "there is no such branch, tag or commit", "check the revision"),
    (RemoteEntryNotFoundError, "a file is missing there", "check the repository"),
)


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn whatever the Hub's client raises into one of our errors.

    Its own error is not shown as the cause: an answer may echo a token or an address that is
    one. RuntimeErrors are those of its threads and of Xet.

    Args:
        doing: What failed, as it follows "cannot".

    Raises:
        ZooError: Something did.
    """
    try:
        yield
    except (*HUB_FAILURES, RuntimeError) as failure:
        raise explain(failure, doing) from None


def explain(failure: Exception, doing: str) -> ZooError:
    """Say what an error of the client means, and what to do."""
    failure = find_root(failure)
    reason = reason_of(failure)
    for kinds, error in ((_ACCESS, HubAccessError), (_MISSING, HubError)):
        for kind, meaning, hint in kinds:
            if isinstance(failure, kind):
                return error(f"cannot {doing}: {meaning}", hint=hint)
    if isinstance(failure, OfflineModeIsEnabled):
        return HubError(f"cannot {doing}: HF_HUB_OFFLINE is set", hint="unset it")
    if isinstance(failure, OSError) and failure.errno in _DISK:
        return StorageError(Path(failure.filename or constants.HF_HUB_CACHE), failure)
    status = status_of(failure)
    if status is None:
        return HubError(f"cannot {doing}: {reason}", hint=_unreached(failure))
    return _explain_status(failure, status, doing, reason)


def advise(failure: Exception) -> str:
    """Say what to do about what the Hub answers; empty if it does not answer."""
    answered = status_of(find_root(failure)) is not None
    return explain(failure, "go on").hint if answered else ""


def _explain_status(failure: Exception, status: int, doing: str, reason: str) -> HubError:
    if status == 412:
        return HubChangedError(
            f"cannot {doing}: somebody has changed it in the meantime",
            hint="nothing was published; look at the last commits and run the command again: it "
            "compares with what is there now, and what was uploaded stays",
        )
    if status in (402, 413, 507) or (status == 403 and _QUOTA.search(str(failure))):
        hint = "free space in your account (Settings, Storage), or push to another one"
        return HubError(f"cannot {doing}: the Hub has no room for it ({reason})", hint=hint)
    if status in (401, 403):
        return _explain_refusal(failure, status, doing, reason)
    if status == 429:
        wait = retry_after_s(failure)
        when = f"wait {wait:.0f} s, then " if wait else "wait some minutes, then "
        return HubError(f"cannot {doing}: too many requests", hint=when + _AGAIN)
    if status >= 500:
        return HubError(f"cannot {doing}: the Hub has trouble ({reason})", hint=f"later, {_AGAIN}")
    if status == 404:
        hint = "check the name, the revision and HF_ENDPOINT; for a private repository, " + _LOG_IN
        return HubError(f"cannot {doing}: it is not there ({reason})", hint=hint)
    hint = f"try again later; if it stays so, ask who runs the Hub what {status} means there"
    return HubError(f"cannot {doing}: the Hub answers {status} ({reason})", hint=hint)


def _explain_refusal(failure: Exception, status: int, doing: str, reason: str) -> HubError:
    """Say who refuses, and what: the storage knows no accounts, and reading is not writing."""
    method, url = _asked(failure)
    if url and urlsplit(url).netloc != urlsplit(constants.ENDPOINT).netloc:
        return HubError(
            f"cannot {doing}: the storage refuses it ({reason})",
            hint=f"the addresses that the Hub gives out for it expire; {_AGAIN}",
        )
    if status == 401:
        hint = f"{_LOG_IN}; HF_TOKEN counts before a login"
        return HubAccessError(f"cannot {doing}: the token is invalid or has expired", hint=hint)
    hint = "use a token that may write there, or --create-pr for another's repository"
    if method in ("GET", "HEAD") and _TO_WRITE not in url:
        hint = "ask its owner for access, or use a token that may read there: " + _LOG_IN
    return HubAccessError(f"cannot {doing}: this account may not ({reason})", hint=hint)


def _asked(failure: Exception) -> tuple[str, str]:
    """Look up how and where the refused question was put; empty where the error does not say."""
    request = getattr(getattr(failure, "response", None), "request", None)
    url = getattr(failure, "url", "") if request is None else request.url
    return getattr(request, "method", "GET" if url else ""), str(url)


def status_of(failure: Exception) -> int | None:
    """Look up the HTTP status in an error; None if there was no answer."""
    found = getattr(getattr(failure, "response", None), "status_code", None)
    found = found if found is not None else getattr(failure, "code", None)
    return found if isinstance(found, int) else None


def retry_after_s(failure: Exception) -> float | None:
    """Read how long the server wants to be left alone, seconds."""
    answer = getattr(failure, "response", failure)
    text = str((getattr(answer, "headers", None) or {}).get("Retry-After", ""))
    return float(text) if text.isdecimal() else None


def find_root(failure: Exception) -> Exception:
    """Look behind what the client wraps an error in."""
    while (
        type(failure) is RuntimeError or isinstance(failure, LocalEntryNotFoundError)
    ) and isinstance(failure.__cause__, Exception):
        failure = failure.__cause__
    return failure


def _unreached(failure: Exception) -> str:
    if isinstance(failure, ValueError) and not isinstance(failure, OSError):
        return f"if it is not plain from this what is wrong, {_AGAIN}"
    return f"check the connection (proxies, HF_ENDPOINT and HF_HUB_OFFLINE count) and {_AGAIN}"
