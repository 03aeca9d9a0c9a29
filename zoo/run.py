"""The run folder: who was trained, on what, how, and how well."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from pydantic import ConfigDict, TypeAdapter, ValidationError

from zoo.data.dataset import Dataset, Samples, SplitName
from zoo.data.record import read_splits, require_unchanged, write_splits
from zoo.errors import DamagedFileError, DataError, RunError, StorageError
from zoo.inputs.contract import Preprocess
from zoo.recipes import Recipe
from zoo.registry import Backbone, list_mistakes
from zoo.storage import write_bytes
from zoo.targets import Calibration, Metrics, Target

_STRICT = ConfigDict(extra="forbid")
_SPLITS = "splits.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRecord:
    """The data set that a run saw."""

    __pydantic_config__ = _STRICT

    root: str
    given: str = ""
    """What the command line named, absolute: a folder, a table, shards or a Hub data set."""
    fingerprint: str
    """Hash of contents, truths and splits; the same wherever the files lie."""
    targets: tuple[Target, ...]
    num_samples: dict[SplitName, int]
    notes: tuple[str, ...] = ()
    source: dict[str, Any] = field(default_factory=dict)
    """How the data was opened: the table's columns, the group column, …"""
    asked: dict[str, Any] = field(default_factory=dict)
    """What the user said of the data, by option."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Where the time went; of a resumed run, all its parts together."""

    __pydantic_config__ = _STRICT

    seconds: float
    """Of the phases, wall clock."""
    images_per_second: float
    """Training images that went through the network, over `seconds`."""
    phases: dict[str, float]
    """Seconds by phase."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailure:
    """The error that a run ended in."""

    __pydantic_config__ = _STRICT

    problem: str
    """One line of it."""
    time: datetime
    repeats: bool = False
    """Whether the run would end in it again if it were resumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """`run.json`."""

    __pydantic_config__ = _STRICT

    format: Literal[2] = 2
    status: Literal["running", "interrupted", "failed", "complete"]
    """A run that was killed stays `running`."""
    failure: RunFailure | None = None
    """What ended it, where it failed."""
    created: datetime
    backbone: Backbone
    recipe: Recipe
    """With all that the command line changed."""
    preprocess: Preprocess
    pretrained: bool
    reference: str = ""
    """What names the backbone from anywhere: an entry's name, a name with its prefix, or the
    path of a folder."""
    origin: str = ""
    """Where the backbone's facts came from."""
    assumptions: tuple[str, ...] = ()
    """What nobody stated of the backbone and zoo took to be so."""
    data: DataRecord
    seed: int
    device: str
    device_name: str = ""
    """What the GPU or the processor is called."""
    precision: Literal["fp32", "bf16"]
    auto_batch: bool = False
    deterministic: bool = False
    compile: bool = False
    threads: int
    """CPU threads within an operator; another number sums in another order."""
    processes: int = 1
    """How many trained together."""
    sharded: bool = False
    """Whether they shared one network, instead of having a copy each."""
    versions: dict[str, str]
    commands: tuple[str, ...] = ()
    """The command lines that began and resumed this run."""
    metrics: dict[SplitName, Metrics] = field(default_factory=dict)
    """Of the kept weights: those after the last step, or of the best epoch where the recipe
    has patience."""
    calibration: dict[str, Calibration] = field(default_factory=dict)
    """What a temperature did to the probabilities on validation data, by target."""
    timing: Timing | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A run folder on disk."""

    path: Path

    @property
    def model_folder(self) -> Path:
        """The trained model, laid out as a Hugging Face model repository."""
        return self.path / "model"

    @property
    def checkpoints(self) -> Path:
        """What an unfinished run continues from."""
        return self.path / "checkpoints"

    @property
    def metrics_log(self) -> Path:
        """One JSON line an epoch."""
        return self.path / "metrics.jsonl"

    def read(self) -> RunRecord:
        """Read `run.json`.

        Raises:
            RunError: There is no run here.
            DamagedFileError: The record is not one.
        """
        path = self.path / "run.json"
        if not path.exists():
            raise RunError(f"{self.path} is no run folder (run.json is missing)")
        try:
            return TypeAdapter(RunRecord).validate_json(path.read_bytes())
        except ValidationError as cause:
            raise DamagedFileError(path, "\n" + "\n".join(list_mistakes(cause))) from cause

    def write(self, record: RunRecord) -> None:
        """Replace `run.json`."""
        text = TypeAdapter(RunRecord).dump_json(record, indent=2)
        write_bytes(self.path / "run.json", text + b"\n")

    def update(self, **changes: Any) -> RunRecord:
        """Change fields of `run.json`."""
        record = replace(self.read(), **changes)
        self.write(record)
        return record

    def write_splits(self, dataset: Dataset) -> None:
        """Write which file went where, with its content's hash."""
        write_splits(self.path / _SPLITS, dataset)

    def read_dataset(self) -> Dataset:
        """Read the data set as the run recorded it; no image is opened.

        Raises:
            DamagedFileError: `splits.jsonl` or `run.json` is not what was written.
        """
        record = self.read().data
        dataset = read_splits(self.path / _SPLITS, record.targets)
        if dataset.fingerprint != record.fingerprint:
            raise DamagedFileError(
                self.path / _SPLITS, "it is not the split that run.json was written with"
            )
        return dataset

    def read_split(self, split: SplitName) -> Samples:
        """Read a split's samples and make sure that their files are still the same.

        Raises:
            DataError: The run has no such split, or files have gone or changed.
        """
        splits = self.read_dataset().splits
        if split not in splits:
            raise DataError(f"{self.path} has no {split} split", hint=f"it has {', '.join(splits)}")
        require_unchanged(splits[split])
        return splits[split]


