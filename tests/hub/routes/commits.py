"""Changes: what is to be sent how, and the commit itself, which happens whole or not at all."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

from tests.hub.auth import Token
from tests.hub.changes import Change, checked, read_change
from tests.hub.messages import Answer, Request, as_json
from tests.hub.refusal import RefusedError, revision_not_found
from tests.hub.repos import Commit, PullRequest, Repository, attributes_of, is_large
from tests.hub.routes.repositories import REPO
from tests.hub.server import HubServer

_MOST_FILES = 256
"""How many files a client may ask about at once."""


def preupload(hub: HubServer, request: Request, repo: str, revision: str) -> Answer:
    """Say of each file whether it goes into git or into the storage, and what is there now."""
    repository = hub.writable(request, repo, as_proposal=_is_proposal(request, revision))
    commit, wanted = hub.revision(repository, revision), request.body.json()
    if len(wanted["files"]) > _MOST_FILES:
        raise RefusedError(400, f"Too many files: at most {_MOST_FILES}")
    attributes = attributes_of(commit.files)
    return as_json(
        {
            "commitOid": commit.id,
            "files": [_plan(hub, commit, each, attributes) for each in wanted["files"]],
        }
    )


def commit(hub: HubServer, request: Request, repo: str, revision: str) -> Answer:
    """Change a branch, or propose a change to it."""
    proposal = request.query.get("create_pr") == "1"
    repository = hub.writable(request, repo, as_proposal=_is_proposal(request, revision))
    token = hub.who(request)
    assert token is not None
    lines = [json.loads(line) for line in request.body.read().splitlines() if line.strip()]
    with hub.lock:
        if revision not in repository.branches and revision not in repository.pull_heads:
            raise revision_not_found(revision)
        head = repository.head(revision)
        change = read_change(hub, repository, head, lines)
        target = _propose(repository, revision, change, token) if proposal else revision
        made = repository.record(target, change.files, change.title, change.message, token.user)
    url = f"{hub.address}/{repo}"
    said = {"success": True, "commitUrl": f"{url}/commit/{made.id}", "commitOid": made.id}
    if target.startswith("refs/pr/"):
        said["pullRequestUrl"] = f"{url}/discussions/{target.rpartition('/')[2]}"
    return as_json({**said, "hookOutput": ""})


def _plan(
    hub: HubServer, commit: Commit, wanted: dict[str, Any], attributes: str
) -> dict[str, Any]:
    path, size = checked(wanted["path"]), int(wanted["size"])
    sample = base64.b64decode(wanted.get("sample", ""))
    large = is_large(path, sample, size, attributes, hub.large_threshold)
    there = commit.files.get(path)
    said: dict[str, Any] = {"path": path, "uploadMode": "lfs" if large else "regular"}
    if there is not None:
        said["oid"] = there.etag
    return {**said, "shouldIgnore": False}


def _propose(repository: Repository, base: str, change: Change, token: Token) -> str:
    number = len(repository.pulls) + 1
    repository.pulls[number] = PullRequest(
        number=number,
        title=change.title,
        description=change.message,
        author=token.user,
        base=base,
        opened=datetime.now(UTC),
        status="open",
    )
    ref = f"refs/pr/{number}"
    repository.pull_heads[ref] = repository.head(base).id
    return ref


def _is_proposal(request: Request, revision: str) -> bool:
    return request.query.get("create_pr") == "1" or revision.startswith("refs/pr/")


ROUTES = (
    ("POST", rf"/api/models/{REPO}/preupload/(?P<revision>[^/]+)", preupload),
    ("POST", rf"/api/models/{REPO}/commit/(?P<revision>[^/]+)", commit),
)
