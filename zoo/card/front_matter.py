"""The front matter: what the Hub indexes a model by."""

from __future__ import annotations

import math
from collections.abc import Iterator

from huggingface_hub import EvalResult, ModelCardData

from zoo.card.facts import Facts, scores_of
from zoo.card.markdown import one_line
from zoo.card.origins import dataset_of, origin_of
from zoo.targets import ClassMetrics, LabelsMetrics, Metrics, TargetMetrics

_PIPELINES = {"class": "image-classification", "labels": "image-classification"}
"""What the Hub calls a task. It has a name neither for numbers read off an image nor for
several answers: these are `other`, lest the Hub takes them for a classifier."""
_OTHER = "other"
_TASKS = {
    "class": ("image-classification", "multi-class-image-classification"),
    "labels": ("image-classification", "multi-label-image-classification"),
    "value": ("image-regression",),
}
"""Tags by kind of target; the Hub knows the second ones as subtasks."""
_UNPUBLISHED = "unpublished"
"""Type of a data set that has no identifier; the Hub asks for one."""

_Score = tuple[str, str, float]
"""(the Hub's name of the metric, what people call it, value)"""


def front_matter(facts: Facts) -> str:
    """Write the YAML block, with its fences."""
    return f"---\n{_card_data(facts).to_yaml()}\n---"


def _card_data(facts: Facts) -> ModelCardData:
    origin, dataset = origin_of(facts), dataset_of(facts)
    licence = facts.licence
    results = list(_results(facts))
    return ModelCardData(
        license=licence.identifier if licence else None,
        license_name=licence.name if licence else None,
        license_link=licence.link if licence else None,
        base_model=origin.repo,
        base_model_relation="finetune" if origin.repo and facts.trained_by_zoo else None,
        library_name=_library(facts),
        pipeline_tag=pipeline_of(facts),
        tags=list(_tags(facts)),
        datasets=[dataset.repo] if dataset else None,
        metrics=list(dict.fromkeys(result.metric_type for result in results)) or None,
        model_name=facts.name,
        eval_results=results or None,
    )


def pipeline_of(facts: Facts) -> str:
    """Say what the Hub calls the model's task."""
    alone = len(facts.targets) == 1
    return _PIPELINES.get(facts.targets[0].kind, _OTHER) if alone else _OTHER


def _library(facts: Facts) -> str | None:
    """Name the library that loads the files as they are; zoo itself is none that the Hub knows."""
    if "timm" in facts.tools.libraries:
        return "timm"
    return "onnx" if facts.tools.onnx else None


def _tags(facts: Facts) -> Iterator[str]:
    if len(facts.targets) > 1:
        yield from ("multi-task", *(_TASKS[target.kind][-1] for target in facts.targets))
    else:
        yield from _TASKS[facts.targets[0].kind]
    yield "finezoo"
    if facts.tools.onnx:
        yield "onnx"
    yield from facts.tools.libraries
    if facts.config.backbone.family:
        yield facts.config.backbone.family


def _results(facts: Facts) -> Iterator[EvalResult]:
    """List every score that is defined, of every split."""
    dataset = dataset_of(facts)
    name = dataset.repo if dataset else f"data set {facts.config.data_fingerprint[:12]}"
    for split, metrics in facts.metrics.items():
        for metric, label, value in _scores(facts, metrics):
            yield EvalResult(
                task_type=_task(facts),
                dataset_type=dataset.repo if dataset else _UNPUBLISHED,
                dataset_name=name,
                dataset_config=dataset.config if dataset else None,
                dataset_split=split,
                metric_type=metric,
                metric_value=round(value, 6),
                metric_name=label,
            )


def _task(facts: Facts) -> str:
    if len(facts.targets) > 1:
        return "image-multi-task"
    return _TASKS[facts.targets[0].kind][0]


def _scores(facts: Facts, metrics: Metrics) -> Iterator[_Score]:
    several = len(facts.targets) > 1
    for target in facts.targets:
        for metric, label, value in scores_by_name(scores_of(metrics, target.name)):
            if math.isfinite(value):
                yield metric, f"{one_line(target.name, 40)}: {label}" if several else label, value


def scores_by_name(metrics: TargetMetrics) -> list[_Score]:
    """List a target's scores under the names of https://hf.co/metrics where it has one."""
    if isinstance(metrics, ClassMetrics):
        found = [("accuracy", "top-1 accuracy", metrics.top1), ("f1", "macro-F1", metrics.macro_f1)]
        if len(metrics.per_class) > 5:
            found.insert(1, ("top_5_accuracy", "top-5 accuracy", metrics.top5))
        return found
    if isinstance(metrics, LabelsMetrics):
        return [
            ("mean_average_precision", "mAP", metrics.mean_average_precision),
            ("f1", "macro-F1", metrics.macro_f1),
            ("f1", "micro-F1", metrics.micro_f1),
            ("exact_match", "all labels right", metrics.exact_match),
        ]
    if metrics.mae is not None and metrics.rmse is not None:
        return [
            ("mae", "MAE", metrics.mae),
            ("rmse", "RMSE", metrics.rmse),
            ("r_squared", "R²", metrics.r2),
        ]
    return [
        ("r_squared", "mean R²", metrics.r2),
        *(("mae", f"MAE of {one_line(v.name, 40)}", v.mae) for v in metrics.per_value),
    ]
