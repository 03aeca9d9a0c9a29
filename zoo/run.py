"""The run folder: who was trained, on what, how, and how well."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from zoo.data.dataset import Dataset, Sample, SplitName
from zoo.errors import DamagedFileError, DataError, RunError, StorageError
from zoo.inputs.contract import Preprocess
from zoo.recipes import Recipe
from zoo.registry import Backbone, list_mistakes
from zoo.storage import read_json, sha256_of, write_bytes, write_json
from zoo.targets.classes import ClassMetrics

_STRICT = ConfigDict(extra="forbid")
_PACKAGES = ("finezoo", "torch", "torchvision", "timm", "pillow", "numpy")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRecord:
    """The data set that a run saw."""

    __pydantic_config__ = _STRICT

    root: str
    fingerprint: str
    """Hash of contents, classes and splits; the same wherever the folder lies."""
    classes: tuple[str, ...]
    num_samples: dict[SplitName, int]
    notes: tuple[str, ...] = ()


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
class RunRecord:
    """`run.json`."""

    __pydantic_config__ = _STRICT

    format: Literal[1] = 1
    status: Literal["running", "interrupted", "complete"]
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
    precision: Literal["fp32", "bf16"]
    threads: int
    """CPU threads within an operator; another number sums in another order."""
    versions: dict[str, str]
    commands: tuple[str, ...] = ()
    """The command lines that began and resumed this run."""
    metrics: dict[SplitName, ClassMetrics] = field(default_factory=dict)
    """Of the kept weights, which are those after the last step."""
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
        """Write `splits.json`: which file went where, with its content's hash."""
        splits = {
            split: [
                {
                    "file": _relative(sample.path, dataset.root),
                    "label": dataset.classes[sample.label],
                    "sha256": sample.sha256,
                }
                for sample in samples
            ]
            for split, samples in dataset.splits.items()
        }
        content = {"format": 1, "root": str(dataset.root), "splits": splits}
        write_json(self.path / "splits.json", content)

    def read_dataset(self) -> Dataset:
        """Read the data set as the run recorded it; no image is opened.

        Raises:
            DamagedFileError: `splits.json` or `run.json` is not what was written.
        """
        path = self.path / "splits.json"
        record = self.read()
        if not path.exists():
            raise DamagedFileError(path, "missing")
        content = read_json(path)
        index = {name: label for label, name in enumerate(record.data.classes)}
        try:
            root = Path(content["root"])
            dataset = Dataset(
                root=root,
                classes=record.data.classes,
                splits={
                    split: tuple(
                        Sample(
                            path=root / entry["file"],
                            label=index[entry["label"]],
                            sha256=entry["sha256"],
                        )
                        for entry in entries
                    )
                    for split, entries in content["splits"].items()
                },
            )
        except (KeyError, TypeError, AttributeError) as cause:
            raise DamagedFileError(path, f"unexpected or missing {cause}") from cause
        if dataset.fingerprint != record.data.fingerprint:
            raise DamagedFileError(path, "it is not the split that run.json was written with")
        return dataset

    def read_split(self, split: SplitName) -> tuple[Sample, ...]:
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
        if run.read().status != "complete":
            raise RunError(
                f"{path} is not finished; it has no model yet",
                hint=f"zoo finetune --resume --output {path}",
            )
        return Located(run.model_folder, run)
    if (path / "zoo_config.json").exists():
        parent = Run(path.resolve().parent)
        inside = path.resolve() == parent.model_folder and (parent.path / "run.json").exists()
        return Located(path, parent if inside else None)
    if path.suffix == ".onnx" and (path.resolve().parents[1] / "zoo_config.json").exists():
        return locate_model(path.resolve().parents[1])
    problem = "is neither a run folder nor a model folder" if path.exists() else "does not exist"
    raise RunError(
        f"{path} {problem}",
        hint="give what `zoo finetune` made, such as runs/NAME or a copy of its model folder",
    )


def create_run(path: Path | None, name: str) -> Run:
    """Make a new folder: `path` if given, else `runs/NAME` or the first free `runs/NAME-2` ….

    Raises:
        RunError: `path` exists.
        StorageError: The folder cannot be made.
    """
    require_free(path)
    for candidate in [path] if path else _candidates(name):
        try:
            candidate.mkdir(parents=True)
        except FileExistsError:
            require_free(path)
        except OSError as cause:
            raise StorageError(candidate, cause) from cause
        else:
            return Run(candidate)
    raise RunError(f"runs/{name} and its numbered successors all exist")


def require_free(path: Path | None) -> None:
    """Make sure that a chosen output folder does not exist.

    Raises:
        RunError: It does.
    """
    if path is not None and path.exists():
        unfinished = (path / "run.json").exists() and Run(path).read().status != "complete"
        go_on = ", or continue that run with --resume" if unfinished else ""
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


def require_unchanged(samples: tuple[Sample, ...]) -> None:
    """Make sure that files are what they were when the run was made.

    Raises:
        DataError: Some are gone or differ; up to ten are named.
    """
    gone = [sample.path for sample in samples if not sample.path.exists()]
    changed = [s.path for s in samples if s.path.exists() and sha256_of(s.path) != s.sha256]
    if gone or changed:
        lines = [f"  {path}: missing" for path in gone] + [f"  {path}: changed" for path in changed]
        more = f"\n  … and {len(lines) - 10} more" if len(lines) > 10 else ""
        raise DataError(
            "the data is not what the run was made with:\n" + "\n".join(lines[:10]) + more,
            hint="put the files back, or name a labelled folder to measure on",
        )


def collect_versions() -> dict[str, str]:
    """Collect the versions of Python and of the packages that decide a result."""
    return {"python": sys.version.split()[0], **_installed(_PACKAGES)}


def zoo_version() -> str:
    """Version of this distribution."""
    return _installed(("finezoo",))["finezoo"]


def now() -> datetime:
    """The current time, UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def _installed(packages: tuple[str, ...]) -> Mapping[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _candidates(name: str) -> list[Path]:
    return [Path("runs", name), *(Path("runs", f"{name}-{at}") for at in range(2, 1_000))]


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
