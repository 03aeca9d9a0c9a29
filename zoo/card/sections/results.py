"""How well the model does: every split, every target, every class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from zoo.card.facts import Facts, scores_of
from zoo.card.figures import count, number, percent, rate
from zoo.card.front_matter import scores_by_name
from zoo.card.long_tables import LongTable, set_table
from zoo.card.markdown import bullets, escape, joined, table
from zoo.data.dataset import SplitName
from zoo.recipes import DescendPhase
from zoo.targets import ClassMetrics, LabelsMetrics, Target, TargetMetrics, ValueMetrics

_MIXED_UP = 5
"""Pairs of classes that are named as mixed up most often."""
_AS_PARTS = {"accuracy", "top_5_accuracy", "exact_match"}


def results(facts: Facts) -> str:
    """Report all scores."""
    parts = ["## Results"]
    if facts.best_split is None:
        parts.append("No scores were recorded in what this card was made from.")
        return "\n\n".join(parts)
    parts.append(_who_decided(facts))
    for at, target in enumerate(facts.targets):
        if len(facts.targets) > 1:
            parts.append(f"### Target: {escape(target.name, 40)}")
        parts += _of_target(facts, at, target)
    return "\n\n".join(parts)


def confusion_picture(facts: Facts, at: int) -> str:
    """Name the picture of a target's confusion matrix."""
    number = f"_{at + 1}" if len(facts.targets) > 1 else ""
    return f"pictures/confusion_matrix{number}.png"


def pictured(metrics: TargetMetrics) -> bool:
    """Tell whether there is a confusion matrix to look at."""
    return isinstance(metrics, ClassMetrics) and metrics.num_samples > 0


def _who_decided(facts: Facts) -> str:
    """Say which decisions the images that measure had a part in."""
    kinds = {target.kind for target in facts.targets}
    chosen = [
        *(["the temperature"] if kinds & {"class", "labels"} else []),
        *(["the thresholds of labels"] if "labels" in kinds else []),
        *(["the epoch that was kept"] if is_patient(facts) else []),
    ]
    what = joined(chosen)
    if "test" in facts.metrics:
        also = f"; validation images chose {what}" if what else ""
        return f"The test images neither trained nor decided anything{also}."
    also = f", but chose {what}" if what else ""
    return f"There was no test split. The validation images trained nothing{also}."


def is_patient(facts: Facts) -> bool:
    """Tell whether validation data chose the epoch whose weights were kept."""
    phases = facts.record.recipe.phases if facts.record else ()
    return any(isinstance(phase, DescendPhase) and phase.patience for phase in phases)


def _of_target(facts: Facts, at: int, target: Target) -> Iterator[str]:
    by_split = {name: scores_of(m, target.name) for name, m in facts.metrics.items()}
    split = next((name for name, m in by_split.items() if m.num_samples), None)
    if split is None:
        yield "Nothing was known of this target in the images that measure."
        return
    yield _overall(by_split)
    best = by_split[split]
    if pictured(best):
        yield f"![{_describe(best, split)}]({confusion_picture(facts, at)})"
    if isinstance(best, ClassMetrics):
        yield from _mixed_up(best)
        yield _by_class(best, split)
    elif isinstance(best, LabelsMetrics):
        yield _by_label(best, split)
    else:
        yield _by_value(best, split)


def _overall(by_split: dict[SplitName, TargetMetrics]) -> str:
    columns = {name: scores_by_name(metrics) for name, metrics in by_split.items()}
    labels = [(metric, label) for metric, label, _ in next(iter(columns.values()))]
    rows = [
        [
            escape(label),
            *(_show(metric, scores[at][2]) for scores in columns.values()),
        ]
        for at, (metric, label) in enumerate(labels)
    ]
    rows.append(["loss", *(number(metrics.loss) for metrics in by_split.values())])
    rows.append(["images", *(f"{metrics.num_samples:,}" for metrics in by_split.values())])
    return table(["", *by_split], rows, texts=1)


def _show(metric: str, value: float) -> str:
    if metric in _AS_PARTS:
        return percent(value)
    return number(value) if metric in ("mae", "rmse") else rate(value)


def _describe(metrics: TargetMetrics, split: str) -> str:
    """Say in words what the picture of the confusion matrix shows."""
    classes = len(metrics.per_class) if isinstance(metrics, ClassMetrics) else 0
    return (
        f"Confusion matrix of {count(classes, 'class', 'classes')} on "
        f"{count(metrics.num_samples, f'{split} image')}: true classes down, answers across"
    )


def _mixed_up(metrics: ClassMetrics) -> Iterator[str]:
    """Name the classes that are taken for another one most often."""
    names = [score.name for score in metrics.per_class]
    wrong = [
        (found, true, answer)
        for true, row in enumerate(metrics.confusion_matrix)
        for answer, found in enumerate(row)
        if found and true != answer
    ]
    worst = sorted(wrong, key=lambda one: (-one[0], one[1], one[2]))[:_MIXED_UP]
    if worst:
        yield "Mixed up most often:\n\n" + bullets(
            f"{found:,} of {sum(metrics.confusion_matrix[true]):,} images of "
            f"**{escape(names[true])}** {'was' if found == 1 else 'were'} taken for "
            f"**{escape(names[answer])}**"
            for found, true, answer in worst
        )


def _by_class(metrics: ClassMetrics, split: str) -> str:
    scores = metrics.per_class
    return set_table(
        LongTable(
            title=f"By class, {split} images",
            head=["class", "precision", "recall", "F1", "images"],
            rows=[_row(s.name, [s.precision, s.recall, s.f1], s.support) for s in scores],
            importance=lambda at: scores[at].f1,
            kept="of lowest F1",
        )
    )


def _by_label(metrics: LabelsMetrics, split: str) -> str:
    scores = metrics.per_label
    return set_table(
        LongTable(
            title=f"By label, {split} images",
            head=["label", "AP", "precision", "recall", "F1", "threshold", "images with it"],
            rows=[
                _row(
                    s.name,
                    [s.average_precision, s.precision, s.recall, s.f1, s.threshold],
                    s.support,
                )
                for s in scores
            ],
            importance=lambda at: scores[at].f1,
            kept="of lowest F1",
        )
    )


def _by_value(metrics: ValueMetrics, split: str) -> str:
    return set_table(
        LongTable(
            title=f"By value, {split} images, in the data's own units",
            head=["value", "MAE", "RMSE", "R²", "images"],
            rows=[
                [escape(v.name), number(v.mae), number(v.rmse), rate(v.r2), f"{v.support:,}"]
                for v in metrics.per_value
            ],
            importance=lambda at: metrics.per_value[at].r2,
            kept="of lowest R²",
        )
    )


def _row(name: str, rates: Sequence[float], support: int) -> list[str]:
    return [escape(name), *(rate(value) for value in rates), f"{support:,}"]
