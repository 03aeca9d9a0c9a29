"""Repositories as git sees them: files, commits, branches, tags and pull requests."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from tests.hub.content import Content, length_of, read, whole
from tests.hub.git import commit_id, object_id, pointer, tree_ids

ATTRIBUTES = "".join(
    f"{pattern} filter=lfs diff=lfs merge=lfs -text\n"
    for pattern in (
        *("*.7z", "*.arrow", "*.bin", "*.bz2", "*.ckpt", "*.ftz", "*.gz", "*.h5", "*.joblib"),
        *("*.mlmodel", "*.model", "*.msgpack", "*.npy", "*.npz", "*.onnx", "*.ot", "*.parquet"),
        *("*.pb", "*.pickle", "*.pkl", "*.pt", "*.pth", "*.rar", "*.safetensors", "*.tar.*"),
        *("*.tar", "*.tflite", "*.tgz", "*.wasm", "*.xz", "*.zip", "*.zst", "*tfevents*"),
    )
)
"""The `.gitattributes` that a new model repository begins with."""


@dataclass(frozen=True, kw_only=True)
class Blob:
    """A file's content."""

    content: Content
    size: int
    """Of the content, bytes."""
    id: str
    """git's name: of the content, or of the pointer where the file is large."""
    sha256: str | None = None
    """Of a large file."""
    xet: str | None = None
    """Xet's hash, where the content lies there."""

    @property
    def pointer_size(self) -> int:
        return len(pointer(self.sha256 or "", self.size))

    @property
    def etag(self) -> str:
        return self.sha256 or self.id


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A state of a repository."""

    id: str
    files: Mapping[str, Blob]
    parents: tuple[str, ...]
    title: str
    message: str
    author: str
    date: datetime


@dataclass(kw_only=True)
class PullRequest:
    """A proposed change; its branch is `refs/pr/<number>`."""

    number: int
    title: str
    description: str
    author: str
    base: str
    """The branch that it is meant for."""
    opened: datetime
    status: Literal["draft", "open", "closed", "merged"] = "draft"


@dataclass(kw_only=True)
class Repository:
    """Commits, and the names that some of them have."""

    id: str
    private: bool = False
    gated: Literal["auto", "manual", False] = False
    accepted: set[str] = field(default_factory=set)
    """Who may read it although it is gated."""
    disabled: bool = False
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pulls: dict[int, PullRequest] = field(default_factory=dict)
    pull_heads: dict[str, str] = field(default_factory=dict)
    """Commits by `refs/pr/<number>`."""
    large: dict[str, Path] = field(default_factory=dict)
    """Uploaded large files by sha256, committed or not."""
    xet_hashes: dict[str, str] = field(default_factory=dict)
    """Xet's hash by sha256, of those that came through Xet."""

    @property
    def namespace(self) -> str:
        return self.id.split("/")[0]

    @property
    def large_bytes(self) -> int:
        return sum(path.stat().st_size for path in self.large.values())

    def find(self, revision: str) -> Commit | None:
        """Look up a branch, a tag, a pull request or a commit's full name."""
        for names in (self.branches, self.tags, self.pull_heads):
            if revision in names:
                return self.commits[names[revision]]
        return self.commits.get(revision)

    def head(self, branch: str = "main") -> Commit:
        """Look up a branch's or pull request's newest commit."""
        found = self.find(branch)
        assert found is not None, f"{self.id} has no {branch}"
        return found

    def record(
        self, branch: str, files: Mapping[str, Blob], title: str, message: str, author: str
    ) -> Commit:
        """Append a commit to a branch or a pull request."""
        heads = self.pull_heads if branch.startswith("refs/pr/") else self.branches
        parents = (heads[branch],) if branch in heads else ()
        now = datetime.now(UTC).replace(microsecond=0)
        tree = tree_ids({path: blob.id for path, blob in files.items()})[""]
        text = f"{title}\n\n{message}".strip()
        name = commit_id(tree, parents, author, int(now.timestamp()), text)
        while name in self.commits:
            name = hashlib.sha1(name.encode()).hexdigest()
        commit = Commit(
            id=name,
            files=dict(sorted(files.items())),
            parents=parents,
            title=title,
            message=message,
            author=author,
            date=now,
        )
        self.commits[name] = commit
        heads[branch] = name
        return commit

    def history(self, revision: str) -> list[Commit]:
        """List the commits behind a revision, the newest first."""
        commit, found = self.find(revision), []
        while commit is not None:
            found.append(commit)
            commit = self.commits[commit.parents[0]] if commit.parents else None
        return found


def small_blob(content: bytes) -> Blob:
    """Keep a file in git itself."""
    return Blob(content=content, size=len(content), id=object_id("blob", content))


def large_blob(sha256: str, path: Path, xet: str | None = None) -> Blob:
    """Keep a pointer in git and the content elsewhere."""
    content = whole(path)
    size = length_of(content)
    name = object_id("blob", pointer(sha256, size))
    return Blob(content=content, size=size, id=name, sha256=sha256, xet=xet)


def is_large(path: str, sample: bytes, size: int, attributes: str, threshold: int) -> bool:
    """Decide as the Hub does: by `.gitattributes`, by size, and where it is not text."""
    if size == 0:
        return False
    named = any(
        fnmatchcase(path, pattern) or fnmatchcase(path.rpartition("/")[2], pattern)
        for pattern in re.findall(r"^(\S+)\s.*filter=lfs", attributes, flags=re.MULTILINE)
    )
    return named or size > threshold or b"\0" in sample[:512]


def attributes_of(files: Mapping[str, Blob]) -> str:
    """Read a commit's `.gitattributes`."""
    blob = files.get(".gitattributes")
    return read(blob.content).decode() if blob else ""
