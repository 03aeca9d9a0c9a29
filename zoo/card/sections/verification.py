"""What was proved of the ONNX file, level by level, and what its variants in fewer bits cost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from zoo.card.facts import Facts
from zoo.card.figures import error, number, percent, size
from zoo.card.markdown import alert, code, escape, table
from zoo.card.proof import Precision, Proof, figure

_QUESTIONS = {
    "L0": "Is it a valid, portable graph?",
    "L1": "Does it give the same numbers?",
    "sizes": "Also at other image sizes?",
    "L2": "Does it see the same pixels?",
    "L3": "Does it score the same?",
    "L4": "Did it run where it was asked to?",
}
_MARKS = {"pass": "pass", "fail": "**FAIL**"}
_NOT_DONE = "not examined"
_PARTS = {"top1": "top-1", "macro_f1": "macro-F1", "mae": "MAE", "r2": "R²"}
_AS_PERCENT = {"top1"}


def verification(facts: Facts) -> str:
    """Report every level, also those that nobody looked at."""
    proof = facts.proof
    parts = ["## Verification"]
    if not proof.verified:
        parts.append(alert("CAUTION", "**This model is not verified.** See the top of this card."))
    if proof.levels:
        parts += [_explain(), _levels(proof), _where(proof)]
    if proof.precisions:
        parts += ["### In fewer bits", _precisions(proof.precisions)]
    return "\n\n".join(parts)


def _explain() -> str:
    return (
        "The ONNX file is compared with the trained PyTorch network. How far apart two correct "
        "programs may be is measured, not guessed: ten times the distance of float32 PyTorch from "
        "float64 PyTorch. `onnx/verification.json` has all figures; `zoo verify` repeats the "
        "comparison on your machine."
    )


def _levels(proof: Proof) -> str:
    names = [*_QUESTIONS, *(name for name in proof.levels if name not in _QUESTIONS)]
    rows = [_row(name, proof.levels.get(name)) for name in names if _is_shown(name, proof)]
    head = ("level", "question", "verdict", "on", "found", "allowed")
    return table(head, rows, texts=4)


def _is_shown(name: str, proof: Proof) -> bool:
    """Leave out only what is no level of its own where nobody looked at it."""
    return name in proof.levels or name != "sizes"


def _row(name: str, level: Mapping[str, Any] | None) -> list[str]:
    question = _QUESTIONS.get(name, "")
    if level is None:
        return [escape(name), question, _NOT_DONE, "–", "–", "–"]
    verdict = _MARKS.get(level["verdict"], escape(str(level["verdict"])))
    found, allowed = _errors(level)
    return [escape(name), question, verdict, _on(level), found, allowed]


def _errors(level: Mapping[str, Any]) -> tuple[str, str]:
    """Show how far a level's two sides are apart: in outputs, or in their score."""
    if "bound" in level:
        return f"off by {error(figure(level, 'max_abs_error'))}", error(figure(level, "bound"))
    if "metric_onnx" in level:
        metric = str(level.get("metric"))
        found, least, most = (
            _score(metric, figure(level, name)) for name in ("metric_onnx", "least", "most")
        )
        allowed = least if least == most else f"{least} to {most}"
        return f"{_PARTS.get(metric, escape(metric))} {found}", allowed
    if "sizes" in level:
        pairs = [(figure(s, "max_abs_error"), figure(s, "bound")) for s in level["sizes"]]
        worst = max(pairs, key=lambda pair: pair[0] / pair[1], default=(math.nan, math.nan))
        return f"off by {error(worst[0])}", error(worst[1])
    return "–", "–"


def _on(level: Mapping[str, Any]) -> str:
    if "num_samples" in level:
        edges = len(level.get("edge_inputs") or level.get("probes") or ())
        return f"{level['num_samples']:,} images" + (f", {edges} edge inputs" if edges else "")
    if "findings" in level:
        passed = sum(bool(one.get("passed")) for one in level["findings"])
        return f"{passed} of {len(level['findings'])} checks"
    if "strays" in level:
        return f"{len(level['strays'])} nodes elsewhere"
    return "–"


def _where(proof: Proof) -> str:
    versions = proof.versions
    named = [
        f"{name} {code(str(versions[name]))}"
        for name in ("onnxruntime", "onnx", "torch")
        if name in versions
    ]
    return f"Examined on {escape(proof.device)}{_with(named)}."


def _with(named: list[str]) -> str:
    return f", with {', '.join(named)}" if named else ""


def _precisions(found: tuple[Precision, ...]) -> str:
    rows = [row for one in found for row in _precision_rows(one)]
    head = ("file", "target", "score", "float32", "points lost", "allowed", "agreement", "size")
    lines = table(head, rows, texts=2)
    return f"{lines}\n\n{_say_speed(found)}".rstrip()


def _precision_rows(one: Precision) -> Iterator[list[str]]:
    file = code(f"onnx/model_{one.name}.onnx") if one.kept else f"{escape(one.name)}: refused"
    for name, change in one.targets.items():
        metric = str(change.get("metric"))
        before, after = figure(change, "metric_float32"), figure(change, "metric_variant")
        yield [
            file,
            escape(name, 40),
            f"{_PARTS.get(metric, escape(metric))} {_score(metric, after)}",
            _score(metric, before),
            f"{figure(change, 'drop'):.2f}",
            f"{one.max_drop:.2f}",
            percent(figure(change, "agreement")),
            size(one.size_bytes),
        ]


def _say_speed(found: tuple[Precision, ...]) -> str:
    measured = [one for one in found if one.kept and math.isfinite(one.latency_ratio)]
    return " ".join(
        f"{one.name} took {one.latency_ratio:.2f} times as long as float32 on "
        f"{'the CPU' if one.device == 'cpu' else 'the GPU'}."
        for one in measured
    )


def _score(metric: str, value: float) -> str:
    return percent(value) if metric in _AS_PERCENT else number(value, 3)
