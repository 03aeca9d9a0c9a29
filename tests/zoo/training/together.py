"""Runs that several processes make together; torchrun starts this file in each of them.

Whoever compares calls the same functions in one process, with a batch as many times larger.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from accelerate import PartialState

from tests.conftest import CLASSES, draw
from tests.zoo.training.small_runs import DESCEND, RESNET, SIZE, SOLVE, VIT
from zoo.data.open import DataSettings
from zoo.errors import StorageError, ZooError
from zoo.recipes import Augment, DescendPhase, Lora, Recipe
from zoo.registry.files import built_in_registry
from zoo.run import Run
from zoo.training import descent, finetune, processes, step
from zoo.training.plan import Settings
from zoo.training.resume import resume

SAMPLES = 37
"""29 train, which is no multiple of any step, and an odd number validate."""
SGD = replace(DESCEND, optimizer="sgd", lr=0.02, epochs=3)


@dataclass(frozen=True)
class Case:
    """A recipe, and what it is run on."""

    phases: tuple[DescendPhase, ...]
    targets: tuple[str, ...] = ("kind:class", "size:value", "marks:labels")
    limit: int | None = None
    recipe: dict[str, object] = field(default_factory=dict)
    device: str = "cpu"
    network: str = RESNET
    shard: bool = False


CASES = {
    "everything": Case(
        (replace(SGD, ema=0.8, patience=2, clip_norm=0.5, weight_decay=0.01),),
        recipe={"accumulate": 2, "last_batch": "keep", "augment": Augment()},
    ),
    "few": Case(
        (replace(SGD, epochs=4, clip_norm=1.0),),
        targets=("kind:class", "size:value"),
        limit=9,
        recipe={"last_batch": "keep", "weighting": "uncertainty"},
    ),
    "adapt": Case((replace(SGD, batch_norm="adapt", ema=0.5),), targets=("kind:class",)),
    "adam": Case((DESCEND, replace(DESCEND, train="head")), targets=("kind:class",)),
    "synchronised": Case(
        (replace(SGD, batch_norm="adapt"),), targets=("kind:class",), device="cuda"
    ),
}

LORA = replace(SGD, lora=Lora(rank=2, alpha=4.0), clip_norm=0.5)
CASES["lora"] = Case((LORA, SGD), targets=("kind:class",), network=VIT)
SHARDED = tuple(name for name in CASES if name != "synchronised")
CASES |= {f"sharded-{name}": replace(CASES[name], shard=True) for name in SHARDED}


@dataclass
class Account:
    """What one process did."""

    rank: int
    outcome: str = "complete"
    """Or the class of the error that ended it."""
    problem: str = ""
    exit_code: int = 0
    written: list[str] = field(default_factory=list)
    """Files in the run folder that it opened for writing, replaced or removed."""
    notes: list[str] = field(default_factory=list)
    found: object = None
    """What a scenario measured."""


def make_data(folder: Path) -> None:
    """Draw pictures and a table of them, whose truths are missing here and there."""
    folder.mkdir(parents=True)
    with (folder / "table.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "kind", "size", "marks"])
        for row in range(SAMPLES):
            kind = CLASSES[row % 3]
            draw(kind, row).save(folder / f"{row:02d}.png")
            size = f"{row * 1.5}" if row % 7 == 0 or row > 30 else ""
            marks = ("a;b", "b", "[]", "")[row % 4]
            table.writerow([f"{row:02d}.png", "" if row % 5 == 4 else kind, size, marks])


def settings_of(case: Case, batch_size: int) -> Settings:
    """Say what a user would."""
    return Settings(
        recipe="together",
        batch_size=batch_size,
        img_size=SIZE,
        data=DataSettings(input="image", targets=case.targets, accept_guess=True),
        limit_train=case.limit,
        device=case.device,
        precision="fp32",
        workers=0,
        cache=None,
        pretrained=False,
        shard=case.shard,
    )


def run(case: Case, data: Path, output: Path, batch_size: int, progress=None) -> Run:
    """Fine-tune as a case says, in as many processes as there are."""
    # One strength: between two that are equally good, the last digits of features decide.
    solve = replace(SOLVE, strengths=(0.1,))
    recipe = Recipe(name="together", summary="", phases=(solve, *case.phases), **case.recipe)
    registry = built_in_registry()
    registry = replace(registry, recipes={**registry.recipes, "together": recipe})
    return finetune.finetune(
        case.network,
        data / "table.csv",
        settings_of(case, batch_size),
        output=output,
        registry=registry,
        progress=progress,
    )


class _Notes:
    """A listener that keeps what is said."""

    def __init__(self, account: Account) -> None:
        self.note = account.notes.append
        self.start = self.advance = self.finish = lambda *_: None


class _Watch:
    """Writes down which files of a folder this process touches."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.account: Account | None = None
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple) -> None:
        changes = event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate")
        if event == "open":
            flags = arguments[2]
            changes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        if changes and self.account is not None and self.folder in os.fspath(arguments[0]):
            self.account.written.append(f"{event} {arguments[0]}")


