"""A Hugging Face Hub on loopback, for the official client: repositories, commits, downloads.

It answers as the Hub does where huggingface_hub looks at the answer: status, `X-Repo-Commit`,
`ETag`, `X-Linked-*`, `X-Error-Code`. Large files lie on another host, as with Git-LFS.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from tests.web_server import Request, Response, WebServer

LARGE = (".safetensors", ".bin", ".onnx")
"""What a repository's `.gitattributes` give to Git-LFS."""


@dataclass(frozen=True)
class Commit:
    """A state of a repository."""

    id: str
    files: Mapping[str, bytes]


@dataclass
class Repository:
    """Commits, and the branches and tags that name some of them."""

    commits: dict[str, Commit] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def find(self, revision: str) -> Commit | None:
        """Look up a branch, a tag or a commit."""
        return self.commits.get(self.refs.get(revision, revision))


class HubServer(WebServer):
    """The Hub; `storage` is the host that its large files lie on."""

    def __init__(self) -> None:
        super().__init__()
        self.repositories: dict[str, Repository] = {}
        self.storage = WebServer()

    def __enter__(self) -> HubServer:
        super().__enter__()
        self.storage.__enter__()
        return self

    def stop(self) -> None:
        super().stop()
        self.storage.stop()

    def commit(self, repo: str, files: Mapping[str, bytes], *, branch: str = "main") -> str:
        """Change files of a repository, which is made if there is none; return the commit."""
        repository = self.repositories.setdefault(repo, Repository())
        parent = repository.find(branch)
        content = {**(parent.files if parent else {}), **files}
        listing = [(name, git_sha1(data)) for name, data in sorted(content.items())]
        history = (parent.id if parent else "", len(repository.commits), listing)
        commit = Commit(hashlib.sha1(repr(history).encode()).hexdigest(), content)
        repository.commits[commit.id] = commit
        repository.refs[branch] = commit.id
        return commit.id

    def tag(self, repo: str, name: str, commit: str) -> None:
        """Let a tag name a commit, wherever it was before."""
        self.repositories[repo].refs[name] = commit

    def answer(self, request: Request) -> Response:
        path = urlsplit(request.target).path
        for methods, pattern, handle in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and request.method in methods:
                parts = {name: unquote(text) for name, text in match.groupdict().items()}
                return handle(self, request, **parts)
        return Response(status=404)

    def resolve(self, request: Request, repo: str, revision: str, file: str) -> Response:
        """Send a file of a commit, or say where it lies."""
        repository = self.repositories.get(repo)
        if repository is None:
            return fail(401, "RepoNotFound", "Invalid username or password.")
        commit = repository.find(revision)
        if commit is None:
            return fail(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        facts = {"X-Repo-Commit": commit.id}
        if file not in commit.files:
            return fail(404, "EntryNotFound", "Entry not found", facts)
        content = commit.files[file]
        if file.endswith(LARGE):
            return self._refer(content, facts)
        sent = self.send(content, request)
        facts |= {**sent.headers, "ETag": f'"{git_sha1(content)}"', "Accept-Ranges": "bytes"}
        return Response(status=sent.status, headers=facts, body=sent.body)

    def _refer(self, content: bytes, facts: Mapping[str, str]) -> Response:
        digest = hashlib.sha256(content).hexdigest()
        self.storage.files[f"/{digest}"] = content
        linked = {
            "Location": f"{self.storage.address}/{digest}",
            "X-Linked-Etag": f'"{digest}"',
            "X-Linked-Size": str(len(content)),
        }
        return Response(status=302, headers={**facts, **linked})


def fail(status: int, code: str, message: str, facts: Mapping[str, str] | None = None) -> Response:
    """Refuse in the Hub's way."""
    explained = {"X-Error-Code": code, "X-Error-Message": message}
    return Response(status=status, headers={**explained, **(facts or {})})


def git_sha1(content: bytes) -> str:
    """Hash a file as git does."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


ROUTES: tuple[tuple[tuple[str, ...], str, Callable[..., Response]], ...] = (
    (
        ("HEAD", "GET"),
        r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)",
        HubServer.resolve,
    ),
)
"""Method, path and who answers."""
