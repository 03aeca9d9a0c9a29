"""What the Hub knows: accounts, repositories, large files. No HTTP in here."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from threading import RLock
from typing import Literal

from tests.hub.auth import Accounts, Token
from tests.hub.content import read
from tests.hub.messages import Request
from tests.hub.refusal import RefusedError, gated, repository_not_found, revision_not_found
from tests.hub.repos import (
    ATTRIBUTES,
    Blob,
    Commit,
    Repository,
    attributes_of,
    is_large,
    large_blob,
    small_blob,
)

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?")
"""A user's, an organisation's or a repository's name."""


class Hub:
    """Everything that outlives a request."""

    def __init__(self, root: Path) -> None:
        self.root = root
        """Where large files lie."""
        self.accounts = Accounts()
        self.repositories: dict[str, Repository] = {}
        self.lock = RLock()
        self.large_threshold = 10_000_000
        """Text of more bytes than this is a large file too."""
        self.part_size: int | None = None
        """Large files above this are uploaded in parts of this size, bytes; None: never."""
        self.page_size = 1000
        """Entries on a page of a listing."""
        self.resolve_cache = False
        """Whether small files are redirected within the host, as the Hub does since 2025."""
        self.xet = False
        """Whether there is Xet storage."""

    def create(
        self,
        repo: str,
        *,
        private: bool = False,
        gated: Literal["auto", "manual", False] = False,
        author: str = "system",
    ) -> Repository:
        """Make a repository with its first commit."""
        made = Repository(id=repo, private=private, gated=gated)
        first = {".gitattributes": small_blob(ATTRIBUTES.encode())}
        made.record("main", first, "initial commit", "", author)
        self.repositories[repo] = made
        return made

    def commit(
        self,
        repo: str,
        files: Mapping[str, bytes | Path | None],
        *,
        branch: str = "main",
        title: str = "change",
        author: str = "somebody",
    ) -> str:
        """Change files of a repository, made if there is none.

        Bytes are stored as the Hub would store them, a path is a large file, None deletes one.
        Nothing is checked: names that a client could never send are possible here.

        Returns:
            The commit.
        """
        with self.lock:
            repository = self.repositories.get(repo) or self.create(repo)
            parent = repository.find(branch) or repository.head()
            repository.branches.setdefault(branch, parent.id)
            changed = dict(parent.files)
            for path, content in files.items():
                changed.pop(path, None)
                if content is not None:
                    changed[path] = self._blob(repository, path, content, changed)
            return repository.record(branch, changed, title, "", author).id

    def tag(self, repo: str, name: str, commit: str) -> None:
        """Let a tag or a pull request name a commit, wherever it was before."""
        repository = self.repositories[repo]
        heads = repository.pull_heads if name.startswith("refs/pr/") else repository.tags
        heads[name] = commit

    def forge(self, repo: str, commit: str, path: str, content: bytes | None) -> None:
        """Change or remove a file of a commit that keeps its name: no honest server does this."""
        repository = self.repositories[repo]
        files = repository.commits[commit].files
        assert isinstance(files, dict)
        files.pop(path, None)
        if content is not None:
            files[path] = self._blob(repository, path, content, files)

    def content(self, repo: str, revision: str = "main") -> dict[str, bytes]:
        """Read all files of a revision, `.gitattributes` left out."""
        files = self.repositories[repo].head(revision).files
        return {path: read(b.content) for path, b in files.items() if path != ".gitattributes"}

    def keep(self, repository: Repository, sha256: str, part: Path) -> None:
        """Take a finished large file into a repository's storage."""
        place = self.large_path(sha256)
        part.replace(place)
        repository.large[sha256] = place

    def large_path(self, sha256: str) -> Path:
        folder = self.root / "large"
        folder.mkdir(exist_ok=True)
        return folder / sha256

    # What a request is allowed to see and to do.

    def who(self, request: Request) -> Token | None:
        return self.accounts.identify(request.headers.get("Authorization"))

    def visible(self, request: Request, repo: str) -> Repository:
        """Find a repository that the client may know of."""
        token = self.who(request)
        repository = self.repositories.get(repo)
        if repository is None or (
            repository.private and not self.accounts.may_read(token, repository.namespace)
        ):
            raise repository_not_found(anonymous=token is None)
        if repository.disabled:
            raise RefusedError(403, "Access to this resource is disabled.")
        return repository

    def readable(self, request: Request, repo: str) -> Repository:
        """Find a repository whose files the client may read."""
        repository, token = self.visible(request, repo), self.who(request)
        known = token is not None and token.user in repository.accepted
        known = known or self.accounts.may_read(token, repository.namespace)
        if repository.gated and not known:
            raise gated(repo, anonymous=token is None)
        return repository

    def writable(self, request: Request, repo: str, *, as_proposal: bool = False) -> Repository:
        """Find a repository that the client may change, or propose a change to."""
        repository, token = self.visible(request, repo), self.who(request)
        if token is None:
            raise RefusedError(401, "Invalid username or password.")
        allowed = token.allows_writing_to(repository.namespace, repo)
        if allowed and as_proposal:
            return repository
        if not self.accounts.may_write(token, repository.namespace, repo):
            proposing = "pass `create_pr=1` as a query parameter to create a Pull Request"
            raise RefusedError(
                403, f"Forbidden: {proposing}" if allowed else "Authorization error."
            )
        return repository

    @staticmethod
    def revision(repository: Repository, name: str) -> Commit:
        found = repository.find(name)
        if found is None:
            raise revision_not_found(name)
        return found

    def _blob(
        self, repository: Repository, path: str, content: bytes | Path, files: Mapping[str, Blob]
    ) -> Blob:
        if isinstance(content, Path):
            return self._take(repository, content)
        attributes = attributes_of(files)
        if not is_large(path, content, len(content), attributes, self.large_threshold):
            return small_blob(content)
        written = self.root / "given"
        written.write_bytes(content)
        return self._take(repository, written)

    def _take(self, repository: Repository, path: Path) -> Blob:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        part = self.root / f"{sha256}.part"
        shutil.copyfile(path, part)
        self.keep(repository, sha256, part)
        return large_blob(sha256, repository.large[sha256])
