"""The Hub's way of refusing: a status, a code for the client and a sentence for its user."""

from __future__ import annotations

from tests.hub.messages import Answer, as_json


class RefusedError(Exception):
    """A request that is not granted."""

    def __init__(self, status: int, message: str, code: str | None = None, **facts: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.facts = {name.replace("_", "-"): text for name, text in facts.items()}

    def answer(self) -> Answer:
        code = {"X-Error-Code": self.code} if self.code else {}
        line = " ".join(self.message.split()).encode("latin-1", "replace").decode("latin-1")
        explained = {"X-Error-Message": line, **code, **self.facts}
        return as_json({"error": self.message}, self.status, **explained)


def repository_not_found(*, anonymous: bool) -> RefusedError:
    """Nothing is said of what an anonymous client may not see, not even that it exists."""
    if anonymous:
        return RefusedError(401, "Invalid username or password.", "RepoNotFound")
    return RefusedError(404, "Repository not found", "RepoNotFound")


def revision_not_found(revision: str) -> RefusedError:
    return RefusedError(404, f"Invalid rev id: {revision}", "RevisionNotFound")


def entry_not_found(commit: str) -> RefusedError:
    return RefusedError(404, "Entry not found", "EntryNotFound", X_Repo_Commit=commit)


def gated(repo: str, *, anonymous: bool) -> RefusedError:
    restricted = f"Access to model {repo} is restricted"
    if anonymous:
        advice = "You must have access to it and be authenticated to access it. Please log in."
        return RefusedError(401, f"{restricted}. {advice}", "GatedRepo")
    return RefusedError(403, f"{restricted} and you are not in the authorized list.", "GatedRepo")
