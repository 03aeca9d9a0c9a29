"""Names as git gives them: the SHA-1 of blobs, trees and commits, and Git-LFS pointers.

Formats: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects and
https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping


def object_id(kind: str, content: bytes) -> str:
    """Hash an object together with its kind and size."""
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(content)) + content).hexdigest()


def pointer(sha256: str, size: int) -> bytes:
    """Write what git keeps of a large file."""
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
    ).encode()


def tree_ids(files: Mapping[str, str]) -> dict[str, str]:
    """Name every folder, the root as "", from the blobs' names by path."""
    folders: dict[str, dict[str, str]] = {"": {}}
    for path, blob in files.items():
        folder, _, name = path.rpartition("/")
        folders.setdefault(folder, {})[name] = blob
        while folder:
            folder = folder.rpartition("/")[0]
            folders.setdefault(folder, {})
    ids: dict[str, str] = {}
    for folder in sorted(folders, key=lambda path: (path == "", -path.count("/"))):
        inside = {f.rpartition("/")[2]: ids[f] for f in ids if f.rpartition("/")[0] == folder}
        ids[folder] = _tree_id(folders[folder], inside)
    return ids


def commit_id(tree: str, parents: Iterable[str], author: str, date_s: int, message: str) -> str:
    """Name a commit."""
    who = f"{author} <{author}@users.noreply.huggingface.co> {date_s} +0000"
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += [f"author {who}", f"committer {who}", "", message]
    return object_id("commit", "\n".join(lines).encode())


def _tree_id(blobs: Mapping[str, str], folders: Mapping[str, str]) -> str:
    entries = [(name, b"100644 " + name.encode(), oid) for name, oid in blobs.items()]
    entries += [(name + "/", b"40000 " + name.encode(), oid) for name, oid in folders.items()]
    listed = (entry + b"\0" + bytes.fromhex(oid) for _, entry, oid in sorted(entries))
    return object_id("tree", b"".join(listed))
