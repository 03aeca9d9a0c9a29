import signal
from dataclasses import replace

import pytest
import torch

from tests.zoo.training.small_runs import begin
from zoo.data.loading import load_prepared
from zoo.data.pixels import CacheSettings, LivePrepared
from zoo.errors import RecipeError, RunInterruptedError
from zoo.training import context
from zoo.training.checkpoint import load_checkpoint
from zoo.training.loop import run_phases


def test_a_saved_moment_can_be_continued_from(training):
    training.images = 7
    training.lap("descend 0")
    training.save(1, 3, phase_state={"step": 7}, epoch_loss=0.25)
    saved = {name: value.clone() for name, value in training.network.state_dict().items()}
    with torch.no_grad():
        training.network.heads["label"].last.weight.zero_()
    checkpoint = load_checkpoint(training.run.checkpoints)
    assert (checkpoint.phase, checkpoint.step, checkpoint.epoch_loss) == (1, 3, 0.25)
    assert checkpoint.phase_state == {"step": 7}
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


def test_outputs_of_a_split_are_those_of_its_samples_in_their_order(training):
    alone = load_prepared(
        training.plan.dataset.train.paths, training.plan.preprocess, batch_size=1, workers=0
    )
    training.network.eval()
    with torch.no_grad():
        expected = torch.cat([training.network(b.pixel_values)["label"] for b in alone])
    # Convolutions of a batch sum in another order than those of one image.
    found = training.outputs("train")["label"]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_a_log_line_is_one_line_of_json(training):
    training.log({"step": 1})
    training.log({"step": 2})
    assert training.run.metrics_log.read_text() == '{"step": 1}\n{"step": 2}\n'


def shift(network) -> None:
    """Change the network's answers."""
    with torch.no_grad():
        network.heads["label"].last.bias.add_(1)


def test_validation_is_decoded_once_and_its_bits_are_those_of_the_files(
    plan, tmp_path, monkeypatch
):
    live = begin(plan, tmp_path / "live").outputs("validation")
    cached = replace(plan, cache=CacheSettings(folder=tmp_path / "pixels"))
    training = begin(cached, tmp_path / "run")
    assert torch.equal(training.outputs("validation")["label"], live["label"])
    monkeypatch.setattr(LivePrepared, "decode", None)
    assert torch.equal(training.outputs("validation")["label"], live["label"])
    again = begin(cached, tmp_path / "another")
    assert torch.equal(again.outputs("validation")["label"], live["label"])


def test_what_is_scored_once_is_not_kept(plan, tmp_path):
    training = begin(replace(plan, cache=CacheSettings(folder=tmp_path / "pixels")), tmp_path / "r")
    training.score("train")
    assert not (tmp_path / "pixels").exists()


def watch_runs(training, monkeypatch):
    """List the splits that the network is run over, from now on."""
    runs = []
    outputs = type(training).outputs
    monkeypatch.setattr(
        type(training), "outputs", lambda self, split: (runs.append(split), outputs(self, split))[1]
    )
    return runs


def test_a_network_that_did_not_change_since_the_last_epoch_is_not_run_again(training, monkeypatch):
    runs = watch_runs(training, monkeypatch)
    training.validate(last=True)
    training.network.train()
    kept = training.outputs_on_validation()["label"]
    assert runs == ["validation"]
    assert torch.equal(kept, training.outputs("validation")["label"])
    shift(training.network)
    changed = training.outputs_on_validation()["label"]
    assert torch.equal(changed, training.outputs("validation")["label"])
    assert not torch.equal(changed, kept)


def test_the_network_is_hashed_after_the_last_epoch_alone(training, monkeypatch):
    hashed = []
    monkeypatch.setattr(context, "fingerprint", lambda network: hashed.append(network) or "same")
    runs = watch_runs(training, monkeypatch)
    training.validate(last=True)
    training.validate()
    training.outputs_on_validation()
    assert (len(hashed), len(runs)) == (1, 3)
    run_phases(training)
    assert len(hashed) == 2


def test_a_measurement_that_does_not_fit_is_an_error_with_the_way_out(training):
    def fail(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 8.00 GiB")

    training.network.register_forward_pre_hook(fail)
    with pytest.raises(RecipeError, match="measurement's images do not fit") as caught:
        training.validate()
    assert "--img-size" in caught.value.hint
