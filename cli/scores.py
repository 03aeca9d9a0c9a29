"""Metrics on the screen: a table of the parts, the figures of the whole, the worst mistakes."""

from __future__ import annotations

from cli import render
from cli.figures import fixed, significant
from zoo.targets import ClassMetrics, JointMetrics, LabelsMetrics, Metrics, ValueMetrics
from zoo.targets.kinds import TargetMetrics

_WORST = 5
"""Pairs of confused classes that are named."""


def print_scores(metrics: Metrics) -> None:
    """Print the metrics of one target, or a section for each of several."""
    if not isinstance(metrics, JointMetrics):
        _print_target(metrics)
        return
    for name, found in metrics.targets.items():
        render.print_heading(f"{name} ({found.kind})")
        _print_target(found)
        render.print_line()
    render.print_heading("all targets")
    render.print_facts(
        [("loss", f"{fixed(metrics.loss, 4)} in sum"), ("images", str(metrics.num_samples))]
    )


def _print_target(metrics: TargetMetrics) -> None:
    if isinstance(metrics, ClassMetrics):
        _print_classes(metrics)
    elif isinstance(metrics, LabelsMetrics):
        _print_labels(metrics)
    else:
        _print_values(metrics)


def _print_classes(metrics: ClassMetrics) -> None:
    numbers = ("precision", "recall", "F1", "images")
    rows = [
        (s.name, fixed(s.precision, 3), fixed(s.recall, 3), fixed(s.f1, 3), str(s.support))
        for s in metrics.per_class
    ]
    render.print_table(("class", *numbers), rows, right=numbers)
    render.print_line()
    render.print_facts(
        [
            ("top-1", fixed(metrics.top1, 4)),
            ("top-5", fixed(metrics.top5, 4)),
            ("macro-F1", fixed(metrics.macro_f1, 4)),
            ("calibration error", fixed(metrics.calibration_error, 4)),
            ("loss", f"{fixed(metrics.loss, 4)} nats"),
            ("images", str(metrics.num_samples)),
        ]
    )
    if worst := _most_confused(metrics):
        render.print_line()
        render.print_table(("true class", "taken for", "times"), worst, right=("times",))


def _most_confused(metrics: ClassMetrics) -> list[tuple[str, str, str]]:
    """Name the commonest mistakes."""
    names = [score.name for score in metrics.per_class]
    mistakes = [
        (times, true, predicted)
        for true, row in enumerate(metrics.confusion_matrix)
        for predicted, times in enumerate(row)
        if times and true != predicted
    ]
    mistakes.sort(key=lambda mistake: -mistake[0])
    return [(names[true], names[guess], str(times)) for times, true, guess in mistakes[:_WORST]]


def _print_labels(metrics: LabelsMetrics) -> None:
    numbers = ("AP", "precision", "recall", "F1", "threshold", "images")
    rows = [
        (
            s.name,
            *(fixed(figure, 3) for figure in (s.average_precision, s.precision, s.recall, s.f1)),
            fixed(s.threshold, 3),
            str(s.support),
        )
        for s in metrics.per_label
    ]
    render.print_table(("label", *numbers), rows, right=numbers)
    render.print_line()
    render.print_facts(
        [
            ("mAP", fixed(metrics.mean_average_precision, 4)),
            ("macro-F1", fixed(metrics.macro_f1, 4)),
            ("micro-F1", fixed(metrics.micro_f1, 4)),
            ("exact match", fixed(metrics.exact_match, 4)),
            ("calibration error", fixed(metrics.calibration_error, 4)),
            ("loss", f"{fixed(metrics.loss, 4)} nats"),
            ("images", str(metrics.num_samples)),
        ]
    )


def _print_values(metrics: ValueMetrics) -> None:
    numbers = ("MAE", "RMSE", "R²", "images")
    rows = [
        (s.name, significant(s.mae), significant(s.rmse), fixed(s.r2, 4), str(s.support))
        for s in metrics.per_value
    ]
    render.print_table(("value", *numbers), rows, right=numbers)
    render.print_line()
    several = [("mean R²", fixed(metrics.r2, 4))] if len(metrics.per_value) > 1 else []
    render.print_facts(
        [
            *several,
            ("loss", f"{fixed(metrics.loss, 4)} squared standard deviations"),
            ("images", str(metrics.num_samples)),
        ]
    )
