"""Where PyTorch and an export part, on the screen: a line, then how the error grew."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from export.locate import GrowthRow, Location


def print_location(location: Location) -> None:
    """Print the module to blame and the error at every module that was compared."""
    from cli import render

    render.print_table(
        ("module", "error / allowed"), [_row(row, location) for row in location.growth]
    )
    render.print_line()
    render.print_facts(
        [
            ("module", f"{location.module or '(the network)'}: {location.module_type}"),
            *([("behind it", "the outputs")] if location.part == "outputs" else []),
            *([("includes", ", ".join(location.folded))] if location.folded else []),
            ("nodes", ", ".join(location.nodes)),
            ("cause", location.cause or "not known: the file's tensors have names of their own"),
        ]
    )


def _row(row: GrowthRow, location: Location) -> tuple[str, str]:
    """Write a module's error; the first to exceed its bound is marked."""
    mark = "" if row.agrees else "  ← first" if _is_first(row, location) else "  differs"
    return row.module, f"{row.error:.1e} / {row.bound:.1e}{mark}"


def _is_first(row: GrowthRow, location: Location) -> bool:
    return (row.error, row.bound) == (location.error, location.bound)
