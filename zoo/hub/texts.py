"""The texts among files that will be published, looked through for what they must not tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from zoo.errors import PushError
from zoo.hub.golden import list_golden_inputs
from zoo.hub.planned import PlannedFile, open_planned
from zoo.hub.privacy import find_accounts, find_secrets, list_texts
from zoo.model_files import GOLDEN
from zoo.storage import parse_json


def require_private(files: Iterable[PlannedFile]) -> list[str]:
    """Refuse files that tell more than they should.

    Returns:
        Notes on what may be a coincidence.

    Raises:
        PushError: One does; all places are listed.
    """
    leaks: list[str] = []
    notes: list[str] = []
    for file in files:
        for text in _texts_of(file):
            leaks += [f"  {file.name} holds {found}" for found in find_secrets(text)]
            notes += [
                f"{file.name} has {found!r}, the name of your account here; make sure it may"
                for found in find_accounts(text)
            ]
    if leaks:
        listing = "\n".join(dict.fromkeys(leaks))
        raise PushError(
            f"the model tells what should not be published:\n{listing}",
            hint="a label, a file's name or a note in the data says it; change it there, and train "
            "or export again",
        )
    return list(dict.fromkeys(notes))


def _texts_of(file: PlannedFile) -> Iterator[str]:
    if file.name.endswith(".json"):
        yield from list_texts(file.name, parse_json(_decode(file)))
    elif file.name.endswith((".md", ".svg")):
        yield _decode(file)
    elif file.name == GOLDEN and isinstance(file.source, Path):
        yield from list_golden_inputs(file.source)


def _decode(file: PlannedFile) -> str:
    with open_planned(file) as content:
        return content.read().decode()
