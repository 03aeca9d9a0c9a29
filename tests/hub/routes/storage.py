"""Large files come and go: on the Hub what leads to the storage, and the storage itself."""

from __future__ import annotations

from tests.hub import lfs, xet
from tests.hub.messages import Answer, Request
from tests.hub.routes.repositories import REPO
from tests.hub.server import HubServer


def complete(hub: HubServer, request: Request) -> Answer:
    return lfs.complete(hub, request, request.query.get("uploadId", ""))


ROUTES = (
    ("POST", rf"/{REPO}\.git/info/lfs/objects/batch", lfs.batch),
    ("POST", rf"/{REPO}\.git/info/lfs/objects/verify", lfs.verify),
    ("POST", r"/api/complete_multipart", complete),
    ("GET", rf"/api/models/{REPO}/xet-(?P<kind>read|write)-token/(?P<revision>[^/]+)", xet.token),
)
"""What the Hub answers."""

STORAGE = (
    ("PUT", r"/upload/(?P<upload>[0-9a-f]+)", lfs.put),
    ("PUT", r"/upload/(?P<upload>[0-9a-f]+)/(?P<number>\d+)", lfs.put),
    ("GET", r"/lfs/(?P<oid>[0-9a-f]{64})", lfs.get),
)
"""What the storage answers."""
