"""Git-LFS: where large files go to and come from, by addresses that are valid for a while.

https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md; the Hub adds uploads in parts.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.hub.content import whole
from tests.hub.messages import Answer, Request, as_json
from tests.hub.ranges import send
from tests.hub.refusal import RefusedError
from tests.hub.repos import Repository

if TYPE_CHECKING:
    from tests.hub.server import HubServer


@dataclass(kw_only=True)
class Upload:
    """A large file on its way."""

    repo: str
    oid: str
    """Its sha256."""
    size: int
    part_size: int | None
    """Bytes a part; None where it comes as a whole."""
    parts: dict[int, str] = field(default_factory=dict)
    """ETags of the parts that are there."""


def batch(hub: HubServer, request: Request, repo: str) -> Answer:
    """Say for each large file where to send it, and for one that is there: nothing."""
    # Files for a pull request are announced before it has a name: whose branch says nothing.
    wanted, repository = request.body.json(), hub.writable(request, repo, as_proposal=True)
    if wanted.get("hash_algo", "sha256") != "sha256":
        raise RefusedError(409, "hash_algo must be sha256")
    missing = [each for each in wanted["objects"] if each["oid"] not in repository.large]
    check_limit(hub, repository, sum(each["size"] for each in missing))
    several = "multipart" in wanted.get("transfers", ["basic"])
    objects = [_object(hub, repository, each, several=several) for each in wanted["objects"]]
    transfer = "multipart" if any("chunk_size" in str(each) for each in objects) else "basic"
    answer = as_json({"transfer": transfer, "objects": objects})
    return Answer(
        headers={**answer.headers, "Content-Type": "application/vnd.git-lfs+json"},
        body=answer.body,
    )


def verify(hub: HubServer, request: Request, repo: str) -> Answer:
    """Confirm that a file arrived with its size."""
    wanted, repository = request.body.json(), hub.writable(request, repo, as_proposal=True)
    path = repository.large.get(wanted["oid"])
    if path is None:
        raise RefusedError(404, "Object not found")
    if path.stat().st_size != wanted["size"]:
        raise RefusedError(422, f"the object has {path.stat().st_size} bytes, not {wanted['size']}")
    return as_json({"message": "Object verified"})


def complete(hub: HubServer, request: Request, upload: str) -> Answer:
    """Make one file of the parts that have come."""
    wanted, going = request.body.json(), hub.uploads.get(upload)
    if going is None or wanted["oid"] != going.oid:
        raise RefusedError(404, "The specified upload does not exist.")
    named = {part["partNumber"]: part["etag"] for part in wanted["parts"]}
    if named != going.parts or len(named) != ceil(going.size / (going.part_size or going.size)):
        raise RefusedError(400, "One or more of the specified parts could not be found.")
    paths = [_part_path(hub, upload, number) for number in sorted(named)]
    joined = hub.root / f"{upload}.whole"
    digest = hashlib.sha256()
    with joined.open("wb") as file:
        for path in paths:
            with path.open("rb") as part:
                while piece := part.read(1 << 20):
                    digest.update(piece)
                    file.write(piece)
    _finish(hub, upload, joined, digest.hexdigest())
    for path in paths:
        path.unlink()
    return as_json({"success": True})


def put(hub: HubServer, request: Request, upload: str, number: str | None = None) -> Answer:
    """Take a file, or a part of one, at the storage's host."""
    going = hub.uploads.get(upload)
    _refuse_tokens(request)
    if going is None or request.query.get("signature") != hub.sign(upload):
        raise RefusedError(403, "Request has expired")
    path = _part_path(hub, upload, int(number or 0)).with_suffix(f".{secrets.token_hex(4)}")
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    try:
        with path.open("wb") as file:
            for piece in request.body.pieces():
                sha256.update(piece)
                md5.update(piece)
                file.write(piece)
        etag = f'"{md5.hexdigest()}"'
        if number is None:
            _finish(hub, upload, path, sha256.hexdigest())
        else:
            path.replace(_part_path(hub, upload, int(number)))
            going.parts[int(number)] = etag
    finally:
        path.unlink(missing_ok=True)
    return Answer(headers={"ETag": etag})


def get(hub: HubServer, request: Request, oid: str) -> Answer:
    """Send a large file, or a part of it."""
    _refuse_tokens(request)
    path = hub.large_path(oid)
    if request.query.get("signature") != hub.sign(oid) or not path.exists():
        raise RefusedError(403, "Access Denied")
    return send(whole(path), request, {"ETag": f'"{oid}"'})


def link(hub: HubServer, oid: str) -> str:
    """Write the address that a large file can be had at."""
    return f"{hub.storage.address}/lfs/{oid}?signature={hub.sign(oid)}"


def _object(
    hub: HubServer, repository: Repository, wanted: dict[str, Any], *, several: bool
) -> dict[str, Any]:
    oid, size = str(wanted["oid"]), int(wanted["size"])
    if oid in repository.large:
        return {"oid": oid, "size": size}
    part_size = hub.part_size if several and hub.part_size and size > hub.part_size else None
    name = secrets.token_hex(16)
    hub.uploads[name] = Upload(repo=repository.id, oid=oid, size=size, part_size=part_size)
    there = f"{hub.storage.address}/upload/{name}"
    signed = f"signature={hub.sign(name)}"
    upload: dict[str, Any] = {"href": f"{there}?{signed}"}
    if part_size:
        numbers = range(1, ceil(size / part_size) + 1)
        parts = {str(number): f"{there}/{number}?{signed}" for number in numbers}
        upload = {
            "href": f"{hub.address}/api/complete_multipart?uploadId={name}",
            "header": {"chunk_size": str(part_size), **parts},
        }
    checked = {"href": f"{hub.address}/{repository.id}.git/info/lfs/objects/verify"}
    return {"oid": oid, "size": size, "actions": {"upload": upload, "verify": checked}}


def _finish(hub: HubServer, upload: str, path: Path, sha256: str) -> None:
    going = hub.uploads[upload]
    if (sha256, path.stat().st_size) != (going.oid, going.size):
        path.unlink()
        raise RefusedError(400, "The Content-SHA256 you specified did not match what we received.")
    with hub.lock:
        hub.keep(hub.repositories[going.repo], sha256, path)


def check_limit(hub: HubServer, repository: Repository, more: int) -> None:
    """Refuse what is more than the namespace may have.

    The sentence is the Hub's: https://github.com/huggingface/huggingface_hub/issues/3048
    """
    limit = hub.accounts.limits.get(repository.namespace)
    every = hub.repositories.values()
    used = sum(r.large_bytes for r in every if r.namespace == repository.namespace)
    if limit is not None and used + more > limit:
        kind = "Private repository" if repository.private else "Public repository"
        raise RefusedError(
            403, f"{kind} storage limit reached, please upgrade your plan to increase your limit."
        )


def _refuse_tokens(request: Request) -> None:
    """Signed addresses take no second proof, as S3 does."""
    if "Authorization" in request.headers:
        raise RefusedError(400, "Only one auth mechanism allowed")


def _part_path(hub: HubServer, upload: str, number: int) -> Path:
    return hub.root / f"{upload}.{number}"
