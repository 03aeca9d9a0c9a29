"""How the model was trained: phases, what trained in each, and under which conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from zoo.card.facts import Facts
from zoo.card.figures import count, number
from zoo.card.markdown import code, escape, fold, link, table
from zoo.card.origins import origin_of
from zoo.recipes import (
    AfterFrozen,
    Augment,
    DescendPhase,
    HeadRecipe,
    Recipe,
    SolvePhase,
    TargetKind,
    TopStages,
)
from zoo.run import RunRecord

CURVES = "pictures/training_curves.png"
_NO_AUGMENT = Augment(crop_scale=None, flip=0.0)
_LOSSES: Mapping[TargetKind, str] = {"class": "cross-entropy", "labels": "bce", "value": "mse"}
"""Where a recipe names no other."""
_WHAT_ONLY = {"all": "", "biases": ", biases only", "norms": ", normalisation layers only"}


def training(facts: Facts) -> str:
    """Describe the training procedure."""
    if not facts.trained_by_zoo:
        return "## Training\n\nzoo did not train this model; it took it over as it was published."
    parts = ["## Training", _start(facts)]
    if facts.record is None:
        parts.append("Its phases and figures are in the record of the run, which is not here.")
        return "\n\n".join(parts)
    recipe = facts.record.recipe
    parts.append(_phases(recipe))
    if facts.course.epochs or facts.course.solves:
        parts.append(f"![{_describe_curves(facts)}]({CURVES})")
    parts.append(fold("Hyperparameters, seed and versions", _details(facts.record)))
    return "\n\n".join(parts)


def _start(facts: Facts) -> str:
    config = facts.config
    summary = f" (“{escape(facts.record.recipe.summary, 200)}”)" if facts.record else ""
    start = "random weights"
    if config.pretrained:
        start = f"the weights of {link(code(config.backbone.name), origin_of(facts).page)}"
        older = config.base[1:]
        if older:
            start += f", themselves fine-tuned from {' ← '.join(escape(name) for name in older)}"
    paper = config.backbone.weights.paper
    about = f" ([arXiv:{paper}](https://arxiv.org/abs/{paper}))" if paper else ""
    return f"Training began with {start}{about}, by the recipe {code(config.recipe)}{summary}."


def _phases(recipe: Recipe) -> str:
    rows = [(str(at), *_phase(phase)) for at, phase in enumerate(recipe.phases, start=1)]
    return table(("phase", "what trained", "how"), rows)


def _phase(phase: SolvePhase | DescendPhase) -> tuple[str, str]:
    if isinstance(phase, SolvePhase):
        tried = count(len(phase.strengths), "L2 strength")
        return (
            "linear heads, on features of the frozen backbone",
            f"solved to convergence; {tried} compared on {phase.folds} folds of training data",
        )
    return _trained(phase), ", ".join(_descent(phase))


def _trained(phase: DescendPhase) -> str:
    only = _WHAT_ONLY[phase.parameters]
    if phase.lora:
        only = f", by updates of rank {phase.lora.rank} (LoRA)"
    if isinstance(phase.train, TopStages):
        return f"heads and the top {count(phase.train.top, 'stage')}{only}"
    if isinstance(phase.train, AfterFrozen):
        frozen = count(phase.train.freeze, "stage")
        return f"everything but the first {frozen}{only}"
    if isinstance(phase.train, tuple):
        return f"heads and {', '.join(code(stage) for stage in phase.train)}{only}"
    return {"head": "heads", "all": "everything"}[phase.train] + only


def _descent(phase: DescendPhase) -> Iterator[str]:
    yield count(phase.epochs, "epoch")
    yield f"{escape(phase.optimizer)}, learning rate {phase.lr:g}"
    if phase.head_lr is not None:
        yield f"{phase.head_lr:g} for heads"
    if phase.layer_decay < 1:
        yield f"× {phase.layer_decay:g} a stage downwards"
    yield f"{phase.schedule} schedule" + (f", {phase.warmup:.0%} warm-up" if phase.warmup else "")
    if phase.weight_decay:
        yield f"weight decay {phase.weight_decay:g}"
    yield f"BatchNorm {'frozen' if phase.batch_norm == 'frozen' else 'adapting'}"
    if phase.patience is not None:
        yield f"best epoch kept, patience {phase.patience}"


def _describe_curves(facts: Facts) -> str:
    """Say in words what the picture of the training curves shows."""
    course = facts.course
    if not course.epochs:
        chosen = ", ".join(f"{solve.chosen:g}" for solve in course.solves)
        return f"Held-out loss over the strength of regularisation; chosen was {chosen}"
    last = course.epochs[-1]
    score = f", {course.score_name} {number(last.score, 3)}" if course.score_name else ""
    return (
        f"Training and validation loss over {count(len(course.epochs), 'epoch')}; at the end "
        f"{number(last.train_loss, 3)} and {number(last.validation_loss, 3)}{score}"
    )


def _details(record: RunRecord) -> str:
    return table(("", ""), [(name, value) for name, value in _detail_rows(record) if value])


def _detail_rows(record: RunRecord) -> Iterator[tuple[str, str]]:
    recipe = record.recipe
    accumulated = f" × {recipe.accumulate} accumulated" if recipe.accumulate > 1 else ""
    yield "batch size", f"{recipe.batch_size}{accumulated}"
    kinds = dict.fromkeys(target.kind for target in record.data.targets)
    yield "losses", _pairs({kind: recipe.losses.get(kind, _LOSSES[kind]) for kind in kinds})
    yield "label smoothing", f"{recipe.label_smoothing:g}" if recipe.label_smoothing else ""
    yield "class weights", recipe.class_weights if recipe.class_weights != "none" else ""
    yield "sampling", recipe.sampling
    yield "weights of targets", _pairs(recipe.target_weights)
    yield "head", _changed(recipe.head, HeadRecipe()) or "one linear layer a target"
    if any(isinstance(phase, DescendPhase) for phase in recipe.phases):
        yield "augmentation", _changed(recipe.augment, _NO_AUGMENT) or "none"
    yield "precision", record.precision
    yield "seed", str(record.seed)
    yield "deterministic algorithms", "yes" if record.deterministic else "no"
    yield "started", f"{record.created:%Y-%m-%d}"
    for name, version in record.versions.items():
        yield name, code(version)


def _pairs(values: Mapping[Any, object]) -> str:
    named = {name.replace("_", " "): value for name, value in values.items()}
    return ", ".join(f"{escape(name, 40)} {_write(value)}" for name, value in named.items())


def _changed(settings: object, defaults: object) -> str:
    """List the settings that are not the defaults."""
    names = [one.name for one in fields(settings)]  # type: ignore[arg-type]
    changed = {name: getattr(settings, name) for name in names}
    return _pairs({n: v for n, v in changed.items() if v != getattr(defaults, n)})


def _write(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return "–".join(_write(part) for part in value)
    return escape(str(value))
