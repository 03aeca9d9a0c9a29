"""Repositories are made, changed, listed and deleted."""

from __future__ import annotations

from typing import Any

from tests.hub.auth import Token
from tests.hub.describe import describe
from tests.hub.messages import Answer, Request, as_json
from tests.hub.pages import page
from tests.hub.refusal import RefusedError, repository_not_found
from tests.hub.server import HubServer
from tests.hub.state import NAME


def create(hub: HubServer, request: Request) -> Answer:
    """Make a repository; one that exists is a conflict that says where it is."""
    wanted, token = request.body.json(), _owner(hub, request)
    if wanted.get("type", "model") != "model":
        raise RefusedError(501, f"there are no repositories of type {wanted['type']} here")
    namespace = wanted.get("organization") or token.user
    name = f"{namespace}/{wanted['name']}"
    if not NAME.fullmatch(wanted["name"]) or any(x in wanted["name"] for x in ("--", "..")):
        raise RefusedError(400, f"Invalid repo name: {name}")
    if not hub.accounts.may_write(token, namespace):
        raise RefusedError(
            403, f'You don\'t have the rights to create a model under the namespace "{namespace}"'
        )
    url = f"{hub.address}/{name}"
    with hub.lock:
        if name in hub.repositories:
            answer = RefusedError(409, "You already created this model repo").answer()
            said = {"error": "You already created this model repo", "url": url}
            return as_json(said, 409, **dict(answer.headers))
        hub.create(name, private=_is_private(wanted), author=token.user)
    return as_json({"url": url, "name": name, "id": name})


def delete(hub: HubServer, request: Request) -> Answer:
    wanted, token = request.body.json(), _owner(hub, request)
    repo = f"{wanted.get('organization') or token.user}/{wanted['name']}"
    hub.writable(request, repo)
    with hub.lock:
        del hub.repositories[repo]
    return Answer()


def settings(hub: HubServer, request: Request, repo: str) -> Answer:
    """Change who may see and who may read a repository."""
    repository, wanted = hub.writable(request, repo), request.body.json()
    if "private" in wanted or "visibility" in wanted:
        repository.private = _is_private(wanted)
    if "gated" in wanted:
        repository.gated = wanted["gated"]
    return as_json({"private": repository.private, "gated": repository.gated})


def move(hub: HubServer, request: Request) -> Answer:
    """Rename a repository."""
    wanted, token = request.body.json(), _owner(hub, request)
    repository = hub.writable(request, wanted["fromRepo"])
    if not hub.accounts.may_write(token, wanted["toRepo"].split("/")[0]):
        raise RefusedError(403, "You don't have the rights to move it there")
    with hub.lock:
        if wanted["toRepo"] in hub.repositories:
            raise RefusedError(409, "This repository exists already")
        hub.repositories[wanted["toRepo"]] = hub.repositories.pop(repository.id)
        repository.id = wanted["toRepo"]
    return as_json({})


def list_models(hub: HubServer, request: Request) -> Answer:
    """List what the client may see; `author` and `search` narrow it."""
    token = hub.who(request)
    author, search = request.query.get("author"), request.query.get("search", "")
    seen = [
        repository
        for name, repository in sorted(hub.repositories.items())
        if (author is None or repository.namespace == author)
        and search.lower() in name.lower()
        and not (repository.private and not hub.accounts.may_read(token, repository.namespace))
    ]
    return page(hub, request, [describe(repository, repository.head()) for repository in seen])


def _owner(hub: HubServer, request: Request) -> Token:
    token = hub.who(request)
    if token is None:
        raise repository_not_found(anonymous=True)
    return token


def _is_private(wanted: dict[str, Any]) -> bool:
    return bool(wanted.get("private", wanted.get("visibility") == "private"))


REPO = r"(?P<repo>[^/]+/[^/]+)"

ROUTES = (
    ("POST", r"/api/repos/create", create),
    ("DELETE", r"/api/repos/delete", delete),
    ("POST", r"/api/repos/move", move),
    ("PUT", rf"/api/models/{REPO}/settings", settings),
    ("GET", r"/api/models", list_models),
)
