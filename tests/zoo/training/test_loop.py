import shutil

import pytest

from tests.zoo.training.small_runs import begin, changed, log_of, state
from zoo.training.checkpoint import load_checkpoint
from zoo.training.loop import run_phases


def test_phases_follow_each_other_and_the_log_tells(training):
    run_phases(training)
    assert [(line["phase"], line["kind"], line["step"]) for line in log_of(training.run)] == [
        (0, "solve", 0),
        (1, "descend", 3),
        (1, "descend", 6),
    ]
    assert load_checkpoint(training.run.checkpoints).phase == 2
    assert training.images == 18 * 3
    assert set(training.seconds) == {"features", "solve", "descend 1"}


def test_a_finished_checkpoint_repeats_nothing(training):
    run_phases(training)
    done, images = state(training.network), training.images
    run_phases(training)
    assert not changed(done, state(training.network))
    assert training.images == images


def test_lines_of_steps_that_are_taken_again_are_dropped(training, plan):
    run_phases(training)
    before = [line["step"] for line in log_of(training.run)]
    shutil.rmtree(training.run.checkpoints)
    run_phases(begin(plan, training.run.path))
    assert [line["step"] for line in log_of(training.run)] == before


@pytest.mark.parametrize("cut", [1, 20])
def test_a_line_torn_by_a_kill_does_not_stop_the_resumed_run(training, cut):
    run_phases(training)
    log = training.run.metrics_log
    whole = log.read_text()
    log.write_text(whole[:-cut])
    run_phases(training)
    assert log.read_text().splitlines() == whole.splitlines()[: 3 if cut == 1 else 2]
