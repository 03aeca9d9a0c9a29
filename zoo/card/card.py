"""The model card: what a Hub page says of a model, written from what was recorded of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zoo.card.facts import Facts, gather_facts, scores_of
from zoo.card.front_matter import front_matter
from zoo.card.origins import origin_of
from zoo.card.pictures.confusion import draw_confusion
from zoo.card.pictures.curves import draw_curves
from zoo.card.sections.calibration import calibration
from zoo.card.sections.data import data
from zoo.card.sections.hardware import hardware
from zoo.card.sections.limits import limits
from zoo.card.sections.loading import loading
from zoo.card.sections.opening import opening
from zoo.card.sections.results import confusion_picture, results
from zoo.card.sections.training import CURVES, training
from zoo.card.sections.verification import verification
from zoo.model_files import CARD
from zoo.run import Run
from zoo.targets import ClassMetrics

_SECTIONS = (
    *(opening, loading, results, verification, calibration),
    *(limits, data, training, hardware),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """`README.md` of a model repository, and the pictures in it."""

    text: str
    """Front matter and markdown; ends with a newline."""
    pictures: dict[str, bytes]
    """PNG files by their path in the repository, as the text names them."""
    base_model: str | None
    """The repository on the Hub that the text names as what training began with."""

    @property
    def files(self) -> dict[str, bytes]:
        """Everything that the card consists of, by path."""
        return {CARD: self.text.encode(), **self.pictures}


def render_card(
    model_folder: Path,
    run: Run | None,
    *,
    repo_id: str,
    unverified: bool = False,
    allow_samples: bool = False,
    license: str | None = None,  # noqa: A002
) -> Card:
    """Write the card of a model folder; the same folder and run give the same bytes.

    Args:
        model_folder: The model as it is to be published, `config.json` and `onnx/` included.
        run: What trained it; without, the card has neither counts nor scores.
        repo_id: The repository that the card is for, a valid `org/name`.
        unverified: Whether the user chose to publish a model whose export is not proved.
        allow_samples: Whether golden answers are published although they hold real pictures.
        license: What the repository grants, where that is not the pretrained weights' licence.

    Raises:
        RunError: The folder is no model folder.
        DamagedFileError: A file is not what was written.
    """
    facts = gather_facts(
        model_folder,
        run,
        repo_id=repo_id,
        unverified=unverified,
        allow_samples=allow_samples,
        granted=license,
    )
    pictures = dict(_draw(facts))
    body = [section(facts) for section in _SECTIONS]
    return Card(
        text="\n\n".join([front_matter(facts), *filter(None, body)]) + "\n",
        pictures=pictures,
        base_model=origin_of(facts).repo,
    )


def _draw(facts: Facts) -> Iterator[tuple[str, bytes]]:
    curves = draw_curves(facts.course)
    if curves is not None:
        yield CURVES, curves
    for at, target in enumerate(facts.targets):
        for split, metrics in facts.metrics.items():
            found = scores_of(metrics, target.name)
            if isinstance(found, ClassMetrics) and found.num_samples:
                yield confusion_picture(facts, at), draw_confusion(found, split)
                break
