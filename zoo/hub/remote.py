"""What a repository on the Hub holds at one commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from huggingface_hub import HfApi
from huggingface_hub.errors import RepositoryNotFoundError
from huggingface_hub.hf_api import RepoFile

from zoo.errors import HubError
from zoo.hub.failures import explained
from zoo.hub.names import Reference
from zoo.hub.patience import patiently
from zoo.hub.planned import PlannedFile, git_sha1


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file there, as it is listed."""

    name: str
    size: int
    """Bytes."""
    sha1: str
    """Git's name of its content; of a large file, of the pointer to it."""
    sha256: str | None
    """Of a large file's content; None for those that git itself keeps."""

    def is_same(self, file: PlannedFile) -> bool:
        """Tell whether it has a file's content already."""
        if self.sha256 is not None:
            return self.sha256 == file.sha256
        return self.size == file.size and self.sha1 == git_sha1(file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A repository at a commit."""

    commit: str
    private: bool
    files: Mapping[str, RemoteFile]
    """By name."""


def look_up(api: HfApi, reference: Reference) -> Remote:
    """List the files of a repository at a revision.

    Raises:
        ZooError: There is no such repository or revision, or this account may not see it.
    """
    with explained(f"look at {reference}"):
        info = patiently(lambda: api.repo_info(reference.repo, revision=reference.revision))
        commit = info.sha
        if commit is None:
            raise HubError(f"the Hub does not say which commit {reference} is", hint="try again")
        tree = patiently(
            lambda: list(api.list_repo_tree(reference.repo, revision=commit, recursive=True))
        )
    files = [_describe(entry) for entry in tree if isinstance(entry, RepoFile)]
    return Remote(
        commit=commit, private=bool(info.private), files={file.name: file for file in files}
    )


def exists(api: HfApi, repo: str) -> bool:
    """Tell whether this account can see a repository.

    Raises:
        ZooError: The Hub cannot be asked.
    """
    with explained(f"look at {repo}"):
        try:
            patiently(lambda: api.repo_info(repo))
        except RepositoryNotFoundError:
            return False
    return True


def _describe(entry: RepoFile) -> RemoteFile:
    sha256 = entry.lfs.sha256 if entry.lfs is not None else None
    return RemoteFile(name=entry.path, size=entry.size, sha1=entry.blob_id, sha256=sha256)
