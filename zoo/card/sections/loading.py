"""How to load the model, and in which tools it cannot be loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from zoo.card.facts import Facts
from zoo.card.markdown import fence, joined
from zoo.card.snippets import Snippet, ToolName, make_snippets
from zoo.hub.interchange.loading import Library

_TITLES: Mapping[ToolName, str] = {
    "zoo": "zoo",
    "timm": "timm",
    "transformers": "transformers",
    "onnxruntime": "ONNX Runtime, without any of these",
    "transformers.js": "transformers.js, in Node or a browser",
}
_NAMES: Mapping[str, str] = {"onnxruntime": "ONNX Runtime"}
"""Tools that a sentence calls otherwise than a program does."""


def loading(facts: Facts) -> str:
    """Show the source for each tool that loads the model, and say why others do not."""
    snippets = make_snippets(facts)
    intro = " ".join(_intro(facts, [snippet.tool for snippet in snippets]))
    return "\n\n".join(["## How to load it", intro, *map(_show, snippets)])


def _intro(facts: Facts, tools: list[ToolName]) -> Iterator[str]:
    names = joined([_NAMES.get(tool, tool) for tool in tools])
    yield f"{names} {'load' if len(tools) > 1 else 'loads'} this model as it is."
    why_not = facts.tools.why_not
    for reason in dict.fromkeys(why_not.values()):
        alike = [library for library in why_not if why_not[library] == reason]
        yield f"{joined(alike)} cannot: {reason}."
    if facts.tools.libraries:
        yield _rounding(facts.tools.libraries)


def _rounding(libraries: Sequence[Library]) -> str:
    rounds, their = ("round", "their") if len(libraries) > 1 else ("rounds", "its")
    return (
        f"{joined(libraries)} {rounds} pixels to 8 bits when resizing, so that {their} answers "
        "differ a little from those that were measured here."
    )


def _show(snippet: Snippet) -> str:
    parts = [
        f"### {_TITLES[snippet.tool]}",
        f"`{snippet.install}`" + (f" · {snippet.note}" if snippet.note else ""),
        fence(snippet.language, snippet.source),
    ]
    return "\n\n".join(parts)
