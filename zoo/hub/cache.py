"""Files from the Hugging Face Hub, into its client's own cache; and its failures in words."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from huggingface_hub import (
    constants,
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    try_to_load_from_cache,
)
from huggingface_hub.errors import (  # type: ignore[attr-defined]
    HTTPError,
    LocalEntryNotFoundError,
)
from huggingface_hub.file_download import HfFileMetadata, repo_folder_name
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

from zoo.download import download
from zoo.hub.redaction import redact
from zoo.storage import sha256_of

HUB_FAILURES = (HTTPError, OSError, ValueError)
"""What the Hub's client raises when a file cannot be had. A connection that breaks is an error
of the HTTP library beneath it: httpx for version 1 of the client, httpx2 for version 2. Their
texts may hold a token that a server echoes: our errors are raised from none of them."""


def fetch_large_file(repo: str, file: str, revision: str | None) -> Path:
    """Find a file in the Hub's cache, or download it there, continuing an earlier attempt.

    The client throws away what came of a download that failed. The content is therefore
    brought to where the client keeps it, and the client does the rest as ever.

    Raises:
        HUB_FAILURES: It cannot be had; what has come so far is kept.
    """
    cached = try_to_load_from_cache(repo, file, revision=revision)
    if not isinstance(cached, str) and not constants.is_offline_mode():
        url = hf_hub_url(repo, file, revision=revision)
        _bring(url, get_hf_file_metadata(url), Path(constants.HF_HUB_CACHE), repo)
    return Path(hf_hub_download(repo, file, revision=revision))


def reason_of(failure: Exception) -> str:
    """Say in one line why the Hub's client gave up, without the secrets that servers echo."""
    if isinstance(failure, LocalEntryNotFoundError) and isinstance(failure.__cause__, Exception):
        failure = failure.__cause__
    lines = [line.strip() for line in str(failure).splitlines() if line.strip()]
    return redact(" ".join(lines[:2])) or type(failure).__name__


def _bring(url: str, announced: HfFileMetadata, cache: Path, repo: str) -> None:
    """Download a file's content to its place in the cache, under the client's own lock."""
    etag = announced.etag
    if etag is None:
        return

    def check(part: Path) -> None:
        if announced.size not in (None, part.stat().st_size):
            raise ConnectionError(f"{url} sent {part.stat().st_size:,} bytes of {announced.size:,}")
        if re.fullmatch(r"[0-9a-f]{64}", etag) and sha256_of(part) != etag:
            raise ConnectionError(f"{url} sent another file than it announced")

    folder = repo_folder_name(repo_id=repo, repo_type="model")
    ours = urlsplit(announced.location).netloc == urlsplit(url).netloc
    download(
        announced.location,
        cache / folder / "blobs" / etag,
        check,
        headers=build_hf_headers() if ours else None,
        turn=cache / ".locks" / folder / f"{etag}.lock",
    )
