"""Xet on loopback: `hf_xet` itself keeps its chunks in a folder that the Hub names.

By default there is none, and its addresses are not found. With `hub.xet = True` the client gets
the address `local://<folder>` and does not connect to anything. A commit names files by their
sha256; Xet's own hash of each stands beside it in the shards that the client leaves behind
(https://huggingface.co/docs/xet/shard).
"""

from __future__ import annotations

import shutil
import struct
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.hub.lfs import check_limit
from tests.hub.messages import Answer, Request, as_json
from tests.hub.refusal import RefusedError

if TYPE_CHECKING:
    from tests.hub.server import HubServer

_HEADER_BYTES = 48
_ROW_BYTES = 48
_VERIFIED, _HAS_SHA256 = 1 << 31, 1 << 30
_END = "f" * 64
_VALID_S = 3600


@dataclass(frozen=True, slots=True)
class XetFile:
    """A file that was uploaded through Xet."""

    hash: str
    sha256: str
    size: int


def token(hub: HubServer, request: Request, repo: str, kind: str, revision: str) -> Answer:
    """Say where chunks are, and for how long the client may read or write there."""
    if not hub.xet:
        raise RefusedError(404, "Sorry, we can't find the page you are looking for.")
    if kind == "write":
        check_limit(hub, hub.writable(request, repo, as_proposal=True), 0)
    else:
        hub.readable(request, repo)
    cas, expires = f"local://{_folder(hub)}", int(time.time()) + _VALID_S
    said = {"casUrl": cas, "accessToken": "xet", "exp": expires}
    return as_json(
        said,
        X_Xet_Cas_Url=cas,
        X_Xet_Access_Token="xet",
        X_Xet_Token_Expiration=str(expires),
    )


def facts(hub: HubServer, repo: str, commit: str, xet_hash: str | None) -> dict[str, str]:
    """Say in a redirect's headers how the file can be had through Xet instead."""
    if xet_hash is None:
        return {}
    route = f"{hub.address}/api/models/{repo}/xet-read-token/{commit}"
    return {"X-Xet-Hash": xet_hash, "Link": f'<{route}>; rel="xet-auth"'}


def find(hub: HubServer, sha256: str) -> XetFile | None:
    """Look for an uploaded file."""
    shards = (_folder(hub) / "xet" / "xorbs" / "shards").glob("*.mdb")
    files = (file for shard in shards for file in parse_shard(shard.read_bytes()))
    return next((file for file in files if file.sha256 == sha256), None)


def assemble(hub: HubServer, file: XetFile, path: Path) -> None:
    """Put a file together from its chunks, for clients that do not speak Xet.

    The uploading client keeps the folder's database locked as long as it lives: this reads a
    copy of the folder.
    """
    from hf_xet import XetFileInfo, XetSession  # type: ignore[import-untyped]

    until = int(time.time()) + _VALID_S
    with tempfile.TemporaryDirectory(dir=hub.root) as copy:
        shutil.copytree(_folder(hub), Path(copy, "cas"))
        with XetSession().new_file_download_group(
            endpoint=f"local://{copy}/cas", token="xet", token_expiry_unix_secs=until
        ) as group:
            group.start_download_file(XetFileInfo(file.hash, file.size), str(path))


def parse_shard(shard: bytes) -> Iterator[XetFile]:
    """List the files of a shard whose sha256 it knows. Pure: no file is touched."""
    at = _HEADER_BYTES
    while (file := _hash(shard, at)) != _END:
        flags, rows = struct.unpack_from("<II", shard, at + 32)
        at += _ROW_BYTES
        sizes = (struct.unpack_from("<I", shard, at + i * _ROW_BYTES + 36) for i in range(rows))
        size = sum(each for (each,) in sizes)
        at += rows * _ROW_BYTES * (2 if flags & _VERIFIED else 1)
        if flags & _HAS_SHA256:
            yield XetFile(file, _hash(shard, at), size)
            at += _ROW_BYTES


def _hash(shard: bytes, at: int) -> str:
    """Write a hash as Xet does: four little-endian numbers of 64 bits."""
    return "".join(f"{number:016x}" for number in struct.unpack_from("<4Q", shard, at))


def _folder(hub: HubServer) -> Path:
    folder = hub.root / "xet"
    folder.mkdir(exist_ok=True)
    return folder