def collect_everything(_: Account) -> dict[int, list[int]]:
    """Share and collect every number of items, a few rows at a time."""
    some, found = processes.join_processes("cpu", "fp32"), {}
    processes._ROWS, before = 2, processes._ROWS
    for count in range(1, 12):
        mine = {"at": torch.tensor([*some.share(count)], dtype=torch.int64)}
        found[count] = some.collect(mine, count).get("at", torch.empty(0)).tolist()
    processes._ROWS = before
    return found


def stop_one(number: int, rank: int) -> Callable[[], None]:
    """Let one process get a signal in a certain step of gradient descent; return the undoing."""
    backward, look = step.Stepper.backward, descent._LOOK_EVERY
    calls = iter(range(10_000))

    def signalled(*arguments):
        if next(calls) == number and PartialState().process_index == rank:
            signal.raise_signal(signal.SIGTERM)
        return backward(*arguments)

    step.Stepper.backward, descent._LOOK_EVERY = signalled, 1

    def undo():
        step.Stepper.backward, descent._LOOK_EVERY = backward, look

    return undo


def interrupted(folder: Path, account: Account, rank: int, name: str = "everything") -> int:
    """Stop the second of two processes on the way, see where all stand, and go on."""
    prefix = name.removesuffix("everything")
    output, undo = folder / "runs" / f"{prefix}interrupted-{rank}", stop_one(4, rank)
    with suppress(ZooError):
        run(CASES[name], folder / "data", output, 4)
    undo()
    account.found = sorted(path.name for path in (output / "checkpoints").iterdir())
    if PartialState().is_main_process:
        shutil.copytree(output / "checkpoints", folder / "kept" / output.name)
    resume(output, settings=Settings(workers=0, cache=None), progress=_Notes(account))
    return account.found


def stopped(folder: Path, _: Account) -> None:
    """Stop both for good."""
    undo = stop_one(4, 0)
    try:
        run(CASES["everything"], folder / "data", folder / "runs" / "stopped", 4)
    finally:
        undo()


def without_a_folder(folder: Path, _: Account) -> None:
    """Fail in the first process alone."""

    def refuse(path, name, fill):
        raise StorageError(path, OSError(28, "No space left on device"))

    before, finetune.create_run = finetune.create_run, refuse
    try:
        run(CASES["few"], folder / "data", folder / "runs" / "nowhere", 4)
    finally:
        finetune.create_run = before


def broken(folder: Path, _: Account) -> None:
    """Let the loss become NaN."""
    case = replace(CASES["few"], phases=(replace(SGD, lr=1e30),))
    run(case, folder / "data", folder / "runs" / "broken", 4)


def foreign(folder: Path, _: Account) -> None:
    """Resume what one process began."""
    resume(folder / "runs" / "foreign", settings=Settings(workers=0, cache=None))


def impatient(_folder: Path, _: Account) -> None:
    """Interrupt the first process while the other waits for what it makes."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        processes.join_processes("cpu", "fp32").agree(interrupt)


def compiled(folder: Path, _: Account) -> None:
    """Ask for what a network that is spread cannot do."""
    settings = replace(settings_of(CASES["sharded-few"], 4), recipe="finetune", compile=True)
    finetune.finetune(RESNET, folder / "data" / "table.csv", settings)


def automatic(folder: Path, _: Account) -> None:
    """Ask for what only one process can do."""
    settings = replace(settings_of(CASES["few"], 4), recipe="finetune", auto_batch=True)
    finetune.finetune(RESNET, folder / "data" / "table.csv", settings)


def trained(name: str) -> Callable[[Path, Account], None]:
    """Train a case from beginning to end."""

    def scenario(folder: Path, account: Account) -> None:
        run(CASES[name], folder / "data", folder / "runs" / name, 4, _Notes(account))

    return scenario


SCENARIOS: dict[str, Callable[[Path, Account], object]] = {
    "collect": lambda _, account: collect_everything(account),
    **{name: trained(name) for name in CASES},
    "existing": trained("few"),
    "interrupted-0": lambda folder, account: interrupted(folder, account, 0),
    "interrupted-1": lambda folder, account: interrupted(folder, account, 1),
    "sharded-interrupted-1": lambda folder, account: interrupted(
        folder, account, 1, "sharded-everything"
    ),
    "stopped": stopped,
    "without-a-folder": without_a_folder,
    "broken": broken,
    "foreign": foreign,
    "automatic": automatic,
    "compiled": compiled,
    "impatient": impatient,
}


def main(folder: Path, names: list[str]) -> None:
    """Go through scenarios and leave an account of each."""
    rank = int(os.environ["RANK"])
    watch = _Watch(folder / "runs")
    for name in names:
        account = watch.account = Account(rank)
        try:
            account.found = SCENARIOS[name](folder, account)
        except ZooError as error:
            account.outcome, account.problem = type(error).__name__, error.problem
            account.exit_code = error.exit_code
        watch.account = None
        path = folder / "said" / f"{name}-{rank}.json"
        path.write_text(json.dumps(asdict(account)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
