"""What a push changes in a repository: files that are new, the same, or gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zoo.errors import RunError
from zoo.hub.failures import explained
from zoo.hub.fetch import Wanted, fetch_checked
from zoo.hub.names import Reference
from zoo.hub.plan import Plan
from zoo.hub.planned import PlannedFile
from zoo.hub.remote import Remote
from zoo.manifest import NAME as MANIFEST
from zoo.manifest import Recorded, read_manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """A plan, compared with what the repository holds."""

    sent: tuple[PlannedFile, ...]
    """New or of other content."""
    unchanged: tuple[PlannedFile, ...]
    removed: tuple[str, ...]
    """Files of an earlier push that the model no longer has: an ONNX file of other weights, say."""

    @property
    def size(self) -> int:
        """Bytes of what is sent."""
        return sum(file.size for file in self.sent)

    @property
    def is_empty(self) -> bool:
        """Whether the repository is as it should be."""
        return not self.sent and not self.removed


def compare(plan: Plan, reference: Reference, remote: Remote | None) -> Changes:
    """Find what has to change for a repository to hold what is planned.

    Raises:
        ZooError: The repository cannot be read.
    """
    if remote is None:
        return Changes(sent=plan.files, unchanged=(), removed=())
    same = {file.name for file in plan.files if _has(remote, file)}
    kept = {file.name for file in plan.files}
    earlier = set(_read_earlier(reference.repo, remote)) & set(remote.files)
    return Changes(
        sent=tuple(file for file in plan.files if file.name not in same),
        unchanged=tuple(file for file in plan.files if file.name in same),
        removed=tuple(sorted(earlier - kept)),
    )


def _has(remote: Remote, file: PlannedFile) -> bool:
    there = remote.files.get(file.name)
    return there is not None and there.is_same(file)


def _read_earlier(repo: str, remote: Remote) -> Mapping[str, Recorded]:
    """Read what an earlier push recorded; nothing where zoo did not make the repository."""
    if MANIFEST not in remote.files:
        return {}
    with explained(f"read {MANIFEST} of {repo}"):
        path = fetch_checked(repo, remote.commit, Wanted.listed(remote.files[MANIFEST]))
    try:
        return read_manifest(path)
    except RunError:  # another tool's file of that name
        return {}
