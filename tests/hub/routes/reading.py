"""What is in a repository: facts, trees, paths, refs and history."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from tests.hub.describe import commit_facts, describe, entry, last_change
from tests.hub.git import tree_ids
from tests.hub.messages import Answer, Request, as_json
from tests.hub.pages import page
from tests.hub.refusal import entry_not_found
from tests.hub.repos import Commit, Repository
from tests.hub.routes.repositories import REPO
from tests.hub.server import HubServer


def info(hub: HubServer, request: Request, repo: str, revision: str = "main") -> Answer:
    """Describe a repository at a revision."""
    repository = hub.visible(request, repo)
    commit = hub.revision(repository, revision)
    blobs = request.query.get("blobs", "").lower() in ("true", "1")
    return as_json(describe(repository, commit, blobs=blobs), X_Repo_Commit=commit.id)


def tree(hub: HubServer, request: Request, repo: str, revision: str, path: str = "") -> Answer:
    """List a folder, with what is in its folders where that is asked for."""
    repository = hub.visible(request, repo)
    commit = hub.revision(repository, revision)
    entries = _entries(commit)
    if path and path not in entries:
        raise entry_not_found(commit.id)
    recursive = request.query.get("recursive", "").lower() in ("true", "1")
    inside = [
        said
        for name, said in sorted(entries.items())
        if (name.startswith(f"{path}/") or not path)
        and (recursive or "/" not in name[len(path) :].lstrip("/"))
    ]
    if request.query.get("expand", "").lower() in ("true", "1"):
        inside = [_expanded(repository, commit, said) for said in inside]
    return page(hub, request, inside)


def paths_info(hub: HubServer, request: Request, repo: str, revision: str) -> Answer:
    """Describe some paths; those that do not exist are left out."""
    repository = hub.visible(request, repo)
    commit = hub.revision(repository, revision)
    wanted = parse_qs(request.body.read().decode())
    entries = _entries(commit)
    found = [entries[path] for path in wanted.get("paths", []) if path in entries]
    if wanted.get("expand", ["false"])[0].lower() == "true":
        found = [_expanded(repository, commit, said) for said in found]
    return as_json(found)


def refs(hub: HubServer, request: Request, repo: str) -> Answer:
    """List branches and tags, and pull requests where they are asked for."""
    repository = hub.visible(request, repo)
    listed: dict[str, Any] = {
        "branches": _refs(repository.branches, "refs/heads/"),
        "converts": [],
        "tags": _refs(repository.tags, "refs/tags/"),
    }
    if request.query.get("include_prs"):
        listed["pullRequests"] = _refs(repository.pull_heads, "")
    return as_json(listed)


def commits(hub: HubServer, request: Request, repo: str, revision: str) -> Answer:
    """List the history behind a revision."""
    repository = hub.visible(request, repo)
    hub.revision(repository, revision)
    return page(hub, request, [commit_facts(each) for each in repository.history(revision)])


def _entries(commit: Commit) -> dict[str, dict[str, Any]]:
    folders = tree_ids({path: blob.id for path, blob in commit.files.items()})
    listed: dict[str, dict[str, Any]] = {
        path: {"type": "directory", "oid": oid, "size": 0, "path": path}
        for path, oid in folders.items()
        if path
    }
    return listed | {path: entry(path, blob) for path, blob in commit.files.items()}


def _expanded(repository: Repository, commit: Commit, said: dict[str, Any]) -> dict[str, Any]:
    return {**said, "lastCommit": last_change(repository, commit, said["path"])}


def _refs(names: dict[str, str], prefix: str) -> list[dict[str, str]]:
    return [
        {"name": name, "ref": f"{prefix}{name}", "targetCommit": commit}
        for name, commit in names.items()
    ]


ROUTES = (
    ("GET", rf"/api/models/{REPO}", info),
    ("GET", rf"/api/models/{REPO}/revision/(?P<revision>[^/]+)", info),
    ("GET", rf"/api/models/{REPO}/tree/(?P<revision>[^/]+)", tree),
    ("GET", rf"/api/models/{REPO}/tree/(?P<revision>[^/]+)/(?P<path>.+)", tree),
    ("POST", rf"/api/models/{REPO}/paths-info/(?P<revision>[^/]+)", paths_info),
    ("GET", rf"/api/models/{REPO}/refs", refs),
    ("GET", rf"/api/models/{REPO}/commits/(?P<revision>[^/]+)", commits),
)
