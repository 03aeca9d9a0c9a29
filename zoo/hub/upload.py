"""One commit with all changes: large files first, then what makes them visible, at once."""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.utils import (  # type: ignore[attr-defined]
    are_progress_bars_disabled,
    disable_progress_bars,
    enable_progress_bars,
)
from tqdm.auto import tqdm

from zoo.hub.changes import Changes
from zoo.hub.client import offers_xet
from zoo.hub.patience import patiently
from zoo.hub.planned import PlannedFile

_UNHEARD = ("Warnings while validating metadata", "Use 'content=")
"""What the Hub thinks of a card's front matter, and what the HTTP library thinks of its client."""

Operation = CommitOperationAdd | CommitOperationDelete


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a commit goes."""

    repo: str
    branch: str
    parent: str
    """The commit that the changes were compared with: on another the Hub refuses them."""
    create_pr: bool


def commit(api: HfApi, changes: Changes, target: Target, message: str) -> CommitInfo:
    """Send what changes and commit it.

    The client sends each large file to the storage first, and none that is there already, so
    that after a kill only the rest is sent. Until the commit nobody sees any of it.

    Raises:
        HUB_FAILURES: The Hub does not take it.
        RuntimeError: Likewise, from the client's threads.
    """
    xet = patiently(lambda: offers_xet(target.repo, target.branch, create_pr=target.create_pr))
    with ExitStack() as opened:
        opened.enter_context(_bars(shown=xet and sys.stderr.isatty()))
        opened.enter_context(warnings.catch_warnings())
        for unheard in _UNHEARD:
            warnings.filterwarnings("ignore", message=unheard)
        bar = opened.enter_context(
            tqdm(
                desc="uploading",
                total=changes.size,
                unit="B",
                unit_scale=True,
                disable=True if xet else None,
            )
        )
        operations: list[Operation] = [
            _add(file) if xet else _stream(file, opened, bar) for file in changes.sent
        ]
        operations += [CommitOperationDelete(name, is_folder=False) for name in changes.removed]
        return api.create_commit(
            repo_id=target.repo,
            operations=operations,
            commit_message=message,
            revision=target.branch,
            parent_commit=target.parent,
            create_pr=target.create_pr,
        )


def _add(file: PlannedFile) -> CommitOperationAdd:
    operation = CommitOperationAdd(path_in_repo=file.name, path_or_fileobj=file.source)
    # It was hashed when it was checked, a moment ago.
    operation.upload_info.sha256 = bytes.fromhex(file.sha256)
    return operation


def _stream(file: PlannedFile, opened: ExitStack, bar: tqdm[None]) -> CommitOperationAdd:
    """Hand a file over open, which the client never sends through Xet."""
    operation = _add(file)
    if isinstance(file.source, Path):
        operation.path_or_fileobj = opened.enter_context(_Watched(file.source, bar))
    else:
        operation.path_or_fileobj = io.BytesIO(file.source)
    return operation


class _Watched(io.BufferedReader):
    """A file that moves a bar while it is read; what is read again moves nothing."""

    def __init__(self, path: Path, bar: tqdm[None]) -> None:
        super().__init__(io.FileIO(path))
        self._bar, self._furthest = bar, 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, and tell how far."""
        content = super().read(size)
        if (now := self.tell()) > self._furthest:
            self._bar.update(now - self._furthest)
            self._furthest = now
        return content


@contextmanager
def _bars(*, shown: bool) -> Iterator[None]:
    """Keep the client's own bars where nobody sees them, or where there is ours."""
    if shown or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()
