"""What the model cannot do and what nobody knows of it, as its own figures tell."""

from __future__ import annotations

from collections.abc import Iterator

from zoo.card.facts import Facts, scores_of
from zoo.card.figures import count, percent
from zoo.card.licences import CardLicence
from zoo.card.markdown import bullets, escape, link, listed
from zoo.card.proof import Proof
from zoo.card.sections.results import is_patient
from zoo.targets import ClassTarget, LabelsTarget, Target, ValueTarget

_FEW = 30
"""Training images of a class below which it may well have been learnt from what they share by
chance."""
_FEW_MEASURED = 100
"""Images below which a 95% interval of a part is up to twenty points wide."""
_WERE = {"class": ("class was", "classes were"), "labels": ("label was", "labels were")}
_UNEVEN = 10
"""Ratio of the largest to the smallest class from which on the rare one is likely to be lost."""


def limits(facts: Facts) -> str:
    """List the limits; the first ones hold for every model of the kind."""
    return "## Limits\n\n" + bullets(_limits(facts))


def _limits(facts: Facts) -> Iterator[str]:
    if facts.licence:
        yield from _licence(facts.licence)
    else:
        yield (
            "No licence is stated: training began with random weights, so it is the author's to "
            "choose one. Without one, nobody may use the model."
        )
    for target in facts.targets:
        of = f"{escape(target.name, 40)}: " if len(facts.targets) > 1 else ""
        for part in (_by_nature(target), _by_counts(facts, target), _by_score(facts, target)):
            yield from (f"{of}{limit}" for limit in part)
    if is_patient(facts):
        yield (
            "Validation images chose the epoch that was kept: their figures flatter the model a "
            "little."
        )
    yield from _by_proof(facts.proof)
    for assumption in facts.config.assumptions:
        yield f"Nobody stated it, and it was taken to be so: {escape(assumption, 200)}."
    yield (
        "How it does on images of another source (another camera, place, time or crowd) was not "
        "measured, nor whether it treats groups of people alike. Measure both before you rely on "
        "it."
    )


def _licence(licence: CardLicence) -> Iterator[str]:
    name = link(escape(licence.shown), licence.link)
    if licence.terms == "non-commercial":
        yield f"**Not for commercial use**: its licence is {name}."
    elif licence.terms == "copyleft":
        yield f"The licence, {name}, may ask you to share alike what you build on this model."
    elif licence.terms == "custom":
        yield f"The licence, {name}, is one of its own: read it before you ship the model."


def _by_nature(target: Target) -> Iterator[str]:
    if isinstance(target, ClassTarget):
        yield (
            f"It always answers one of its {len(target.classes)} classes, whatever an image shows. "
            "A photo of something else gets one of these names too."
        )
    elif isinstance(target, LabelsTarget):
        yield "It knows its labels only; that none is given does not mean that nothing is there."
    else:
        yield "Numbers beyond the range of the training data are not to be trusted."


def _by_counts(facts: Facts, target: Target) -> Iterator[str]:
    tally = facts.tallies.get(target.name)
    if tally is None or isinstance(target, ValueTarget):
        return
    train = tally.counts.get("train", ())
    few = [name for name, found in zip(tally.names, train, strict=True) if found < _FEW]
    if few:
        nouns = _WERE[target.kind]
        yield f"{count(len(few), *nouns)} learnt from fewer than {_FEW} images each: {listed(few)}."
    if train and max(train) >= _UNEVEN * max(1, min(train)):
        yield (
            f"Training saw {max(train):,} images of the most frequent answer and {min(train):,} "
            "of the rarest: rare ones are more likely to be missed."
        )


def _by_score(facts: Facts, target: Target) -> Iterator[str]:
    if facts.best_split is None:
        return
    metrics = scores_of(facts.metrics[facts.best_split], target.name)
    if metrics.num_samples < _FEW_MEASURED:
        yield (
            f"It was measured on {count(metrics.num_samples, 'image')} only: another hundred could "
            "well give other figures."
        )
    if metrics.kind == "class":
        weak = [score for score in metrics.per_class if score.support and score.recall < 0.5]
        unseen = [score.name for score in metrics.per_class if not score.support]
        if weak:
            worst = min(weak, key=lambda score: (score.recall, score.name))
            yield (
                f"{count(len(weak), 'class is', 'classes are')} missed more often than found; "
                f"{escape(worst.name, 40)} worst, found in {percent(worst.recall)} of its images."
            )
        if unseen:
            yield f"No image measured how well it knows {listed(unseen)}."
    elif metrics.kind == "labels" and "test" not in facts.metrics:
        yield (
            "Precision, recall and F1 of labels flatter: their thresholds were chosen on the same "
            "images."
        )


def _by_proof(proof: Proof) -> Iterator[str]:
    if not proof.levels:
        return
    if "L4" not in proof.levels:
        yield "On a GPU the ONNX file is unproved: it was verified on the CPU only."
    if "L2" not in proof.levels:
        yield (
            "What comes before the network (decoding, resizing, normalising) is yours to repeat; "
            "only the network itself is proved."
        )
