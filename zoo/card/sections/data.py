"""The data: how much there is of what, and which data it was; no sample of it."""

from __future__ import annotations

from collections.abc import Iterator

from zoo.card.facts import Facts
from zoo.card.figures import count
from zoo.card.long_tables import LongTable, set_table
from zoo.card.markdown import code, escape, joined, link
from zoo.card.origins import dataset_of
from zoo.card.tallies import Tally
from zoo.targets import Target

_FOR = {"train": "to train on", "validation": "to validate with", "test": "to test with"}
_WORDS = {"class": "class", "labels": "label", "value": "value"}


def data(facts: Facts) -> str:
    """Describe the data that the model was trained and measured on."""
    if not facts.trained_by_zoo:
        return "## Data\n\nWhat the model was trained on is its makers' to say: zoo never saw it."
    parts = ["## Data", _source(facts)]
    for target in facts.targets:
        if target.name in facts.tallies:
            found = facts.tallies[target.name]
            parts.append(_counts(target, found, several=len(facts.targets) > 1))
    return "\n\n".join(parts)


def _source(facts: Facts) -> str:
    return " ".join(_sentences(facts))


def _sentences(facts: Facts) -> Iterator[str]:
    dataset = dataset_of(facts)
    if dataset:
        where = link(code(dataset.repo), f"https://huggingface.co/datasets/{dataset.repo}")
        yield f"The images are those of {where} on the Hub."
    else:
        yield "The images were not published with the model."
    if facts.num_pictures:
        yield (
            f"{count(facts.num_pictures, 'validation image')} "
            f"{'is' if facts.num_pictures == 1 else 'are'} in `golden.safetensors`, as the network "
            "sees them, for `zoo verify` to replay."
        )
    record = facts.record
    if record:
        parts = [f"{found:,} {_FOR[split]}" for split, found in record.data.num_samples.items()]
        yield f"There were {joined(parts)}."
        if limit := record.data.asked.get("limit_train"):
            yield f"Training was limited to {limit} images on purpose."
        if record.data.source.get("group"):
            yield "Images of one group are all in the same split."
    yield (
        "The fingerprint of contents, labels and splits is "
        f"{code(facts.config.data_fingerprint)}: whoever has the data can tell by it that it is "
        "the same."
    )


def _counts(target: Target, tally: Tally, *, several: bool) -> str:
    splits = list(tally.counts)
    word = _WORDS[target.kind]
    return set_table(
        LongTable(
            title=f"Images by {word}" + (f" of {escape(target.name, 40)}" if several else ""),
            head=[word, *splits],
            rows=[
                [escape(name), *(f"{tally.counts[split][at]:,}" for split in splits)]
                for at, name in enumerate(tally.names)
            ],
            importance=lambda at: tally.counts["train"][at],
            kept="smallest",
        )
    )
