"""What a user types for a field of a recipe, read into the value that it means."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import typer


def read_stages(text: str | None) -> Any:
    """Read `head`, `all`, `top:3`, `freeze:2`, or names of stages with commas between."""
    if text is None or text in ("head", "all"):
        return text
    word, _, number = text.partition(":")
    if word in ("top", "freeze") and number:
        if not number.isdecimal() or int(number) < 1:
            raise typer.BadParameter(
                f"{text!r}: a number of stages follows the colon", param_hint="'--train'"
            )
        return {word: int(number)}
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise typer.BadParameter(
            "name stages, or say head, all, top:N or freeze:N", param_hint="'--train'"
        )
    return names


def require_positive(value: float | None) -> float | None:
    """Let a number above zero pass, or none."""
    if value is not None and not value > 0:
        raise typer.BadParameter(f"{value:g} is not a number above 0")
    return value


def read_gigabytes(text: str) -> float:
    """Read a number of GB."""
    try:
        size = float(text)
    except ValueError:
        size = math.nan
    if not 0 <= size < math.inf:
        raise typer.BadParameter(f"{text!r} is not a number of GB, such as 20 or 0.5")
    return size


def read_batch_size(text: str | None) -> tuple[int | None, bool]:
    """Read a number, or `auto` with an optional number to begin with.

    Returns:
        The number, if there is one, and whether batches may be halved.
    """
    if text is None:
        return None, False
    word, _, number = text.partition(":")
    automatic = word == "auto"
    wanted = number if automatic else text
    if automatic and not number:
        return None, True
    if not wanted.isdecimal() or int(wanted) < 1:
        raise typer.BadParameter(
            f"{text!r} is neither a number of images nor auto nor auto:64",
            param_hint="'--batch-size'",
        )
    return int(wanted), automatic


def read_losses(names: Sequence[str] | None) -> dict[str, str] | None:
    """Read names of losses, each for the kinds of target that it fits."""
    if not names:
        return None
    from zoo.targets import LOSSES

    known = {name: None for losses in LOSSES.values() for name in losses}
    if unknown := [name for name in names if name not in known]:
        raise typer.BadParameter(
            f"no loss named {unknown[0]!r} among {', '.join(known)}", param_hint="'--loss'"
        )
    found: dict[str, str] = {}
    for name in names:
        for kind in (kind for kind, losses in LOSSES.items() if name in losses):
            if kind in found:
                raise typer.BadParameter(
                    f"{found[kind]} and {name} are both for targets of {kind}",
                    param_hint="'--loss'",
                )
            found[kind] = name
    return found


def read_widths(text: str | None) -> list[int] | None:
    """Read numbers with commas between; an empty text is no layer at all."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise typer.BadParameter(
            f"{text!r} is no list of widths, such as 256 or 512,128", param_hint="'--hidden'"
        )
    return [int(part) for part in parts]


def read_assignments(assignments: Sequence[str] | None, option: str = "--set") -> dict[str, Any]:
    """Read `NAME=VALUE`, the value being JSON or else plain text, as `option` was given it."""
    found: dict[str, Any] = {}
    for text in assignments or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise typer.BadParameter(
                f"{text!r} is not of the form NAME=VALUE", param_hint=f"'{option}'"
            )
        try:
            found[name.strip().replace("-", "_")] = json.loads(value)
        except ValueError:
            found[name.strip().replace("-", "_")] = value
    return found
