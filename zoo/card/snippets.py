"""How to load a model in five tools: source code that tests run as it stands in the card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import Template
from typing import Literal

from zoo.card import sources
from zoo.card.facts import Facts
from zoo.card.markdown import code
from zoo.recipes import TargetKind

ToolName = Literal["zoo", "timm", "transformers", "onnxruntime", "transformers.js"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """Source code that answers `photo.jpg`."""

    tool: ToolName
    install: str
    """What has to be there first."""
    language: Literal["python", "js"]
    source: str
    note: str = ""
    """What else to know, in sentences; empty if nothing."""


_MOST = 5
"""Answers that transformers' pipeline gives if it is not told how many."""


def make_snippets(facts: Facts) -> tuple[Snippet, ...]:
    """Write the source for every tool that loads this model."""
    return tuple(_snippets(facts))


def _snippets(facts: Facts) -> Iterator[Snippet]:
    words = {"repo": facts.repo_id, "name": facts.name}
    yield Snippet(
        tool="zoo",
        install="pip install finezoo",
        language="python",
        source=_fill(sources.ZOO, words),
    )
    if "timm" in facts.tools.libraries:
        yield _timm_snippet(facts, words)
    if "transformers" in facts.tools.libraries:
        yield _transformers_snippet(facts, words)
    if facts.tools.onnx:
        yield _onnx_snippet(facts, words)
    if "transformers.js" in facts.tools.libraries:
        yield _js_snippet(facts, words)


def _timm_snippet(facts: Facts, words: dict[str, str]) -> Snippet:
    kind = facts.targets[0].kind
    return Snippet(
        tool="timm",
        install="pip install timm",
        language="python",
        source=_fill(sources.TIMM, words) + sources.TIMM_ANSWERS[kind].lstrip(),
    )


def _transformers_snippet(facts: Facts, words: dict[str, str]) -> Snippet:
    target = facts.targets[0]
    all_of_them = target.kind != "class" and target.num_outputs > _MOST
    options = f", top_k={target.num_outputs}" if all_of_them else ""
    return Snippet(
        tool="transformers",
        install="pip install transformers timm",
        language="python",
        source=_fill(sources.TRANSFORMERS, words | {"options": options}),
        note="`score` is the value itself." if target.kind == "value" else "",
    )


def _onnx_snippet(facts: Facts, words: dict[str, str]) -> Snippet:
    contract = facts.config.preprocess
    words = words | {
        "size": str(contract.size),
        "resize": _fill(sources.RESIZE[contract.crop_mode], {"resize": str(contract.resize)}),
        "filter": contract.interpolation.upper(),
        "mean": str(list(contract.mean)),
        "std": str(list(contract.std)),
    }
    alone = len(facts.targets) == 1
    answers = sources.ONNX_ANSWERS[facts.targets[0].kind] if alone else sources.ONNX_SEVERAL
    return Snippet(
        tool="onnxruntime",
        install="pip install onnxruntime huggingface_hub numpy pillow",
        language="python",
        source=_fill(sources.ONNX, words) + answers.lstrip(),
        note=_raw_note(facts),
    )


def _raw_note(facts: Facts) -> str:
    if not facts.tools.raw:
        return ""
    return "`onnx/model_raw.onnx` has all of this preprocessing inside and takes uint8 pixels."


def _js_snippet(facts: Facts, words: dict[str, str]) -> Snippet:
    kind = facts.targets[0].kind
    template = sources.JS if kind == "class" else sources.JS_TENSORS
    return Snippet(
        tool="transformers.js",
        install="npm install @huggingface/transformers",
        language="js",
        source=_fill(template, words | {"answers": sources.JS_ANSWERS.get(kind, "")}),
        note=" ".join(_js_notes(facts, kind)),
    )


def _js_notes(facts: Facts, kind: TargetKind) -> Iterator[str]:
    yield "transformers.js resizes by another filter, so that its answers differ more."
    if kind == "class":
        yield "Its warning that the architecture was not found has no consequence."
    smaller = [code(name) for name in facts.tools.dtypes if name != "fp32"]
    if smaller:
        yield f"`dtype` may also be {' or '.join(smaller)}."


def _fill(template: str, words: Mapping[str, str]) -> str:
    return Template(template).substitute(words).lstrip("\n")
