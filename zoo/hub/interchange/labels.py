"""What a foreign model's classifier answers, from what its configuration says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from zoo.errors import RegistryError
from zoo.targets import ClassTarget, LabelsTarget, Target, ValueTarget
from zoo.targets.cells import name_of

NAME = "label"
"""What the only target of an adopted model is called."""


def read_target(
    config: Mapping[str, Any], num_outputs: int, origin: str
) -> tuple[Target, tuple[str, ...]]:
    """Read the target of a `config.json` of timm's or transformers'.

    Args:
        config: Its content.
        num_outputs: Of the classifier.
        origin: Whose configuration it is.

    Returns:
        The target, and what had to be assumed.

    Raises:
        RegistryError: There is no classifier, another number of names than outputs, or a kind of
            answer that zoo has not.
    """
    if not num_outputs:
        raise RegistryError(
            f"{origin} has no classifier: it answers nothing",
            hint=f"train one: zoo finetune {origin} DATA",
        )
    problem, said = _read_problem(config, num_outputs)
    try:
        names, assumptions = _read_names(config, num_outputs)
        if len(names) != num_outputs:
            raise ValueError(
                f"{len(names)} classes for the {num_outputs} outputs of its classifier"
            )
        target = _as_target(problem, names)
    except ValueError as cause:
        raise RegistryError(
            f"{origin} answers what zoo cannot take: {str(cause)[:300]}",
            hint="ask its owner to mend its config.json, or give it answers of your own: "
            f"zoo finetune {origin} DATA",
        ) from cause
    return target, (*said, *assumptions)


def _read_problem(config: Mapping[str, Any], num_outputs: int) -> tuple[object, tuple[str, ...]]:
    """Read what kind of answer it is; of one output, transformers takes it for a number."""
    problem = config.get("problem_type")
    if problem is None and num_outputs == 1:
        said = "a number as its answer: it has one output, and nobody says its problem_type"
        return "regression", (said,)
    return problem, ()


def _as_target(problem: object, names: Sequence[str]) -> Target:
    if problem == "regression":
        zeros, ones = (0.0,) * len(names), (1.0,) * len(names)
        return ValueTarget(name=NAME, columns=tuple(names), mean=zeros, std=ones)
    if problem == "multi_label_classification":
        return LabelsTarget(name=NAME, classes=tuple(names))
    if problem in (None, "single_label_classification"):
        return ClassTarget(name=NAME, classes=tuple(names))
    raise ValueError(f"the problem_type {problem!r}, which transformers has not")


def _read_names(config: Mapping[str, Any], count: int) -> tuple[list[str], tuple[str, ...]]:
    """Find the outputs' names, different ones; ValueError if they are for other outputs."""
    nested = config.get("pretrained_cfg")
    told = {**(nested if isinstance(nested, dict) else {}), **config}
    for key in ("label_names", "labels", "id2label"):
        if found := _in_order(key, told.get(key)):
            names, said = _without_blanks(found)
            return _distinct(names, told.get("label_descriptions")), said
    if known := _imagenet(count):
        return known, (f"ImageNet's classes in their usual order, for its {count} outputs",)
    return [f"class {at}" for at in range(count)], ("the classes' names, which nobody says",)


def _in_order(field: str, names: object) -> list[str]:
    """Put names in the order of the outputs; an object has them by index."""
    if isinstance(names, dict):
        for at in range(len(names)):
            if str(at) not in names:
                raise ValueError(f"{len(names)} names in {field}, but none of output {at}")
        return [name_of(names[str(at)]) for at in range(len(names))]
    return [name_of(name) for name in names] if isinstance(names, (list, tuple)) else []


def _without_blanks(names: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """Number the outputs whose names are blank."""
    blank = [str(at) for at, name in enumerate(names) if not name]
    if not blank:
        return names, ()
    numbered = [name or f"class {at}" for at, name in enumerate(names)]
    shown = ", ".join(blank[:5]) + (", …" if len(blank) > 5 else "")
    return numbered, (f"the names of outputs {shown}, which are blank",)


def _distinct(names: list[str], descriptions: object) -> list[str]:
    """Say what codes stand for, as people would; the code where that is no difference."""
    if isinstance(descriptions, dict):
        said = [str(descriptions.get(name) or name) for name in names]
    else:
        said = names
    counts = Counter(said)
    codes = names if len(set(names)) == len(names) else [str(at) for at in range(len(names))]
    return [
        text if counts[text] == 1 else f"{text} ({code})"
        for text, code in zip(said, codes, strict=True)
    ]


def _imagenet(count: int) -> list[str]:
    """Name ImageNet's classes, where the number of outputs is that of one of its subsets."""
    # Imported here: timm brings torchvision.
    from timm.data.imagenet_info import ImageNetInfo, infer_imagenet_subset

    subset = infer_imagenet_subset({"num_classes": count})
    if subset is None:
        return []
    facts = ImageNetInfo(subset)
    codes: list[str] = facts.label_names()  # type: ignore[no-untyped-call]
    return _distinct(codes, facts.label_descriptions(as_dict=True))
