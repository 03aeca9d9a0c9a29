"""`zoo doctor`: what this installation can do, and what stands in the way."""

from __future__ import annotations

import typer

from cli.options import Format, FormatOption

_MARKS = {"good": "ok", "bad": "BAD", "absent": "–"}


def doctor(fmt: FormatOption = Format.TABLE) -> None:
    """Examine the installation: packages, CUDA, execution providers. Exit 1 if it is broken."""
    from dataclasses import asdict

    from cli import render
    from export.doctor import examine

    symptoms = examine()
    if fmt is Format.JSON:
        render.print_json([asdict(symptom) for symptom in symptoms])
    else:
        render.print_table(
            ("", "what", "finding"),
            [
                (
                    _MARKS[symptom.health],
                    symptom.name,
                    symptom.finding + (f"\n→ {symptom.advice}" if symptom.advice else ""),
                )
                for symptom in symptoms
            ],
            lines_in_cells=True,
        )
    if any(symptom.health == "bad" for symptom in symptoms):
        raise typer.Exit(1)
