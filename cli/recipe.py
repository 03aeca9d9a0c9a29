"""A recipe in words: its phases, and every field that differs from its default."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

from cli.render import Fact
from zoo.recipes import AfterFrozen, DescendPhase, Phase, Recipe, SolvePhase, TopStages


def _percent(value: float) -> str:
    return f"{value:.3g}%" if (value := 100 * value) < 1 else f"{value:.0f}%"


def _range(low_and_high: tuple[float, float]) -> str:
    low, high = low_and_high
    return f"{low:.4g} to {high:.4g}"


def _area(part: tuple[float, float] | None) -> str:
    return "none" if part is None else f"{_percent(part[0])} to {_percent(part[1])} of the area"


_WORDS: Mapping[str, Callable[[Any], str]] = {
    "crop_scale": _area,
    "crop_ratio": _range,
    "rotation": lambda angle: f"up to {angle:g}°",
    "shear": lambda angle: f"up to {angle:g}°",
    "shift": lambda part: f"up to {_percent(part)} of the side",
    "zoom": lambda part: f"up to {_percent(part)}",
    "flip": _percent,
    "vertical_flip": _percent,
    "grayscale": _percent,
    "erase": _percent,
    "warmup": lambda part: f"{_percent(part)} of the steps",
    "step_at": lambda parts: ", ".join(map(_percent, parts)),
}
"""How fields are written whose plain value would not say what it is."""


def describe_recipe(recipe: Recipe) -> list[Fact]:
    """Say what a recipe does, line by line."""
    facts = [("recipe", recipe.name), ("", recipe.summary), ("reference", recipe.reference)]
    for number, phase in enumerate(recipe.phases, start=1):
        facts += zip((f"phase {number}", ""), _describe_phase(phase), strict=True)
    facts.append(("head", _list(recipe.head)))
    if any(isinstance(phase, DescendPhase) for phase in recipe.phases):
        facts.append(("augment", _list(recipe.augment, always=("crop_scale", "flip"))))
        facts.append(("batch size", str(recipe.batch_size)))
    facts += _differences(recipe, but=_SAID_OF_RECIPES)
    return [fact for fact in facts if fact[1]]


_SAID_OF_RECIPES = ("name", "summary", "reference", "phases", "head", "augment", "batch_size")
_SAID_OF_PHASES = ("kind", "train", "gradual", "epochs", "max_steps", "optimizer", "lr")


def _describe_phase(phase: Phase) -> tuple[str, str]:
    """Say in one line what a phase does, and in another how it differs from the usual."""
    if isinstance(phase, SolvePhase):
        return _solve(phase), ""
    return _descend(phase), _list(phase, but=_SAID_OF_PHASES)


def _solve(phase: SolvePhase) -> str:
    strengths = ", ".join(f"{strength:g}" for strength in phase.strengths)
    return f"solve the heads; L2 strength among {strengths} by {phase.folds} folds"


def _descend(phase: DescendPhase) -> str:
    epochs = f"{phase.epochs} epoch{'s' if phase.epochs > 1 else ''}"
    steps = f" or {phase.max_steps:,} steps" if phase.max_steps else ""
    order = " a stage, one more at a time from the top down," if phase.gradual else ""
    return (
        f"train {_stages(phase)} for {epochs}{steps}{order} "
        f"by {phase.optimizer} at a learning rate of {phase.lr:g}"
    )


def _stages(phase: DescendPhase) -> str:
    match phase.train:
        case "head":
            return "the heads"
        case "all":
            return "all stages"
        case TopStages(top=count):
            return f"the top {count} stages" if count > 1 else "the top stage"
        case AfterFrozen(freeze=count):
            return f"all but the first {count} stages" if count > 1 else "all but the first stage"
    return ", ".join(phase.train)


def _list(record: Any, *, but: tuple[str, ...] = (), always: tuple[str, ...] = ()) -> str:
    """Say what differs from its default in one line."""
    found = _differences(record, but=but, always=always)
    return "; ".join(f"{name} {text}" for name, text in found)


def _differences(
    record: Any, *, but: tuple[str, ...] = (), always: tuple[str, ...] = ()
) -> Iterator[Fact]:
    for field in fields(record):
        value = getattr(record, field.name)
        if field.name in always or (field.name not in but and value != _default(field)):
            yield field.name.replace("_", " "), _say(field.name, value)


def _default(field: Field[Any]) -> object:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _say(name: str, value: Any) -> str:
    if name in _WORDS:
        return _WORDS[name](value)
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case tuple():
            return ", ".join(map(str, value)) or "none"
        case Mapping():
            return ", ".join(f"{key} {_say('', each)}" for key, each in value.items())
        case None:
            return "none"
    if is_dataclass(value):
        return ", ".join(f"{f.name} {_say(f.name, getattr(value, f.name))}" for f in fields(value))
    return str(value)
