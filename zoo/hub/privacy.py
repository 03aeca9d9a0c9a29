"""What a published text must not tell: where somebody's files lie, and who they are to a machine.

What is an absolute path is told by where it begins: class names may have slashes too.
"""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from zoo.hub.golden import is_made_up
from zoo.hub.redaction import holds_token

_ROOTS = (
    *("home", "Users", "root", "tmp", "var", "mnt", "media", "srv", "opt", "usr", "etc", "private"),
    *("Volumes", "data", "datasets", "scratch", "work", "workspace", "workspaces", "content"),
    *("kaggle", "gpfs", "lustre", "nfs", "shared", "project", "projects", "storage"),
)
"""Folders that files lie in at most places; those of this machine are added."""
_SHORTEST_ACCOUNT = 4
"""Letters. A shorter name is found everywhere."""
_COMMON_ACCOUNTS = frozenset({"root", "user", "admin", "ubuntu", "runner", "nobody", "jovyan"})

USERS_WORDS: Mapping[str, tuple[str, ...]] = {"zoo_config.json": ("targets", "calibration")}
"""Fields of files, at their top, that hold names of classes and columns: they may look like
anything, and the model answers with them."""


_INPUTS = frozenset({"sample", "probed", "ties", "disagreements", "dependent", "errors"})
"""Fields of a verification report that name inputs."""


def find_secrets(text: str) -> Iterator[str]:
    """Find absolute paths and tokens in a text; tokens are told without themselves."""
    for found in _path_pattern().finditer(text):
        yield f"the path {found[0]!r}"
    if holds_token(text):
        yield "a token of the Hub"


def find_accounts(text: str) -> Iterator[str]:
    """Find the name of whoever runs this as a word: it may be a coincidence."""
    name = ""
    with suppress(OSError, KeyError, ImportError):
        name = getpass.getuser()
    if len(name) >= _SHORTEST_ACCOUNT and name not in _COMMON_ACCOUNTS:
        yield from {found[0] for found in re.finditer(rf"\b{re.escape(name)}\b", text)}


def without_paths(name: str, content: Any) -> Any:
    """Cut texts that are an absolute path, whole, down to the last part of it.

    Args:
        name: The file's, which says what are the user's words.
        content: Parsed JSON.
    """
    if isinstance(content, dict):
        spared = USERS_WORDS.get(name, ())
        return {
            key: part if key in spared else without_paths("", part) for key, part in content.items()
        }
    if isinstance(content, list):
        return [without_paths("", part) for part in content]
    return _last_part(content) if isinstance(content, str) else content


def without_photos(report: Any) -> Any:
    """Number the photos that a verification report names instead of naming them."""
    names: dict[str, str] = {}
    for name in _list_photos(report):
        names.setdefault(name, f"photo {len(names) + 1}")
    return _renamed(report, names)


def _list_photos(content: Any) -> Iterator[str]:
    """Walk the names of inputs; those in parentheses are nobody's."""
    if isinstance(content, dict):
        for key, part in content.items():
            if key in _INPUTS:
                found = [part] if isinstance(part, str) else part
                found = found if isinstance(found, list | dict) else ()
                yield from (n for n in found if isinstance(n, str) and _is_photo(n))
            else:
                yield from _list_photos(part)
    elif isinstance(content, list):
        for part in content:
            yield from _list_photos(part)


def _renamed(content: Any, names: Mapping[str, str]) -> Any:
    if isinstance(content, dict):
        return {names.get(key, key): _renamed(part, names) for key, part in content.items()}
    if isinstance(content, list):
        return [_renamed(part, names) for part in content]
    if isinstance(content, str):
        for name, number in sorted(names.items(), key=lambda pair: -len(pair[0])):
            content = re.sub(rf"(?<![\w/]){re.escape(name)}(?!\w)", number, content)
    return content


def _is_photo(name: str) -> bool:
    """Tell a photo from an edge input and from a number of images."""
    return not is_made_up(name) and not name.isdecimal()


def list_texts(name: str, content: Any) -> Iterator[str]:
    """Walk the texts in parsed JSON, but for the user's words."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        spared = USERS_WORDS.get(name, ())
        for key, part in content.items():
            if key not in spared:
                yield key
                yield from list_texts("", part)
    elif isinstance(content, list):
        for part in content:
            yield from list_texts("", part)


def _last_part(text: str) -> str:
    if not _path_pattern().match(text) or "\n" in text or ": " in text:
        return text
    if PureWindowsPath(text).drive:
        text = text.replace("\\", "/")
    return PurePosixPath(text).name


@cache
def _path_pattern() -> re.Pattern[str]:
    """Match an absolute path of any kind, one from home on, and no address of the web."""
    here = {path.name for path in Path("/").iterdir() if path.is_dir()} | set(_ROOTS)
    roots = "|".join(sorted(map(re.escape, here)))
    part = r"[^\s\"'`<>)\]]"
    kinds = (
        rf"\bfile:/+[\w.~]{part}*",
        rf"(?<![\w./~-])/(?:{roots})/{part}+",
        rf"(?<![\w.:/~-])~/[\w.]{part}*",
        rf"(?<![\w.:/~-])[A-Za-z]:[\\/]\w{part}*",
        rf"(?<![\w\\])\\\\[\w.$-]+\\[\w.$-]{part}*",
    )
    return re.compile("|".join(kinds))
