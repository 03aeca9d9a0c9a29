"""A file of a revision, or where it lies."""

from __future__ import annotations

from urllib.parse import quote

from tests.hub import lfs, xet
from tests.hub.messages import Answer, Request
from tests.hub.ranges import send
from tests.hub.refusal import entry_not_found
from tests.hub.repos import Blob
from tests.hub.routes.repositories import REPO
from tests.hub.server import HubServer


def resolve(hub: HubServer, request: Request, repo: str, revision: str, path: str) -> Answer:
    """Send a small file; a large one is a redirect to the storage, which is another host."""
    repository = hub.readable(request, repo)
    commit = hub.revision(repository, revision)
    if path not in commit.files:
        raise entry_not_found(commit.id)
    blob = commit.files[path]
    facts = {"X-Repo-Commit": commit.id}
    if blob.sha256:
        return _elsewhere(hub, repo, commit.id, blob, facts)
    if hub.resolve_cache and not request.path.startswith("/api/resolve-cache/"):
        place = f"/api/resolve-cache/models/{repo}/{commit.id}/{quote(path)}"
        size = str(blob.size)
        linked = {"ETag": f'"{blob.id}"', "X-Linked-Size": size, "X-Linked-Etag": f'"{blob.id}"'}
        return Answer(status=307, headers={**facts, **linked, "Location": place})
    return send(blob.content, request, {**facts, "ETag": f'"{blob.id}"'})


def _elsewhere(hub: HubServer, repo: str, commit: str, blob: Blob, facts: dict[str, str]) -> Answer:
    assert blob.sha256
    linked = {
        "Location": lfs.link(hub, blob.sha256),
        "X-Linked-Etag": f'"{blob.sha256}"',
        "X-Linked-Size": str(blob.size),
    }
    return Answer(status=302, headers={**facts, **linked, **xet.facts(hub, repo, commit, blob.xet)})


FILE = r"(?P<revision>[^/]+)/(?P<path>.+)"

ROUTES = (
    ("GET", rf"/{REPO}/resolve/{FILE}", resolve),
    ("GET", rf"/api/resolve-cache/models/{REPO}/{FILE}", resolve),
)
