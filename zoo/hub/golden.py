"""The golden answers that are published: those to pictures that are nobody's photo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from zoo.errors import DamagedFileError

_FACTS = "golden"


def list_golden_inputs(path: Path) -> tuple[str, ...]:
    """List what the inputs of a golden file are called; see `is_made_up`.

    Raises:
        DamagedFileError: It is no golden file.
    """
    return tuple(map(str, _read_facts(path)["inputs"]))


def read_weights_sha256(path: Path) -> str:
    """Read the sha256 of the weights that answered; empty where the file does not say.

    Raises:
        DamagedFileError: It is no golden file.
    """
    return str(_read_facts(path).get("weights_sha256", ""))


def is_made_up(name: str) -> bool:
    """Tell whether an input is an edge input, which no photo looks like.

    A photo is called by its folder and its file, so that there is a slash in its name.
    """
    return name.startswith("(") and "/" not in name


def without_pictures(path: Path) -> bytes | None:
    """Write a golden file anew without its photos and their answers; nothing if none is left.

    Raises:
        DamagedFileError: It is no golden file.
    """
    facts = _read_facts(path)
    rows = [at for at, name in enumerate(facts["inputs"]) if is_made_up(str(name))]
    if not rows:
        return None
    facts["inputs"] = [facts["inputs"][at] for at in rows]
    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {name: file.get_tensor(name)[rows] for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, IndexError) as cause:
        raise DamagedFileError(path, "not a golden file") from cause
    text = json.dumps(facts, ensure_ascii=False, sort_keys=True, allow_nan=False)
    return save(tensors, metadata={_FACTS: text})


def _read_facts(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, framework="numpy") as file:
            facts: dict[str, Any] = json.loads((file.metadata() or {})[_FACTS])
            list(facts["inputs"])
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as cause:
        raise DamagedFileError(path, "not a golden file") from cause
    return facts
