"""Branches and tags are made and removed."""

from __future__ import annotations

from tests.hub.messages import Answer, Request
from tests.hub.refusal import RefusedError, revision_not_found
from tests.hub.routes.repositories import REPO
from tests.hub.server import HubServer


def create_branch(hub: HubServer, request: Request, repo: str, name: str) -> Answer:
    """Let a new branch begin where another revision is."""
    repository = hub.writable(request, repo)
    start = hub.revision(repository, request.body.json().get("startingPoint") or "main")
    with hub.lock:
        if name in repository.branches:
            raise RefusedError(409, f"Reference already exists: refs/heads/{name}")
        repository.branches[name] = start.id
    return Answer()


def delete_branch(hub: HubServer, request: Request, repo: str, name: str) -> Answer:
    repository = hub.writable(request, repo)
    if name == "main":
        raise RefusedError(403, "Cannot delete the main branch")
    if repository.branches.pop(name, None) is None:
        raise revision_not_found(name)
    return Answer()


def create_tag(hub: HubServer, request: Request, repo: str, name: str) -> Answer:
    """Tag a revision; a tag stays where it is."""
    repository = hub.writable(request, repo)
    commit, tag = hub.revision(repository, name), request.body.json()["tag"]
    with hub.lock:
        if tag in repository.tags:
            raise RefusedError(409, f"Tag reference exists already: {tag}")
        repository.tags[tag] = commit.id
    return Answer()


def delete_tag(hub: HubServer, request: Request, repo: str, name: str) -> Answer:
    if hub.writable(request, repo).tags.pop(name, None) is None:
        raise revision_not_found(name)
    return Answer()


ROUTES = (
    ("POST", rf"/api/models/{REPO}/branch/(?P<name>[^/]+)", create_branch),
    ("DELETE", rf"/api/models/{REPO}/branch/(?P<name>[^/]+)", delete_branch),
    ("POST", rf"/api/models/{REPO}/tag/(?P<name>[^/]+)", create_tag),
    ("DELETE", rf"/api/models/{REPO}/tag/(?P<name>[^/]+)", delete_tag),
)
