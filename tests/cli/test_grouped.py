from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from cli.grouped import grouped


@dataclass(frozen=True, kw_only=True)
class Paint:
    colour: Annotated[str, typer.Option(help="Of the wall.")]
    layers: Annotated[int, typer.Option("--coats", min=1)] = 2


@dataclass(frozen=True, kw_only=True)
class Brush:
    width: Annotated[float | None, typer.Option()] = None


@pytest.fixture
def call():
    """Run a command of two groups; what it heard."""
    heard = {}
    app = typer.Typer()

    @app.command()
    @grouped
    def work(
        *,
        wall: Annotated[str, typer.Argument()],
        paint: Paint,
        dry: Annotated[bool, typer.Option("--dry")] = False,
        brush: Brush,
    ) -> None:
        """Paint a wall."""
        heard.update(wall=wall, paint=paint, dry=dry, brush=brush)

    def run(*arguments):
        heard.clear()
        return CliRunner().invoke(app, arguments), heard

    return run


def test_every_field_is_an_option_and_arrives_in_its_group(call):
    arguments = ("north", "--colour", "red", "--coats", "3", "--width", "1.5", "--dry")
    assert call(*arguments)[1] == {
        "wall": "north",
        "paint": Paint(colour="red", layers=3),
        "dry": True,
        "brush": Brush(width=1.5),
    }


def test_defaults_are_the_fields_own(call):
    heard = call("north", "--colour", "red")[1]
    assert (heard["paint"].layers, heard["brush"], heard["dry"]) == (2, Brush(), False)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [(["north"], "--colour"), (["north", "--colour", "red", "--coats", "0"], "--coats")],
)
def test_fields_are_checked_as_options_are(call, arguments, complaint):
    outcome, heard = call(*arguments)
    assert outcome.exit_code == 2
    assert complaint in outcome.output
    assert not heard


def test_help_lists_the_fields_in_the_order_of_the_signature(call):
    text = call("--help")[0].output
    places = [
        text.index(name) for name in ("Paint a wall", "--colour", "--coats", "--dry", "--width")
    ]
    assert places == sorted(places)
