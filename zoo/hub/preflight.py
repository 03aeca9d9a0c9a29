"""What would stop a long upload, asked before it begins: who one is, may be, and may grant."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi

from zoo.errors import HubAccessError, HubError, PushError, StorageError
from zoo.hub.failures import explained
from zoo.hub.patience import patiently
from zoo.manifest import check_file
from zoo.registry.licenses import OTHER, is_spdx, terms_of
from zoo.storage import read_json

_READERS = ("read",)
"""Roles of tokens and members that may not write; what is not known is left to the Hub."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who the Hub takes us for."""

    name: str
    organizations: tuple[str, ...]
    """Where it is a member."""
    readonly_organizations: tuple[str, ...]
    """Where it may only look."""
    token_role: str
    """`read`, `write` or `fineGrained`; empty where the Hub does not say."""

    @property
    def may_write(self) -> bool:
        """Whether the token's role allows to write anything at all."""
        return self.token_role not in _READERS


def who_am_i(api: HfApi) -> Account:
    """Ask the Hub whose token this is.

    Raises:
        HubAccessError: There is no token, or it is invalid or has expired.
        HubError: The Hub cannot be reached, or answers something else.
    """
    with explained("ask the Hub who this is"):
        answer: object = patiently(api.whoami)
    try:
        return _read_account(answer)
    except (AttributeError, KeyError, TypeError):
        raise HubError(
            "the Hub does not say who this is in a way that zoo understands",
            hint="check that HF_ENDPOINT is a Hub's address; if it is, ask who runs that Hub",
        ) from None


def _read_account(answer: Any) -> Account:
    token = (answer.get("auth") or {}).get("accessToken") or {}
    members = answer.get("orgs") or []
    return Account(
        name=str(answer["name"]),
        organizations=tuple(str(org["name"]) for org in members),
        readonly_organizations=tuple(
            str(org["name"]) for org in members if org.get("roleInOrg") in _READERS
        ),
        token_role=str(token.get("role", "")),
    )


def require_permission(account: Account, repo: str) -> None:
    """Make sure, as far as the Hub tells, that an account may write to a repository.

    Raises:
        HubAccessError: It may not.
    """
    owner = repo.split("/")[0]
    if not account.may_write:
        raise HubAccessError(
            f"the token of {account.name} is for reading only",
            hint="make one that may write (Settings, Access Tokens) and log in with it, or set "
            "HF_TOKEN to it",
        )
    if owner in account.readonly_organizations:
        raise HubAccessError(
            f"{account.name} may only read in {owner}",
            hint="ask somebody who runs that organisation, or use --create-pr",
        )
    if owner not in (account.name, *account.organizations):
        own = ", ".join((account.name, *account.organizations))
        raise HubAccessError(
            f"{account.name} may not write to {owner}",
            hint=f"push to one of {own}, log in as somebody else, or use --create-pr",
        )


def require_license(folder: Path, granted: str | None) -> None:
    """Make sure that a repository does not grant what the pretrained weights' licence forbids.

    Args:
        folder: The model folder, whose `zoo_config.json` knows the weights' licence.
        granted: The licence that the repository shall have; None for that of the weights.

    Raises:
        PushError: It would, or the licence is none.
    """
    if granted is None:
        return
    if granted.lower() != OTHER and not is_spdx(granted):
        raise PushError(
            f"{granted!r} is no SPDX licence identifier",
            hint="https://spdx.org/licenses/ lists them; 'other' is one that is not there",
        )
    content = read_json(check_file(folder, "zoo_config.json"))
    weights = content.get("backbone", {}).get("weights", {})
    license_, commercial = str(weights.get("license") or ""), weights.get("commercial_use")
    if not content.get("pretrained", True) or not license_ or license_.lower() == granted.lower():
        return
    terms = terms_of(license_, commercial_use=commercial)
    if terms != "permissive":
        raise PushError(
            f"the model was trained from weights under {license_} ({terms}), which do not allow "
            f"to publish it under {granted}",
            hint=f"leave --license out: the repository then has {license_}, or start from a "
            "backbone of `zoo list --license permissive`",
        )


def require_space(folder: Path, size: int) -> None:
    """Make sure that a disk has room for what is going to be written.

    Args:
        folder: Where; it need not exist yet.
        size: Bytes.

    Raises:
        StorageError: It has not.
    """
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < size:
        full = f"{os.strerror(errno.ENOSPC)} ({size:,} bytes are needed, {free:,} are free)"
        raise StorageError(folder, OSError(errno.ENOSPC, full))
