"""Processes that are killed at random moments, and resumed until they are done."""

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import make_photos
from tests.zoo.training.small_runs import log_of
from zoo.run import Run

KILLS = 20
KILLED = -9
COMMAND = (
    "finetune timm/test_resnet.r160_in1k {photos} --recipe finetune --random-weights --img-size 32 "
    "--epochs 5 --batch-size 4 --workers 0 --device cpu --ema 0.9 --patience 4 --mixup 0.2 "
    "--cache-dir {cache} --output {output}"
)
SERVER = """
import os, signal, sys
import timm, torch, cli.commands.finetune, zoo.training.finetune, zoo.training.resume
from zoo.training import descent
from cli.main import main

descent.CHECKPOINT_EVERY_S, descent._LOOK_EVERY = 0.0, 1
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
for line in sys.stdin:
    delay, *arguments = line.split()
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        said = os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.argv = ["zoo", *arguments]
        sys.exit(main())
    if signal.sigtimedwait([signal.SIGCHLD], float(delay)) is None:
        os.kill(child, signal.SIGKILL)
        signal.sigwait([signal.SIGCHLD])
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Imports once and runs each command line in a process of its own, for so many seconds at most.

A checkpoint is written after every step, so that many of the kills come while one is.
"""


@pytest.fixture
def run(tmp_path):
    """Run a command line and return its exit status."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    ) as server:

        def send(arguments: str, seconds: float = 600.0) -> int:
            server.stdin.write(f"{seconds} {arguments}\n")
            server.stdin.flush()
            return int(server.stdout.readline())

        yield send
        server.stdin.close()


def outcome(output: Path):
    """Every byte of the weights, and the log without its times."""
    lines = [{k: v for k, v in line.items() if k != "seconds"} for line in log_of(Run(output))]
    return (output / "model" / "model.safetensors").read_bytes(), lines


def is_complete(output: Path) -> bool:
    return (output / "run.json").exists() and Run(output).read().status == "complete"


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_ends_in_the_same_bits(run, tmp_path):
    """Twenty kills at moments that are spread over its whole duration."""
    photos, said = make_photos(tmp_path / "photos"), tmp_path / "said.txt"
    places = {"photos": photos, "cache": tmp_path / "pixels"}
    whole, output = tmp_path / "whole", tmp_path / "run"
    for _ in range(2):  # the first one warms the machine up, so that the second one's time counts
        shutil.rmtree(whole, ignore_errors=True)
        begun = time.monotonic()
        assert run(COMMAND.format(output=whole, **places)) == 0, said.read_text()
        duration = time.monotonic() - begun
    expected, moments, kills = outcome(whole), random.Random(0), 0
    for _ in range(10 * KILLS):
        if kills >= KILLS and not output.exists():
            break
        begins = not (output / "run.json").exists()
        if begins:  # killed before there was anything to resume: its name is still free
            assert not output.exists()
        seconds = moments.uniform(0, duration) if kills < KILLS else 600.0
        resumes = "" if begins else " --resume"
        status = run(COMMAND.format(output=output, **places) + resumes, seconds)
        assert status in (0, KILLED), said.read_text()
        kills += status == KILLED
        if is_complete(output):
            assert outcome(output) == expected
            assert not list(output.rglob("*.part"))
            shutil.rmtree(output)
    assert kills == KILLS
    assert not output.exists()
