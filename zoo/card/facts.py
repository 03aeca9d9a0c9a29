"""All facts that a card states, gathered from a model folder and the run that it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from zoo.card.course import Course, read_course
from zoo.card.licences import CardLicence, licence_of, name_licence
from zoo.card.proof import Proof, read_proof
from zoo.card.tallies import Tally, tally
from zoo.card.tools import Tools, find_tools
from zoo.data.dataset import SplitName
from zoo.hub.golden import is_made_up, list_golden_inputs
from zoo.model import ModelConfig, load_config
from zoo.model_files import GOLDEN
from zoo.run import Run, RunRecord
from zoo.targets import JointMetrics, Metrics, Target, TargetMetrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a model; nothing of it names a place on the machine it was made on."""

    repo_id: str
    """The repository that the card is for, as `org/name`."""
    config: ModelConfig
    record: RunRecord | None
    """None where only the model folder is at hand."""
    tallies: Mapping[str, Tally] = field(default_factory=dict)
    """By target; empty without a run."""
    course: Course = field(default_factory=Course)
    proof: Proof
    tools: Tools
    licence: CardLicence | None
    """What the repository grants: the weights' licence unless the user said another."""
    weights_licence: CardLicence | None
    """What the pretrained weights were licensed under; None for random ones."""
    num_pictures: int = 0
    """Real images that are published as golden inputs."""
    unverified: bool = False
    """Whether the user chose to publish without proof."""

    @property
    def name(self) -> str:
        """The model's name: that of its repository."""
        return self.repo_id.rpartition("/")[2]

    @property
    def targets(self) -> tuple[Target, ...]:
        """What the model answers."""
        return self.config.targets

    @property
    def trained_by_zoo(self) -> bool:
        """Whether zoo saw the data; a model that was adopted from elsewhere has no fingerprint."""
        return bool(self.config.data_fingerprint)

    @property
    def metrics(self) -> dict[SplitName, Metrics]:
        """All recorded scores by split, the most honest split first."""
        found = self.record.metrics if self.record else {}
        order: tuple[SplitName, ...] = ("test", "validation", "train")
        return {split: found[split] for split in order if split in found}

    @property
    def best_split(self) -> SplitName | None:
        """The split to judge by: the one that decided least."""
        return next(iter(self.metrics), None)


def gather_facts(
    folder: Path,
    run: Run | None,
    *,
    repo_id: str,
    unverified: bool,
    allow_samples: bool,
    granted: str | None,
) -> Facts:
    """Read everything that a card is made of.

    Raises:
        RunError: The folder is no model folder, or the run no run.
        DamagedFileError: A file is not what was written.
    """
    config = load_config(folder)
    proof = read_proof(folder)
    weights = licence_of(config.backbone.weights) if config.pretrained else None
    return Facts(
        repo_id=repo_id,
        config=config,
        record=run.read() if run else None,
        tallies=tally(run.read_dataset()) if run else {},
        course=read_course(run.metrics_log) if run else Course(),
        proof=proof,
        tools=find_tools(folder, config),
        licence=name_licence(granted) if granted else weights,
        weights_licence=weights,
        num_pictures=_count_pictures(folder) if allow_samples else 0,
        unverified=unverified,
    )


def _count_pictures(folder: Path) -> int:
    """Count the golden inputs that are somebody's images."""
    path = folder / GOLDEN
    return sum(not is_made_up(name) for name in list_golden_inputs(path)) if path.exists() else 0


def scores_of(metrics: Metrics, target: str) -> TargetMetrics:
    """Find one target's scores, whether it was alone or not."""
    return metrics.targets[target] if isinstance(metrics, JointMetrics) else metrics
