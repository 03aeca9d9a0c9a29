"""What the model is: a sentence with figures in it, and the facts at a glance."""

from __future__ import annotations

from collections.abc import Iterator

from zoo.card.facts import Facts, scores_of
from zoo.card.figures import count, error, interval, number, percent, rate
from zoo.card.markdown import alert, code, escape, link, listed, table
from zoo.card.origins import origin_of
from zoo.card.proof import figure
from zoo.targets import (
    ClassMetrics,
    ClassTarget,
    LabelsMetrics,
    LabelsTarget,
    Metrics,
    Target,
    TargetMetrics,
)


def opening(facts: Facts) -> str:
    """Say what the model does, how well, and whether its export is proved."""
    return "\n\n".join(
        [f"# {escape(facts.name)}", _sentence(facts), _proof(facts), _at_a_glance(facts)]
    )


def _sentence(facts: Facts) -> str:
    return f"{_does(facts)} {_made(facts)}"


def _does(facts: Facts) -> str:
    metrics = facts.metrics[facts.best_split] if facts.best_split else None
    if len(facts.targets) > 1:
        return _answers_several(facts, metrics)
    target = facts.targets[0]
    did = _judged(scores_of(metrics, target.name), str(facts.best_split)) if metrics else ""
    return f"{_task(target)}{did}."


def _task(target: Target) -> str:
    if isinstance(target, ClassTarget):
        classes = count(len(target.classes), "class", "classes")
        return f"This network tells {classes} of images apart ({listed(target.classes)})"
    if isinstance(target, LabelsTarget):
        labels = count(len(target.classes), "label")
        return f"This network tags images with any of {labels} ({listed(target.classes)})"
    numbers = "a number" if len(target.columns) == 1 else f"{len(target.columns)} numbers"
    return f"This network reads {numbers} off an image ({listed(target.columns)})"


def _judged(metrics: TargetMetrics, split: str) -> str:
    """Say how well a single target is answered; nothing where nothing was measured."""
    images = count(metrics.num_samples, f"{split} image")
    if not metrics.num_samples:
        return ""
    if isinstance(metrics, ClassMetrics):
        low, high = interval(metrics.top1, metrics.num_samples)
        return (
            f", and is right about {percent(metrics.top1)} of {images} (95% interval "
            f"{percent(low)} to {percent(high)}; macro-F1 {rate(metrics.macro_f1)})"
        )
    if isinstance(metrics, LabelsMetrics):
        return (
            f", with a mean average precision of {rate(metrics.mean_average_precision)} on "
            f"{images} (macro-F1 {rate(metrics.macro_f1)})"
        )
    if metrics.mae is not None:
        return (
            f", and is off by {number(metrics.mae, 3)} on average over {images} "
            f"(R² {rate(metrics.r2)})"
        )
    return f", and explains R² {rate(metrics.r2)} of their variance over {images}"


def _answers_several(facts: Facts, metrics: Metrics | None) -> str:
    def say(target: Target) -> str:
        if metrics is None:
            return escape(target.name, 40)
        score = scores_of(metrics, target.name).headline
        value = percent(score.value) if score.name == "top-1" else number(score.value, 3)
        return f"{escape(target.name, 40)} ({score.name} {value})"

    measured = f", measured on the {facts.best_split} images" if metrics else ""
    answers = "; ".join(say(target) for target in facts.targets)
    return (
        f"This network answers {len(facts.targets)} questions about an image at once: "
        f"{answers}{measured}."
    )


def _made(facts: Facts) -> str:
    backbone = facts.config.backbone
    trained = f"{facts.record.data.num_samples.get('train', 0):,} images" if facts.record else ""
    on = f" on {trained}" if trained else ""
    recipe = f"by the recipe {code(facts.config.recipe)}"
    if not facts.config.pretrained:
        return f"It is {code(backbone.architecture)}, trained from random weights {recipe}{on}."
    name = link(code(backbone.name), origin_of(facts).page)
    if not facts.trained_by_zoo:
        return f"It is {name}, as its makers published it."
    return f"It is {name}, pretrained, and fine-tuned {recipe}{on}."


def _proof(facts: Facts) -> str:
    """Say that the export is proved, or that it is not so that nobody overlooks it."""
    proof = facts.proof
    if not proof.verified:
        chosen = " It was published so on purpose, with `--unverified`." if facts.unverified else ""
        return alert(
            "CAUTION",
            f"**Not verified**: {escape(proof.doubt, 300)}. An ONNX file of this model may give "
            f"other answers than those that were scored below.{chosen}",
        )
    parity = proof.levels.get("L1", {})
    largest = error(figure(parity, "max_abs_error"))
    return (
        "The ONNX file in this repository was compared with the trained network before it was "
        f"published: the largest difference of an answer is {largest}, and "
        f"{error(figure(parity, 'bound'))} is allowed ([verification](#verification))."
    )


def _at_a_glance(facts: Facts) -> str:
    return table(("", ""), [(f"**{name}**", value) for name, value in _glances(facts)])


def _glances(facts: Facts) -> Iterator[tuple[str, str]]:
    config, size = facts.config, facts.config.preprocess.size
    yield "input", f"RGB image, {size} × {size} px after preprocessing"
    yield "output", "; ".join(_output(target) for target in facts.targets)
    yield "network", f"{code(config.backbone.architecture)} ({code(config.backbone.builder)})"
    base = origin_of(facts).repo
    if base:
        yield "base model", link(code(base), f"https://huggingface.co/{base}")
    licence = facts.licence
    yield "licence", link(escape(licence.shown), licence.link) if licence else "none stated"
    yield "made with", f"zoo {code(config.zoo_version)} (`pip install finezoo`)"


def _output(target: Target) -> str:
    width = target.num_outputs
    if isinstance(target, ClassTarget):
        return f"{count(width, 'logit')}, one a class (softmax gives probabilities)"
    if isinstance(target, LabelsTarget):
        return f"{count(width, 'logit')}, one a label (sigmoid gives probabilities)"
    return f"{count(width, 'number')} in the units of the training data"
