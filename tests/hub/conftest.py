"""The official client of somebody who is logged in, and a folder to upload."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import HfApi
from huggingface_hub.utils import disable_progress_bars, enable_progress_bars

from tests.hub.server import HubServer

CARD = "---\nlicense: mit\n---\n\n# A model\n"


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    disable_progress_bars()
    yield
    enable_progress_bars()


@pytest.fixture
def alice(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> HfApi:
    """A client that finds alice's token in the environment."""
    monkeypatch.setenv("HF_TOKEN", hub.accounts.token("alice"))
    return HfApi()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder: text, an empty file, and two large files of which one lies deeper."""
    root = tmp_path / "folder"
    (root / "onnx").mkdir(parents=True)
    (root / "README.md").write_text(CARD)
    (root / "config.json").write_text('{"architecture": "tiny"}')
    (root / "empty.txt").touch()
    (root / "model.safetensors").write_bytes(noise(300_000))
    (root / "onnx" / "model.onnx").write_bytes(noise(120_000))
    return root


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that nothing compresses or dedupes."""
    return np.random.default_rng(seed).bytes(size)


def read_folder(root: Path) -> dict[str, bytes]:
    """All files below a folder, by their path in a repository; the client's own are left out."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not {".cache", ".gitattributes"} & set(path.parts)
    }
