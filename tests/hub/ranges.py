"""A file, or the part of it that a client asks for (RFC 9110, section 14)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.hub.content import Content, cut_out, length_of
from tests.hub.messages import Answer, Request


def send(content: Content, request: Request, headers: Mapping[str, str]) -> Answer:
    """Send all of it, or the one range that is asked for."""
    size = length_of(content)
    wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("Range", ""))
    there = {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream", **headers}
    if wanted is None or wanted[0] == "bytes=-":
        return Answer(headers=there, body=content)
    begin = int(wanted[1]) if wanted[1] else max(0, size - int(wanted[2]))
    end = min(size, int(wanted[2]) + 1) if wanted[1] and wanted[2] else size
    if begin >= size or end <= begin:
        return Answer(status=416, headers={"Content-Range": f"bytes */{size}"})
    span = {"Content-Range": f"bytes {begin}-{end - 1}/{size}"}
    return Answer(status=206, headers={**there, **span}, body=cut_out(content, begin, end))
