"""`zoo.lock`: what a file fetched from elsewhere was the first time, held ever after.

Trust on first use, as ssh does with the keys of hosts it has not met. Facts that the registry
states itself come first; the lock keeps what the registry could not know.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from filelock import FileLock
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from zoo.errors import DamagedFileError, StorageError
from zoo.storage import write_bytes

NAME = "zoo.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """A file as it was when it was first fetched."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: int
    revision: str | None = None
    """The commit it came from, where its source has commits."""
    first_fetched: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    __pydantic_config__ = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    files: dict[str, Locked] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lock:
    """The lock file at a path, which need not exist yet."""

    path: Path

    @staticmethod
    def default() -> Lock:
        """Take the working folder's `zoo.lock` where there is one, else the user's."""
        project = Path.cwd() / NAME
        return Lock(project if project.exists() else platformdirs.user_config_path("zoo") / NAME)

    def get(self, key: str) -> Locked | None:
        """Look up what is known of a file.

        Raises:
            DamagedFileError: The lock file is not one.
        """
        return self._read().files.get(key)

    def add(self, key: str, *, sha256: str, size: int, revision: str | None = None) -> Locked:
        """Remember a file, unless it is already known; processes take turns.

        Returns:
            What is known of it now.

        Raises:
            DamagedFileError: The lock file is not one; it is left as it is.
            StorageError: The lock file cannot be written.
        """
        now = datetime.now(UTC).replace(microsecond=0)
        new = Locked(sha256=sha256, bytes=size, revision=revision, first_fetched=now)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_name(f".{self.path.name}.turn")):
                files = self._read().files
                if key not in files:
                    files[key] = new
                    ordered = _Content(files=dict(sorted(files.items())))
                    text = TypeAdapter(_Content).dump_json(ordered, indent=2, exclude_none=True)
                    write_bytes(self.path, text + b"\n")
                return files[key]
        except OSError as cause:
            raise StorageError(self.path, cause) from cause

    def _read(self) -> _Content:
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return _Content()
        except OSError as cause:
            raise DamagedFileError(
                self.path,
                f"it cannot be read ({cause.strerror})",
                hint="check who owns it and its permissions",
            ) from cause
        if not text.strip():
            return _Content()
        try:
            return TypeAdapter(_Content).validate_json(text)
        except ValidationError as cause:
            raise DamagedFileError(
                self.path,
                "not a lock file",
                hint="restore it from a copy; without it, files fetched before are no longer "
                "held to what they were",
            ) from cause
