"""Which column of a table is for what: as the user says, and else as it is guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from zoo.data.tables.guess import KINDS_OF_TARGETS, Guess, guess_columns, guess_kind, to_options
from zoo.data.tables.read import Table
from zoo.data.tables.rules import EMPTY
from zoo.data.tables.spec import TargetSpec, parse_target
from zoo.errors import DataError
from zoo.targets import Target

_RESERVED = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The columns that are used."""

    input: str
    """Names the images."""
    targets: tuple[TargetSpec, ...]
    """Each with a kind; their names are unique."""
    split: str | None = None
    """Says which rows train, validate and test."""
    group: str | None = None
    """Rows of one value stay on one side of a split."""
    notes: tuple[str, ...] = ()
    """What was guessed, a line each."""

    @property
    def columns(self) -> tuple[str, ...]:
        """All of them, each once."""
        named = [self.input, *(name for spec in self.targets for name in spec.columns)]
        return tuple(dict.fromkeys([*named, *filter(None, (self.split, self.group))]))


def choose_columns(
    table: Table,
    *,
    input_column: str | None = None,
    targets: Sequence[str] = (),
    group: str | None = None,
    accept_guess: bool = False,
) -> Choice:
    """Settle what each column is for; a column of splits is used wherever there is one.

    Raises:
        DataError: An unknown column; or something has to be guessed and nobody agreed to it,
            with the guesses in the message.
    """
    for name in filter(None, (input_column, group)):
        table.require(name)
    asked = tuple(parse_target(text, table.names) for text in targets)
    _require_cells(table, asked)
    taken = {input_column, group, *(name for spec in asked for name in spec.columns)}
    guesses = guess_columns(table, [name for name in table.names if name not in taken])
    specs, kinds = _settle(table, asked or _propose(guesses))
    used = [g for g in guesses if _answers(g, asked=bool(asked), input_column=input_column)]
    choice = Choice(
        input=input_column or _find_input(table, guesses),
        targets=specs,
        split=next((g.column for g in guesses if g.role == "split"), None),
        group=group,
        notes=tuple(f"{g.column} is taken as {g.role}: {g.reason}" for g in [*used, *kinds]),
    )
    if not choice.targets:
        raise _nothing_to_learn(table, guesses, choice)
    if used and not accept_guess:
        raise _not_agreed(table, used if asked else guesses, used, choice)
    _require_sense(choice)
    return choice


def choose_known(
    table: Table,
    targets: Sequence[Target],
    *,
    input_column: str | None = None,
    renamed: Sequence[str] = (),
) -> Choice:
    """Find the columns of known targets by their names.

    Args:
        table: Where to look.
        targets: What a model answers.
        input_column: Names the images; guessed where it is left out.
        renamed: Targets whose columns have other names, as `NAME=COLUMN[+COLUMN][:KIND]`; the
            name may be left out where the model has one target.

    Raises:
        DataError: A column is not there.
    """
    told = [parse_target(text, table.names) for text in renamed]
    if len(targets) == len(told) == 1:
        told = [replace(told[0], name=targets[0].name)]
    columns = {spec.name: spec.columns for spec in told}
    specs = tuple(
        TargetSpec(name=t.name, columns=columns.get(t.name) or _columns_of(table, t), kind=t.kind)
        for t in targets
    )
    table.require(*(name for spec in specs for name in spec.columns))
    taken = {input_column, *(name for spec in specs for name in spec.columns)}
    guesses = guess_columns(table, [name for name in table.names if name not in taken])
    return Choice(
        input=input_column or _find_input(table, guesses),
        targets=specs,
        split=next((g.column for g in guesses if g.role == "split"), None),
    )


def _columns_of(table: Table, target: Target) -> tuple[str, ...]:
    if target.kind == "value":
        return target.columns
    if target.kind == "labels" and target.name not in table.names:
        return target.classes
    return (target.name,)


