import signal

import pytest
import torch

from zoo.errors import RunInterruptedError
from zoo.training.checkpoint import load_checkpoint


def test_a_saved_moment_can_be_continued_from(training):
    training.images = 7
    training.lap("descend 0")
    training.save(1, 3, epoch_loss=0.25)
    saved = {name: value.clone() for name, value in training.network.state_dict().items()}
    with torch.no_grad():
        training.network.head.weight.zero_()
    checkpoint = load_checkpoint(training.run.checkpoints)
    assert (checkpoint.phase, checkpoint.step, checkpoint.epoch_loss) == (1, 3, 0.25)
    training.images = 0
    training.continue_from(checkpoint)
    assert training.images == 7
    torch.testing.assert_close(dict(training.network.state_dict()), saved, rtol=0, atol=0)


def test_laps_add_up(training):
    training.lap("a")
    first = training.seconds["a"]
    training.lap("b")
    training.lap("a")
    assert training.seconds["a"] >= first
    assert list(training.seconds) == ["a", "b"]


def test_validation_does_not_train(training):
    before = {name: value.clone() for name, value in training.network.state_dict().items()}
    assert training.validate().num_samples == len(training.plan.dataset.validation)
    torch.testing.assert_close(dict(training.network.state_dict()), before, rtol=0, atol=0)


def test_a_stop_names_the_command_that_goes_on(training):
    training.stop_if_asked()
    training.stop.signal = signal.SIGTERM
    with pytest.raises(RunInterruptedError) as caught:
        training.stop_if_asked()
    assert f"zoo finetune --resume --output {training.run.path}" in caught.value.hint
