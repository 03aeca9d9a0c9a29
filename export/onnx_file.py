"""An ONNX file that is to be judged: its bytes, and where its weights lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from export.weights_beside import WEIGHTS_SUFFIX
from zoo.storage import sha256_of, sha256_of_bytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OnnxFile:
    """A graph that was made here, or that was admitted."""

    name: str
    """What it is called."""
    content: bytes
    """The graph; it says where its weights are."""
    path: Path | None = None
    """Where it lies, if weights lie beside it; without, all of them are inside."""

    @property
    def source(self) -> Path | bytes:
        """What to open a session from."""
        return self.path or self.content

    @property
    def sha256(self) -> str:
        """Of the graph."""
        return sha256_of_bytes(self.content)

    @property
    def beside(self) -> dict[str, str]:
        """The sha256 of what lies beside it, by name."""
        if self.path is None:
            return {}
        weights = self.path.with_name(self.path.name + WEIGHTS_SUFFIX)
        return {self.name + WEIGHTS_SUFFIX: sha256_of(weights)} if weights.is_file() else {}
