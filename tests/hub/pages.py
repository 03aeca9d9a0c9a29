"""Long listings in pages; the `Link` header says where the next one is (RFC 8288)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from tests.hub.messages import Answer, Request, as_json
from tests.hub.server import HubServer


def page(hub: HubServer, request: Request, entries: Sequence[Any]) -> Answer:
    """Send the page that is asked for."""
    size = min(hub.page_size, int(request.query.get("limit", hub.page_size)))
    begin = int(request.query.get("cursor", 0))
    end = begin + size
    if end >= len(entries):
        return as_json(entries[begin:])
    query = urlencode({**request.query, "cursor": end})
    link = f'<{hub.address}{request.path}?{query}>; rel="next"'
    return as_json(entries[begin:end], Link=link)
