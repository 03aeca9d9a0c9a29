"""The HTTP library beneath the official client: httpx for its version 1, httpx2 for version 2."""

from __future__ import annotations

from typing import Any

from huggingface_hub.utils import _http

httpx: Any = vars(_http).get("httpx2") or vars(_http)["httpx"]
