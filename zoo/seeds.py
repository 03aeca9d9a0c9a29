"""Random numbers as functions of where they are used, so that a resumed run repeats them."""

from __future__ import annotations

import hashlib

import torch


def derive_seed(*parts: int | str) -> int:
    """Mix a seed with a place (epoch, step, sample …) into 63 well-spread bits."""
    digest = hashlib.blake2b(" ".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator_for(*parts: int | str) -> torch.Generator:
    """Open a CPU generator that belongs to one place."""
    return torch.Generator().manual_seed(derive_seed(*parts))
