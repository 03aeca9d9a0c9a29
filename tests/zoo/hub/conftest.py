"""A model folder as an export leaves it, made of a few bytes, and somebody who may publish it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import save

from tests.hub.server import HubServer
from zoo.manifest import write_manifest
from zoo.storage import sha256_of

CARD = {"README.md": b"---\nlicense: apache-2.0\n---\n# Shapes\n"}
LARGE = 1_500_000
"""Bytes of the weights: three parts of a multipart upload."""


def fill(folder: Path, *, inputs: tuple[str, ...] = ("(black)",), seed: int = 0) -> Path:
    """Make a model folder whose ONNX file is proved."""
    rng = np.random.default_rng(seed)
    (folder / "onnx").mkdir(parents=True)
    weights = {"classifier.weight": rng.integers(0, 256, LARGE, dtype=np.uint8)}
    (folder / "model.safetensors").write_bytes(save(weights))
    golden = json.dumps({"format": 1, "inputs": inputs})
    rows = np.arange(len(inputs), dtype=np.float32)[:, None, None, None]
    pixels = {"pixel_values": np.broadcast_to(rows, (len(inputs), 3, 2, 2)).copy()}
    (folder / "golden.safetensors").write_bytes(save(pixels, metadata={"golden": golden}))
    (folder / "onnx/model.onnx").write_bytes(rng.bytes(900_000))
    write(folder, "zoo_config.json", config())
    report = {"verdict": "pass", "file": "model.onnx", "worst": "discs/1.png"}
    write(folder, "onnx/verification.json", report | digest(folder / "onnx/model.onnx"))
    write_manifest(folder)
    return folder


def config(*, pretrained: bool = True, **weights: object) -> dict[str, object]:
    """What of `zoo_config.json` is read here."""
    facts = {"source": "hub", "location": "timm/resnet18", "license": "apache-2.0"}
    targets = [{"name": "label", "classes": ["/home/row", "discs"]}]
    return {"backbone": {"weights": facts | weights}, "pretrained": pretrained, "targets": targets}


def digest(path: Path) -> dict[str, str]:
    return {"sha256": sha256_of(path)}


def write(folder: Path, name: str, content: object) -> None:
    (folder / name).write_text(json.dumps(content, indent=2), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A proved model whose golden file shows nobody's pictures."""
    return fill(tmp_path / "model")


@pytest.fixture
def change(folder: Path) -> Callable[[str, object], None]:
    """Write a JSON file of the model otherwise, and record it."""

    def write_and_record(name: str, content: object) -> None:
        write(folder, name, content)
        write_manifest(folder)

    return write_and_record


@pytest.fixture
def alice(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """Somebody who is logged in; the token. Waits are recorded and not slept."""
    token = hub.accounts.token("alice")
    monkeypatch.setenv("HF_TOKEN", token)
    monkeypatch.setattr("zoo.hub.patience.time", SimpleNamespace(sleep=hub.waits.append))
    return token
