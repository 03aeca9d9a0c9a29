import json
import shutil

import torch

from zoo.training.checkpoint import load_checkpoint
from zoo.training.loop import run_phases


def test_phases_follow_each_other_and_the_log_tells(training):
    run_phases(training)
    lines = [json.loads(line) for line in training.run.metrics_log.read_text().splitlines()]
    assert [(line["phase"], line["kind"]) for line in lines] == [
        (0, "solve"),
        (1, "descend"),
        (1, "descend"),
    ]
    assert load_checkpoint(training.run.checkpoints).phase == 2
    assert training.images == 18 * 3
    assert set(training.seconds) == {"features", "solve", "descend 1"}


def test_a_finished_checkpoint_repeats_nothing(training):
    run_phases(training)
    done = {name: value.clone() for name, value in training.network.state_dict().items()}
    images = training.images
    run_phases(training)
    torch.testing.assert_close(dict(training.network.state_dict()), done, rtol=0, atol=0)
    assert training.images == images


def test_lines_of_steps_that_are_taken_again_are_dropped(training, tmp_path):
    run_phases(training)
    log = training.run.metrics_log
    before = [json.loads(line)["step"] for line in log.read_text().splitlines()]
    shutil.rmtree(training.run.checkpoints)
    training.seconds.clear()
    run_phases(training)
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == before


def test_a_line_torn_by_a_kill_does_not_stop_the_resumed_run(training):
    run_phases(training)
    log = training.run.metrics_log
    whole = log.read_text()
    log.write_text(whole[: len(whole) - 20])
    run_phases(training)
    assert log.read_text().splitlines() == whole.splitlines()[:2]
