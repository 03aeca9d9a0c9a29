"""A file from anywhere on the web: resumable, one process at a time, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from filelock import FileLock
from huggingface_hub.constants import is_offline_mode
from tqdm.auto import tqdm

from zoo.errors import StorageError

_CHUNK = 1 << 20
_TIMEOUT_S = 30
_RANGE_NOT_SATISFIABLE = 416


def download(
    url: str,
    path: Path,
    check: Callable[[Path], None],
    *,
    headers: Mapping[str, str] | None = None,
    turn: Path | None = None,
) -> None:
    """Download a file, continuing what an earlier attempt left beside its place.

    A dropped connection is taken up again as long as each attempt brings something. Proxies
    are those of the environment; `HF_HUB_OFFLINE` forbids the network here as well.

    Args:
        url: An http or https address.
        path: Where the file shall lie.
        check: Raises if the downloaded file is not the right one; it is then deleted.
        headers: Sent with each request, and not to where a server redirects it: a token
            must not reach another host.
        turn: The lock file that processes take turns by; by default one beside the file.

    Raises:
        OSError: The network or the server fails; what has come so far is kept.
        StorageError: The disk refuses the file; likewise.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    turn = turn or path.with_name(f"{path.name}.lock")
    turn.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(turn):
        if path.exists():
            return
        if is_offline_mode():
            raise ConnectionError("HF_HUB_OFFLINE is set")
        while not _continue(url, part, headers or {}):
            pass
        try:
            check(part)
        except Exception:
            part.unlink()
            raise
        part.replace(path)


def _continue(url: str, part: Path, headers: Mapping[str, str]) -> bool:
    """Append what is missing; tell whether the file is complete.

    Raises:
        OSError: Nothing came.
    """
    begun = part.stat().st_size if part.exists() else 0
    rest = {"Range": f"bytes={begun}-"} if begun else {}
    if not url.startswith(("https://", "http://")):
        raise ValueError(f"{url} is no http address")
    try:
        request = Request(url, headers=rest)  # noqa: S310
        for name, value in headers.items():
            request.add_unredirected_header(name, value)
        with urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310
            return _append(response, part, begun)
    except HTTPError as refusal:
        refusal.close()
        if refusal.code == _RANGE_NOT_SATISFIABLE and begun:
            return True
        raise
    except (OSError, HTTPException) as cause:
        come = part.stat().st_size if part.exists() else 0
        if come > begun:
            return False
        reason = cause.reason if isinstance(cause, URLError) else cause
        raise ConnectionError(str(reason) or type(cause).__name__) from cause


def _append(response: HTTPResponse, part: Path, begun: int) -> bool:
    resumed = response.status == 206
    begun = begun if resumed else 0
    length = response.headers.get("Content-Length")
    total = begun + int(length) if length else None
    with (
        part.open("ab" if resumed else "wb") as file,
        tqdm(
            desc=part.stem, total=total, initial=begun, unit="B", unit_scale=True, disable=None
        ) as bar,
    ):
        # Unlike `read`, `read1` keeps what came before the connection broke.
        while chunk := response.read1(_CHUNK):
            _write(file, part, chunk)
            bar.update(len(chunk))
    if total is not None and part.stat().st_size < total:
        raise ConnectionError(f"the connection ended after {part.stat().st_size:,} bytes")
    return True


def _write(file: BinaryIO, path: Path, chunk: bytes) -> None:
    try:
        file.write(chunk)
        file.flush()
    except OSError as cause:
        raise StorageError(path, cause) from cause
