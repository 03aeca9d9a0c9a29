"""A first look at every file: can it be decoded, and what are its bytes?"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from zoo.inputs.image import UnreadableImageError, check_image
from zoo.inputs.members import open_file

MOST_FILES = 50_000
"""Files that are all looked at before training; of more, only that they exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found, by position among the files asked for."""

    digests: list[str]
    """sha256 of each file, 64 hex digits; empty where it cannot be decoded."""
    bad: dict[int, str]
    """Why a file cannot be decoded."""


def inspect_files(paths: Sequence[Path]) -> Inspection:
    """Decode and hash files on all cores (Pillow and hashlib release the GIL)."""
    digests, bad = [], {}
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for index, (digest, reason) in enumerate(pool.map(_inspect, paths)):
            digests.append(digest)
            if reason:
                bad[index] = reason
    return Inspection(digests=digests, bad=bad)


def hash_file(path: Path) -> str:
    """Hash the bytes of a plain file or a member of an archive; sha256, 64 hex digits.

    Raises:
        OSError: It is not there, or cannot be read.
    """
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _inspect(path: Path) -> tuple[str, str]:
    try:
        check_image(path)
        return hash_file(path), ""
    except UnreadableImageError as error:
        return "", error.problem
    except OSError as error:
        return "", error.strerror or str(error)
