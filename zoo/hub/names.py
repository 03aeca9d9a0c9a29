"""What may be called what: repositories and revisions."""

from __future__ import annotations

import re
from dataclasses import dataclass

from huggingface_hub import constants
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from zoo.errors import HubError

_PREFIXES = ("hf-hub:", "hub:", "hf://")
_NO_REVISION = re.compile(r"[\s\x00-\x1f\x7f~^:?*\[\\]|\.\.|@\{|//|^[/-]|[/.]$|\.lock$")
"""What no name of a branch or tag holds (git-check-ref-format)."""
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A model repository on the Hub, and a state of it."""

    repo: str
    """`org/name`."""
    revision: str | None = None
    """A branch, a tag or a commit; None for the main branch."""

    def __str__(self) -> str:
        return f"{self.repo}@{self.revision}" if self.revision else self.repo

    @property
    def is_commit(self) -> bool:
        """Whether the revision can never mean anything else."""
        return self.revision is not None and _COMMIT.fullmatch(self.revision) is not None


def parse_reference(text: str) -> Reference:
    """Parse `org/name` or `org/name@revision`; before it may stand `hf-hub:` or the Hub's address.

    Raises:
        HubError: It names no repository.
    """
    prefixes = (*_PREFIXES, f"{constants.ENDPOINT}/")
    prefix = next((prefix for prefix in prefixes if text.startswith(prefix)), "")
    repo, at, revision = text.removeprefix(prefix).partition("@")
    if repo.count("/") != 1:
        raise _no_repository(text, "it needs a user or an organisation, a slash and a name")
    try:
        validate_repo_id(repo)
    except ValueError:
        reason = "names have letters, digits, '-', '_' and '.', and 96 characters at most"
        raise _no_repository(text, reason) from None
    if at:
        require_revision(revision)
    return Reference(repo=repo, revision=revision or None)


def require_revision(name: str) -> None:
    """Make sure that git would take a name of a branch or tag.

    Raises:
        HubError: It would not.
    """
    if not name or _NO_REVISION.search(name):
        raise HubError(
            f"{name!r} can be no branch, tag or commit",
            hint="use letters, digits, '-', '_', '.' and '/'",
        )


def _no_repository(text: str, reason: str) -> HubError:
    return HubError(
        f"{text!r} names no repository of the Hub: {reason}",
        hint="write org/name; to pull a branch, tag or commit, org/name@revision",
    )
