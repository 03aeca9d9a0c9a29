"""Pull requests: opened without a change, looked at, merged and closed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.hub.describe import time
from tests.hub.messages import Answer, Request, as_json
from tests.hub.refusal import RefusedError
from tests.hub.repos import PullRequest, Repository
from tests.hub.routes.repositories import REPO
from tests.hub.server import HubServer


def create(hub: HubServer, request: Request, repo: str) -> Answer:
    """Open an empty pull request; there are no other discussions here."""
    repository, wanted = hub.writable(request, repo, as_proposal=True), request.body.json()
    token = hub.who(request)
    assert token is not None
    if not wanted.get("pullRequest"):
        raise RefusedError(501, "there are no discussions here but pull requests")
    with hub.lock:
        number = len(repository.pulls) + 1
        repository.pull_heads[f"refs/pr/{number}"] = repository.head().id
        repository.pulls[number] = PullRequest(
            number=number,
            title=wanted["title"],
            description=wanted.get("description", ""),
            author=token.user,
            base="main",
            opened=datetime.now(UTC),
        )
    return as_json({"num": number, "pullRequest": True}, 201)


def listing(hub: HubServer, request: Request, repo: str) -> Answer:
    """List pull requests; all of them are on the first page."""
    repository = hub.visible(request, repo)
    status, author = request.query.get("status"), request.query.get("author")
    wanted = [
        _facts(repository, pull)
        for pull in repository.pulls.values()
        if status in (None, "all", pull.status) and author in (None, pull.author)
    ]
    return as_json({"discussions": wanted, "count": len(wanted), "start": 0})


def details(hub: HubServer, request: Request, repo: str, number: str) -> Answer:
    repository = hub.visible(request, repo)
    pull = _find(repository, number)
    changes = {"base": f"refs/heads/{pull.base}"}
    if pull.status == "merged":
        changes["mergeCommitId"] = repository.head(pull.base).id
    opened = {
        "id": f"{number:0>24}",
        "type": "comment",
        "createdAt": time(pull.opened),
        "author": {"name": pull.author},
        "data": {"edited": False, "hidden": False, "latest": {"raw": pull.description}},
    }
    said = {"events": [opened], "changes": changes, "filesWithConflicts": [], "diff": ""}
    return as_json({**_facts(repository, pull), **said})


def merge(hub: HubServer, request: Request, repo: str, number: str) -> Answer:
    """Bring a pull request's files into its base."""
    repository = hub.writable(request, repo)
    pull, token = _find(repository, number), hub.who(request)
    assert token is not None
    with hub.lock:
        if pull.status in ("merged", "closed"):
            raise RefusedError(409, f"This pull request is {pull.status}")
        proposed = repository.head(f"refs/pr/{number}").files
        base = dict(repository.head(pull.base).files)
        title = f"{pull.title} (#{number})"
        repository.record(pull.base, {**base, **proposed}, title, "", token.user)
        pull.status = "merged"
    return as_json({})


def change_status(hub: HubServer, request: Request, repo: str, number: str) -> Answer:
    """Open or close a pull request."""
    pull = _find(hub.writable(request, repo), number)
    pull.status = request.body.json()["status"]
    event = {
        "id": f"{number:0>24}",
        "type": "status-change",
        "createdAt": time(datetime.now(UTC)),
        "author": {"name": pull.author},
        "data": {"status": pull.status},
    }
    return as_json({"newStatus": event})


def _find(repository: Repository, number: str) -> PullRequest:
    pull = repository.pulls.get(int(number))
    if pull is None:
        raise RefusedError(404, "Discussion not found")
    return pull


def _facts(repository: Repository, pull: PullRequest) -> dict[str, Any]:
    return {
        "num": pull.number,
        "title": pull.title,
        "author": {"name": pull.author},
        "createdAt": time(pull.opened),
        "status": pull.status,
        "repo": {"name": repository.id, "type": "model"},
        "isPullRequest": True,
    }


NUMBER = r"(?P<number>\d+)"

ROUTES = (
    ("POST", rf"/api/models/{REPO}/discussions", create),
    ("GET", rf"/api/models/{REPO}/discussions", listing),
    ("GET", rf"/api/models/{REPO}/discussions/{NUMBER}", details),
    ("POST", rf"/api/models/{REPO}/discussions/{NUMBER}/merge", merge),
    ("POST", rf"/api/models/{REPO}/discussions/{NUMBER}/status", change_status),
)