def _answers(guess: Guess, *, asked: bool, input_column: str | None) -> bool:
    """Tell whether a guess stands in for what the user did not say."""
    if guess.role == "input":
        return not input_column
    return guess.role in KINDS_OF_TARGETS and not asked


def _propose(guesses: Sequence[Guess]) -> tuple[TargetSpec, ...]:
    return tuple(
        TargetSpec(name=g.column, columns=(g.column,), kind=kind)
        for g in guesses
        if (kind := KINDS_OF_TARGETS.get(g.role))
    )


def _settle(
    table: Table, specs: Sequence[TargetSpec]
) -> tuple[tuple[TargetSpec, ...], list[Guess]]:
    """Guess the kinds that were left out."""
    settled, guesses = [], []
    for spec in specs:
        if spec.kind is None:
            guess = guess_kind(table, spec.columns[0])
            guesses.append(guess)
            spec = replace(spec, kind=KINDS_OF_TARGETS[guess.role])
        settled.append(spec)
    return tuple(settled), guesses


def _find_input(table: Table, guesses: Sequence[Guess]) -> str:
    found = next((g.column for g in guesses if g.role == "input"), None)
    if found is None:
        raise DataError(
            f"no column of {table.path} names image files:\n{_listing(guesses)}",
            hint=f"file names start from {table.path.parent}; choose a column with --input NAME",
        )
    return found


def _not_agreed(
    table: Table, guesses: Sequence[Guess], used: Sequence[Guess], choice: Choice
) -> DataError:
    settled = f"--input {choice.input} " if choice.input not in {g.column for g in used} else ""
    image_alone = all(guess.role == "input" for guess in used)
    unsaid = "which column names the images" if image_alone else "which columns to use"
    return DataError(
        f"{table.path} does not say {unsaid}. A guess:\n{_listing(guesses)}",
        hint=f"agree with --yes, or choose: {settled}{to_options(used)}",
    )


def _nothing_to_learn(table: Table, guesses: Sequence[Guess], choice: Choice) -> DataError:
    others = [guess for guess in guesses if guess.column != choice.input]
    listing = f":\n{_listing(others)}" if others else ""
    filled = any(guess.reason != EMPTY for guess in others)
    return DataError(
        f"{table.path} has no column to learn besides {choice.input!r}{listing}",
        hint="choose one with --target NAME:KIND"
        if filled
        else "add a column that says of each image what is to be learnt",
    )


def _require_cells(table: Table, specs: Sequence[TargetSpec]) -> None:
    """Name all targets of which no row says anything, before one of them fails by itself."""
    empty = [
        "+".join(spec.columns)
        for spec in specs
        if all(table.columns[name].null_count == len(table) for name in spec.columns)
    ]
    if empty:
        one = len(empty) == 1
        raise DataError(
            f"{'column' if one else 'columns'} {', '.join(map(repr, empty))} of {table.path} "
            f"{'has' if one else 'have'} no value in any row",
            hint=f"fill {'it' if one else 'them'} in, or choose others with --target",
        )


def _listing(guesses: Sequence[Guess]) -> str:
    width = max((len(g.column) for g in guesses), default=0)
    return "\n".join(f"  {g.column:{width}}  {g.role:6}  {g.reason}" for g in guesses)


def _require_sense(choice: Choice) -> None:
    names = [spec.name for spec in choice.targets]
    if len(set(names)) < len(names):
        raise DataError(f"two targets have one name: {', '.join(names)}", hint="say NEW=COLUMN")
    if _RESERVED in names:
        raise DataError(
            f"a target cannot be called {_RESERVED!r}, which predictions call their image",
            hint=f"say NEW={_RESERVED}",
        )
    if choice.group == choice.input:
        raise DataError(
            f"{choice.group!r} cannot be both the input and the group",
            hint="leave --group out: rows of one image stay on one side anyway",
        )
    if choice.input in {name for spec in choice.targets for name in spec.columns}:
        raise DataError(f"{choice.input!r} cannot be both the input and a target")
