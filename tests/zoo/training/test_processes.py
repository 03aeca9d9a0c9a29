import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from tests.zoo.training import together
from tests.zoo.training.small_runs import RESNET, SIZE, changed, log_of
from tests.zoo.training.together import CASES, SCENARIOS, SHARDED
from zoo.errors import RunError, RunInterruptedError
from zoo.evaluation import evaluate
from zoo.model import load_model
from zoo.run import Run
from zoo.training.checkpoint import load_checkpoint
from zoo.training.plan import Settings
from zoo.training.processes import join_processes
from zoo.training.resume import resume

ROOT = Path(__file__).parents[3]
LAUNCH = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
SCRIPT = str(ROOT / "tests/zoo/training/together.py")
ZOO = str(Path(sys.executable).with_name("zoo"))
EQUAL = ("everything", "few", "adam")
"""Cases whose steps do not depend on the number of processes."""


def test_a_process_alone_talks_to_nobody(monkeypatch):
    alone = join_processes("cpu", "fp32")
    for name in ("broadcast", "all_reduce", "all_gather_object", "broadcast_object_list"):
        monkeypatch.delattr(f"torch.distributed.{name}")
    module, mine = nn.BatchNorm1d(2), {"a": torch.arange(3)}
    assert (alone.count, alone.rank, alone.writes) == (1, 0, True)
    assert alone.agree(lambda: 5) == 5
    assert [alone.any(flag) for flag in (True, False)] == [True, False]
    assert alone.join(module) is module
    assert alone.collect(mine, 3) == mine
    assert alone.count_neighbours() == 1
    alone.equalise(module)
    with pytest.raises(RunError, match="as it is"):
        alone.agree(lambda: (_ for _ in ()).throw(RunError("as it is")))


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What one process makes of some cases, and two of all scenarios."""
    folder = tmp_path_factory.mktemp("together")
    together.make_data(folder / "data")
    (folder / "said").mkdir()
    for name in EQUAL:
        together.run(CASES[name], folder / "data", folder / "alone" / name, 8)
    undo = together.stop_one(4, 0)
    with pytest.raises(RunInterruptedError):
        together.run(CASES["few"], folder / "data", folder / "runs" / "foreign", 8)
    undo()
    start(2, folder, *(name for name in SCENARIOS if name != "synchronised"))
    return folder


def start(count: int, folder: Path, *names: str) -> None:
    """Go through scenarios in so many processes."""
    command = [*LAUNCH, str(count), SCRIPT, str(folder), *names]
    subprocess.run(command, env=environment(), check=True)


def accounts(made: Path, name: str) -> list[dict]:
    return [json.loads((made / "said" / f"{name}-{rank}.json").read_text()) for rank in range(2)]


def figures(run: Run) -> list[float]:
    """All losses that a run logged, in order."""
    lines = log_of(run)
    return [value for line in lines for value in (line.get("train_loss", 0.0), *validation(line))]


def validation(line: dict) -> list[float]:
    return [line["validation"][name] for name in sorted(line["validation"])]


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model" / "model.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize("name", EQUAL)
def test_two_processes_train_as_one_with_twice_the_batch(made, name):
    alone, two = Run(made / "alone" / name), Run(made / "runs" / name)
    # Sums of float32 in another order, over a handful of steps; 2e-6 was measured.
    assert figures(two) == pytest.approx(figures(alone), rel=2e-5)
    one, other = weights(alone.path), weights(two.path)
    assert set(one) == set(other)
    for key, value in one.items():
        # Of a whole tensor, since single weights are sums that nearly cancel; 1e-5 was measured.
        difference = (other[key].double() - value.double()).norm()
        assert difference <= 1e-4 * value.double().norm(), key


@pytest.mark.slow
@pytest.mark.parametrize("name", EQUAL)
def test_every_sample_is_measured_once(made, name):
    alone, two = Run(made / "alone" / name).read(), Run(made / "runs" / name).read()
    before, after = alone.metrics["validation"], two.metrics["validation"]
    assert after.num_samples == two.data.num_samples["validation"]
    assert after.headline.value == pytest.approx(before.headline.value, rel=2e-5)
    assert two.data.fingerprint == alone.data.fingerprint


@pytest.mark.slow
def test_the_cases_are_as_uneven_as_they_have_to_be(made):
    """29 samples in steps of 16, 9 in steps of 8: the last step leaves one process with none."""
    counts = {name: Run(made / "runs" / name).read().data.num_samples for name in EQUAL}
    assert counts["everything"] == {"train": 29, "validation": 7}
    assert counts["few"]["train"] == 9
    assert [line["step"] for line in log_of(Run(made / "runs" / "few"))][-1] == 8


@pytest.mark.slow
def test_results_of_all_shares_come_together_in_order(made):
    first, second = (account["found"] for account in accounts(made, "collect"))
    assert first == {str(count): list(range(count)) for count in range(1, 12)}
    assert not any(second.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", [*EQUAL, "interrupted-1", "sharded-everything"])
def test_only_the_first_process_writes_and_speaks(made, name):
    first, second = accounts(made, name)
    assert first["outcome"] == second["outcome"] == "complete"
    assert any("model.safetensors" in path for path in first["written"])
    assert any(note.startswith("epoch") for note in first["notes"])
    assert second["written"] == second["notes"] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", SHARDED)
def test_one_network_that_is_spread_trains_as_a_copy_in_each(made, name):
    copies, spread = Run(made / "runs" / name), Run(made / "runs" / f"sharded-{name}")
    assert (copies.read().sharded, spread.read().sharded) == (False, True)
    # A copy's convolutions lie in memory by channels, a share's do not: sums of float32 in
    # another order. 5e-5 was measured with statistics that move, 2e-6 elsewhere.
    assert figures(spread) == pytest.approx(figures(copies), rel=2e-4)
    theirs = spread.read().metrics["validation"]
    ours = copies.read().metrics["validation"]
    assert theirs.num_samples == ours.num_samples
    assert theirs.headline.value == pytest.approx(ours.headline.value, rel=2e-4)
    one, other = weights(copies.path), weights(spread.path)
    assert set(one) == set(other)
    for key, value in one.items():
        # Of a whole tensor; 9e-5 was measured with statistics that move, 1e-6 elsewhere.
        difference = (other[key].double() - value.double()).norm()
        assert difference <= 5e-4 * value.double().norm(), key


@pytest.mark.slow
def test_a_stopped_run_of_a_network_that_is_spread_goes_on_to_the_same_bits(made):
    first, second = accounts(made, "sharded-interrupted-1")
    assert first["outcome"] == second["outcome"] == "complete"
    assert any("step-1-0000005-" in file for file in first["found"])
    undisturbed = weights(made / "runs" / "sharded-everything")
    assert changed(undisturbed, weights(made / "runs" / "sharded-interrupted-1")) == set()


@pytest.mark.slow
def test_a_checkpoint_is_the_same_whether_or_not_the_network_is_spread(made):
    copies, spread = (
        load_checkpoint(made / "kept" / name) for name in ("interrupted-1", "sharded-interrupted-1")
    )
    assert list(spread.network) == list(copies.network)
    assert set(spread.phase_state) == set(copies.phase_state)
    # The same sums in another order, after five steps.
    close = {"rtol": 1e-3, "atol": 1e-5}
    torch.testing.assert_close(dict(spread.network), dict(copies.network), **close)
    for part in ("average", "stepper", "best"):
        torch.testing.assert_close(spread.phase_state[part], copies.phase_state[part], **close)
    moments = [found.phase_state["optimizer"]["state"] for found in (spread, copies)]
    torch.testing.assert_close(*moments, **close)


@pytest.mark.slow
def test_an_impatient_interruption_of_the_first_process_is_heard_by_the_others(made):
    _, second = accounts(made, "impatient")
    assert (second["outcome"], second["exit_code"]) == ("EchoedError", 130)
    assert "interrupted" in second["problem"]


@pytest.mark.slow
def test_the_record_tells_how_many_trained_together(made):
    assert Run(made / "runs" / "few").read().processes == 2
    assert Run(made / "alone" / "few").read().processes == 1


@pytest.mark.slow
def test_moving_statistics_are_those_that_were_measured(made):
    """Each process has its own on the CPU; the ones that are kept must be the scored ones."""
    run = Run(made / "runs" / "adapt")
    kept = evaluate(load_model(run.model_folder), run.read_split("validation"))
    # Another batch size than in training: sums in another order.
    assert kept.loss == pytest.approx(run.read().metrics["validation"].loss, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_a_signal_to_one_stops_all_at_a_step_that_they_go_on_from_to_the_same_bits(made, rank):
    name = f"interrupted-{rank}"
    first, second = accounts(made, name)
    (checkpoint,) = [file for file in first["found"] if file.endswith(".pt")]
    assert checkpoint.startswith("step-1-0000005-")
    assert second["found"] == first["found"]
    undisturbed = weights(made / "runs" / "everything")
    assert changed(undisturbed, weights(made / "runs" / name)) == set()
    # The sum of an epoch's losses is begun anew where it was interrupted.
    logs = figures(Run(made / "runs" / name)), figures(Run(made / "runs" / "everything"))
    assert logs[0] == pytest.approx(logs[1], rel=1e-6)


@pytest.mark.slow
def test_more_than_two_add_in_the_same_order_after_resuming(tmp_path):
    """Of three numbers it matters, and DDP would find its order after a first step anew."""
    together.make_data(tmp_path / "data")
    (tmp_path / "said").mkdir()
    start(3, tmp_path, "everything", "interrupted-1")
    runs = tmp_path / "runs"
    assert changed(weights(runs / "everything"), weights(runs / "interrupted-1")) == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "outcome", "problem", "code"),
    [
        ("existing", "RunError", "exists; a run never overwrites", 1),
        ("without-a-folder", "StorageError", "No space left on device", 1),
        ("broken", "DivergedError", "the loss became", 1),
        ("automatic", "RecipeError", "--batch-size auto is for one process, and there are 2", 1),
        ("compiled", "RecipeError", "--shard and --compile exclude each other", 1),
        ("foreign", "RunError", "was begun by 1 process, not by 2", 1),
        ("stopped", "RunInterruptedError", "by SIGTERM", 130),
    ],
)
def test_what_stops_the_first_process_stops_all(made, name, outcome, problem, code):
    first, second = accounts(made, name)
    assert problem in first["problem"]
    assert second["problem"] == first["problem"]
    assert (first["outcome"], second["outcome"]) == (outcome, "EchoedError")
    assert first["exit_code"] == second["exit_code"] == code


@pytest.mark.slow
def test_one_process_does_not_resume_what_two_began(made):
    with pytest.raises(RunError, match="was begun by 2 processes, not by 1") as caught:
        resume(made / "runs" / "stopped", settings=Settings(workers=0))
    assert "torchrun --nproc-per-node 2 --no-python zoo finetune --resume" in caught.value.hint


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_batch_statistics_are_those_of_all_gpus(tmp_path):
    together.make_data(tmp_path / "data")
    (tmp_path / "said").mkdir()
    case = CASES["synchronised"]
    alone = together.run(case, tmp_path / "data", tmp_path / "alone", 8)
    start(2, tmp_path, "synchronised")
    # cuDNN chooses another kernel for another batch size, and TF32 has ten bits.
    two = figures(Run(tmp_path / "runs" / "synchronised"))
    assert two == pytest.approx(figures(alone), rel=2e-2)


def command(photos: Path, output: Path, *more: str) -> list[str]:
    arguments = f"finetune {RESNET} {photos} --output {output} --img-size {SIZE} --device cpu"
    fixed = "--recipe finetune --batch-size 4 --random-weights --no-cache --workers 1"
    return [*LAUNCH, "2", "--no-python", ZOO, *arguments.split(), *fixed.split(), *more]


def call(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_torchrun_starts_the_command_line_which_speaks_once(photos, tmp_path):
    ended = call(command(photos, tmp_path / "run", "--epochs", "1"))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("zoo export") == 1
    assert ended.stderr.count("writing") == 1
    again = call(command(photos, tmp_path / "run"))
    assert again.returncode != 0
    assert again.stderr.count("error: ") == 1


@pytest.mark.slow
def test_a_signal_to_torchrun_reaches_all_and_the_run_can_be_resumed(photos, tmp_path):
    output = tmp_path / "run"
    begin = command(photos, output, "--epochs", "400")
    process = subprocess.Popen(
        begin, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    log, deadline = output / "metrics.jsonl", time.monotonic() + 120
    while not (log.exists() and "descend" in log.read_text()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode != 0
    hint = f"continue in as many processes: zoo finetune --resume --output {output}"
    assert said.count(hint) == 1
    assert Run(output).read().status == "interrupted"
    assert len(list((output / "checkpoints").glob("*.pt"))) == 1
