"""Tokens, passwords and signed addresses in texts: found, and taken out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from huggingface_hub import constants

_HEADER = r"authorization['\"]?\s*[:=]\s*['\"]?"
_SCHEME = r"(?:bearer|basic|token)\s+"
_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"hf_\w{8,}"), "hf_***"),
    (re.compile(rf"({_HEADER}{_SCHEME})[^\s'\"]+", re.IGNORECASE), r"\1***"),
    (re.compile(rf"({_HEADER})(?!['\"]?{_SCHEME})\S+(?: \S+)?", re.IGNORECASE), r"\1***"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]+", re.IGNORECASE), r"\1 ***"),
    (re.compile(r"://[^/\s@]+@"), "://***@"),
    (re.compile(r"(https?://[^\s?'\"]+)\?[^\s'\"]+"), r"\1?***"),
)
"""Tokens, headers, passwords in addresses, and the signatures behind a storage's addresses. After
a scheme that is not known here, two words are a header's."""
_TOKEN = re.compile(r"hf_[A-Za-z0-9]{20,}")


def redact(text: str) -> str:
    """Take tokens and signatures out of a text."""
    for secret in _known_tokens():
        text = text.replace(secret, "***")
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def holds_token(text: str) -> bool:
    """Tell whether a text holds a token, this account's or what looks like one."""
    return any(token in text for token in _known_tokens()) or bool(_TOKEN.search(text))


def _known_tokens() -> Iterator[str]:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if token := os.environ.get(name, "").strip():
            yield token
    with suppress(OSError, ValueError):
        if token := Path(constants.HF_TOKEN_PATH).read_text(encoding="utf-8").strip():
            yield token
