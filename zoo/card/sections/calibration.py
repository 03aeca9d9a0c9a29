"""Whether the model's probabilities mean what they say."""

from __future__ import annotations

from zoo.card.facts import Facts
from zoo.card.figures import percent, rate
from zoo.card.markdown import escape, listed, table


def calibration(facts: Facts) -> str:
    """Report each target's temperature and what it changed; empty where nothing has one."""
    found = facts.config.calibration
    if not found:
        return ""
    rows = [
        [
            escape(name, 40),
            f"{one.temperature:.3f}",
            f"{rate(one.loss_before)} → {rate(one.loss_after)}",
            f"{percent(one.error_before)} → {percent(one.error_after)}",
            f"{one.num_samples:,}",
        ]
        for name, one in found.items()
    ]
    head = ("target", "temperature", "log loss", "calibration error", "validation images")
    text = (
        "A temperature was fitted so that of the answers given with, say, 80% confidence about "
        "80% are right ([arXiv:1706.04599](https://arxiv.org/abs/1706.04599)). It is part of the "
        "weights: nothing has to be applied. The error is what is left of the mean distance "
        "between confidence and how often the model was right."
    )
    if worse := [name for name, one in found.items() if one.error_after > one.error_before]:
        text += (
            f" For {listed(worse)} the error grew while the loss fell: on so few images it is a "
            "rough figure."
        )
    body = table(head, rows, texts=1)
    return f"## Calibration\n\n{text}\n\n{body}"
