"""What an exported graph calls its input and its outputs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import count

from zoo.targets import Target

INPUT, OUTPUT, BATCH = "pixel_values", "logits", "batch_size"
"""The input, the output of an only target of any kind, and the axis that may have any length."""
HEIGHT, WIDTH = "height", "width"
"""Two more such axes, where a network was exported for images of any size."""


def name_outputs(targets: Sequence[Target]) -> dict[str, str]:
    """Call the outputs of several targets by the targets' names, turned into identifiers.

    Returns:
        Each output's name by target, in the order of the targets.
    """
    if len(targets) == 1:
        return {targets[0].name: OUTPUT}
    names: dict[str, str] = {}
    for target in targets:
        stem = _to_identifier(target.name)
        numbered = (stem if at == 1 else f"{stem}_{at}" for at in count(1))
        names[target.name] = next(n for n in numbered if n not in (INPUT, *names.values()))
    return names


def _to_identifier(name: str) -> str:
    """Turn any text into ASCII letters, digits and underscores that begin with no digit."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    stem = re.sub(r"\W+", "_", plain, flags=re.ASCII).strip("_") or "output"
    return f"_{stem}" if stem[0].isdigit() else stem
