"""The official client, in this process and in its children, set up to talk to a server here."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.hub.server import HubServer

_ELSEWHERE = (
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "HF_HUB_CACHE",
    "HF_HUB_OFFLINE",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN",
)
"""What of the tester's own environment would be heard."""


def point_client_at(server: HubServer, home: Path, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let the client use a server and an empty home, without a token and without Xet.

    Returns:
        How long it would have waited, seconds, each time that it had to try again; it does not.
    """
    for name in _ELSEWHERE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    monkeypatch.setenv("HF_HOME", str(home))
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    # The client reads its environment when it is imported, and its constants when called.
    template = f"{server.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    for name, value in {
        "ENDPOINT": server.address,
        "HUGGINGFACE_CO_URL_TEMPLATE": template,
        "HF_HUB_CACHE": str(home / "hub"),
        "HF_TOKEN_PATH": str(home / "token"),
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_OFFLINE": False,
    }.items():
        monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
    waits: list[float] = []
    patient = SimpleNamespace(sleep=waits.append)
    monkeypatch.setattr("huggingface_hub.utils._http.time", patient)
    monkeypatch.setattr("huggingface_hub.file_download.time", patient)
    return waits


def allow_xet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client take the way that it takes by default wherever `hf_xet` is installed."""
    monkeypatch.delenv("HF_HUB_DISABLE_XET")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", False)