@dataclass(frozen=True, slots=True)
class Located:
    """A model folder, and the run that it belongs to if there is one."""

    folder: Path
    run: Run | None


def locate_model(path: Path) -> Located:
    """Find the model in a run folder or a model folder.

    Raises:
        RunError: There is none, or the run is not finished.
    """
    if (path / "run.json").exists():
        run = Run(path)
        record = run.read()
        if record.status != "complete":
            ended = f"failed: {record.failure.problem}" if record.failure else "is not finished"
            raise RunError(f"{path} {ended}; it has no model yet", hint=_advise_on(path, record))
        return Located(run.model_folder, run)
    if (path / "zoo_config.json").exists():
        parent = Run(path.resolve().parent)
        inside = path.resolve() == parent.model_folder and (parent.path / "run.json").exists()
        return Located(path, parent if inside else None)
    around = path.resolve().parent.parent
    if path.suffix == ".onnx" and path.is_file() and (around / "zoo_config.json").exists():
        return locate_model(around)
    problem = "is neither a run folder nor a model folder" if path.exists() else "does not exist"
    raise RunError(
        f"{path} {problem}",
        hint="give what `zoo finetune` made, such as runs/NAME or a copy of its model folder",
    )


def _advise_on(path: Path, record: RunRecord) -> str:
    """Say how to come to a model where a run has none."""
    if record.failure is not None and record.failure.repeats:
        return "resumed, it would fail again: begin another run, with a lower --lr or --clip-norm 1"
    return f"zoo finetune --resume --output {path}"


def create_run(path: Path | None, name: str, fill: Callable[[Run], None]) -> Run:
    """Make a new folder: `path` if given, else `runs/NAME` or the first free `runs/NAME-2` ….

    Args:
        path: Where, if the user said so.
        name: What else it is called after.
        fill: Writes what the folder begins with; it gets its name when that is done, so that a
            kill leaves either a run that can be resumed, or none.

    Raises:
        RunError: `path` exists.
        StorageError: The folder cannot be made.
    """
    require_free(path)
    candidates = [path] if path else _candidates(name)
    place = candidates[0]
    staged = place.with_name(f".{place.name}.{uuid4().hex}.part")
    try:
        staged.mkdir(parents=True)
        fill(Run(staged))
        for candidate in candidates:
            if not candidate.exists():
                with suppress(FileExistsError):
                    return Run(staged.rename(candidate))
            require_free(path)
    except OSError as cause:
        raise StorageError(place, cause) from cause
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    raise RunError(f"runs/{name} and its numbered successors all exist")


def require_free(path: Path | None) -> None:
    """Make sure that a chosen output folder does not exist.

    Raises:
        RunError: It does.
    """
    if path is not None and path.exists():
        record = Run(path).read() if (path / "run.json").exists() else None
        hopeless = record is None or (record.failure is not None and record.failure.repeats)
        unfinished = record is not None and record.status != "complete"
        go_on = ", or continue that run with --resume" if unfinished and not hopeless else ""
        raise RunError(
            f"{path} exists; a run never overwrites anything",
            hint=f"choose another --output{go_on}",
        )


def find_unfinished(path: Path | None, name: str) -> Run:
    """Find the run to resume: `path` if given, else the newest of `runs/NAME`, `runs/NAME-2` ….

    Raises:
        RunError: There is none.
    """
    if path is not None:
        return Run(path)
    existing = [candidate for candidate in _candidates(name) if (candidate / "run.json").exists()]
    if not existing:
        raise RunError(
            f"there is no run to resume at runs/{name}",
            hint="name its folder with --output, or start without --resume",
        )
    return Run(existing[-1])


def now() -> datetime:
    """The current time, UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def _candidates(name: str) -> list[Path]:
    return [Path("runs", name), *(Path("runs", f"{name}-{at}") for at in range(2, 1_000))]
