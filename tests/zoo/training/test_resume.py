import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.zoo.training.small_runs import RESNET, VIT, Heard, StopAfter, changed
from zoo.errors import DamagedFileError, DataError, RecipeError, RunError, RunInterruptedError
from zoo.registry.files import built_in_registry
from zoo.run import Run, locate_model
from zoo.training.descent import Descent
from zoo.training.finetune import finetune
from zoo.training.interruption import StopFlag
from zoo.training.plan import Settings
from zoo.training.resume import resume

QUICK = Settings(
    recipe="finetune",
    img_size=32,
    device="cpu",
    workers=0,
    epochs=2,
    batch_size=6,
    pretrained=False,
    cache=None,
)


class _Signal(StopFlag):
    """Sends this process the signal that somebody asks to be remembered."""

    def __setattr__(self, name, value):
        if value is not None:
            os.kill(os.getpid(), value)


class SignalAfter(StopAfter):
    """A listener that sends this process a signal while a certain step is under way."""

    def __init__(self, step: int) -> None:
        super().__init__(_Signal(), step)


def weights(run: Run):
    return load_file(run.model_folder / "model.safetensors")


def stop(photos, settings=QUICK, *, step=4, network=RESNET, output=None) -> Run:
    """Begin a run that a signal ends."""
    output = output or Path(f"runs/{network.split('/')[-1]}-photos")
    with pytest.raises(RunInterruptedError) as caught:
        finetune(network, photos, settings, output=output, progress=SignalAfter(step))
    assert f"zoo finetune --resume --output {output}" in caught.value.hint
    return Run(output)


@pytest.fixture
def unfinished(photos):
    """A run that was stopped within its last phase."""
    return stop(photos)


@pytest.mark.usefixtures("_look_at_every_step")
@pytest.mark.parametrize(
    ("recipe", "network"),
    [("finetune", RESNET), ("gradual-unfreeze", RESNET), ("lora", VIT), ("vgg-classic", RESNET)],
)
def test_a_stopped_run_is_resumed_to_the_same_bits_by_the_same_words(photos, recipe, network):
    settings = replace(QUICK, recipe=recipe)
    whole = finetune(network, photos, settings, output=Path("whole"))
    run = stop(photos, settings, network=network)
    assert run.read().status == "interrupted"
    again = resume(None, network, photos, settings, command="zoo finetune --resume")
    assert again.path == run.path
    record = again.read()
    assert record.status == "complete"
    assert record.commands == ("zoo finetune --resume",)
    assert record.metrics == whole.read().metrics
    assert record.calibration == whole.read().calibration
    assert not changed(weights(whole), weights(again))


@pytest.mark.usefixtures("_look_at_every_step")
def test_a_run_that_was_stopped_twice_is_resumed_to_the_same_bits(photos):
    settings = replace(QUICK, changes={"ema": 0.9, "patience": 2, "mixup": 0.2})
    whole = finetune(RESNET, photos, settings, output=Path("whole"))
    run = stop(photos, settings, step=2)
    with pytest.raises(RunInterruptedError):
        resume(run.path, progress=SignalAfter(2))
    assert not changed(weights(whole), weights(resume(run.path)))


def test_a_run_killed_before_its_first_checkpoint_still_starts_from_the_pretrained_weights(
    photos, monkeypatch
):
    """Its features are there already, and so may be a checkpoint that nothing points to."""
    settings = replace(QUICK, pretrained=True, epochs=1)
    whole = finetune("efficientnet_lite0", photos, settings, output=Path("whole"))
    with monkeypatch.context() as patch:
        patch.setattr("zoo.training.context.save_checkpoint", _die)
        with pytest.raises(KeyboardInterrupt):
            finetune("efficientnet_lite0", photos, settings, output=Path("killed"))
    run = Run(Path("killed"))
    assert [path.name for path in run.checkpoints.iterdir()] == ["features-0.safetensors"]
    (run.checkpoints / "step-1-0000000-abc.pt").write_bytes(b"")
    assert not changed(weights(whole), weights(resume(run.path)))


def test_what_a_killed_process_had_begun_to_write_is_gone_from_the_finished_run(unfinished):
    unfinished.model_folder.mkdir()
    for folder in (unfinished.path, unfinished.model_folder):
        (folder / ".manifest.json.0123456789abcdef.part").write_text("half of")
    resume(unfinished.path)
    assert {path.name for path in unfinished.path.rglob("*") if path.is_file()} == {
        *("run.json", "splits.jsonl", "metrics.jsonl"),
        *("model.safetensors", "zoo_config.json", "manifest.json"),
        *("config.json", "preprocessor_config.json"),
    }


def _die(*_):
    raise KeyboardInterrupt


def test_resuming_needs_a_run():
    with pytest.raises(RunError, match="no run to resume at runs/efficientnet_lite0-photos"):
        resume(None, "efficientnet_lite0", Path("photos"))
    with pytest.raises(RunError, match="which run"):
        resume(None)
    with pytest.raises(RunError, match="no run folder"):
        resume(Path("nowhere"))


def test_the_newest_run_is_resumed(photos, unfinished):
    newer = stop(photos, output=Path(f"{unfinished.path}-2"))
    assert resume(None, RESNET, photos).path == newer.path
    assert unfinished.read().status == "interrupted"


def test_a_complete_run_is_not_resumed(unfinished):
    resume(unfinished.path)
    with pytest.raises(RunError, match="is complete"):
        resume(unfinished.path)


def test_resuming_with_other_settings_is_refused_by_their_names(photos, unfinished):
    other = replace(QUICK, epochs=99, lr=0.1, seed=0, changes={"mixup": 0.3, "flip": 0.5})
    with pytest.raises(RunError, match="other settings: backbone, --epochs, --lr, --mixup") as said:
        resume(unfinished.path, "resnet18", photos, other)
    assert "--resume" in said.value.hint
    with pytest.raises(RunError, match="--img-size"):
        resume(unfinished.path, settings=Settings(img_size=64))
    with pytest.raises(RunError, match="other settings: --recipe"):
        resume(unfinished.path, settings=Settings(recipe="finetune-all"))
    with pytest.raises(RunError, match="other settings: --shard"):
        resume(unfinished.path, settings=Settings(shard=True))
    with pytest.raises(RunError, match="other settings: data"):
        resume(unfinished.path, RESNET, photos / "discs")


def test_a_run_of_a_recipe_made_in_python_is_resumed_with_or_without_it(photos):
    made = replace(built_in_registry().recipe("gradual-unfreeze"), name="made", batch_size=6)
    settings = replace(QUICK, recipe=made, epochs=1, batch_size=None)
    unfinished = stop(photos, settings, step=3)
    assert unfinished.read().recipe.name == "made"
    other = replace(made, label_smoothing=0.2)
    with pytest.raises(RunError, match="other settings: --recipe"):
        resume(unfinished.path, settings=replace(settings, recipe=other))
    with pytest.raises(RunError, match="other settings: --recipe"):
        resume(unfinished.path, settings=Settings(recipe="gradual-unfreeze"))
    resumed = resume(unfinished.path, RESNET, photos, settings)
    whole = finetune(RESNET, photos, settings)
    assert changed(weights(resumed), weights(whole)) == set()
    again = stop(photos, settings, step=3, output=Path("runs/again"))
    assert changed(weights(resume(again.path)), weights(whole)) == set()


def test_the_words_of_a_gradual_run_are_those_that_it_was_begun_with(photos):
    settings = replace(
        QUICK, recipe="gradual-unfreeze", epochs=1, changes={"train": {"top": 2}, "lr": 0.001}
    )
    stop(photos, settings, step=3)
    other = replace(settings, changes={"train": {"top": 3}, "lr": 0.001})
    with pytest.raises(RunError, match="other settings: --train"):
        resume(None, RESNET, photos, other)
    assert resume(None, RESNET, photos, settings).read().status == "complete"


def test_another_number_of_workers_and_another_cache_are_no_other_settings(photos, unfinished):
    from zoo.data.pixels.keep import CacheSettings

    settings = replace(QUICK, workers=2, cache=CacheSettings(folder=Path("pixels")))
    assert resume(unfinished.path, RESNET, photos, settings).read().status == "complete"


def test_resuming_says_so_and_what_it_goes_on_with(unfinished):
    heard = Heard()
    resume(unfinished.path, progress=heard)
    assert heard.notes[0] == f"resuming {unfinished.path}"
    assert any("RANDOM WEIGHTS" in note for note in heard.notes)


def test_resuming_after_the_data_changed_is_refused(photos, unfinished):
    (photos / "discs" / "00.png").write_bytes((photos / "checks" / "00.png").read_bytes())
    (photos / "discs" / "01.png").unlink()
    with pytest.raises(DataError, match=r"00\.png: changed") as caught:
        resume(unfinished.path)
    assert "01.png: missing" in caught.value.problem


@pytest.mark.parametrize("content", ["", "{", '{"format": 1}', "[]", "null"])
def test_a_damaged_record_is_a_clear_error(unfinished, content):
    (unfinished.path / "run.json").write_text(content)
    with pytest.raises(DamagedFileError, match=r"run\.json is damaged"):
        resume(unfinished.path)


def test_a_damaged_split_is_a_clear_error(unfinished):
    path = unfinished.path / "splits.jsonl"
    whole = path.read_text()
    for content in ("", "[]", whole[:-30], whole.replace('"checks"', '"discs"', 3)):
        assert content != whole
        path.write_text(content)
        with pytest.raises(DamagedFileError, match=r"splits\.jsonl is damaged"):
            resume(unfinished.path)
    path.unlink()
    with pytest.raises(DamagedFileError, match="missing"):
        resume(unfinished.path)


def test_a_damaged_checkpoint_is_a_clear_error(unfinished):
    (path,) = unfinished.checkpoints.glob("step-*.pt")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DamagedFileError, match="not what was written") as caught:
        resume(unfinished.path)
    assert "another --output" in caught.value.hint


def test_the_handlers_of_signals_are_given_back(photos):
    before = signal.getsignal(signal.SIGTERM)
    stop(photos)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_run_that_failed_says_why_and_is_resumed_to_the_same_bits(photos, monkeypatch):
    whole = finetune(RESNET, photos, QUICK, output=Path("runs/whole"))
    end = Descent._end

    def fail(self, epoch):
        if epoch == 1:
            raise RuntimeError("no kernel image is available\nfor this device")
        end(self, epoch)

    with monkeypatch.context() as patch:
        patch.setattr(Descent, "_end", fail)
        with pytest.raises(RuntimeError, match="no kernel image"):
            finetune(RESNET, photos, QUICK, output=Path("runs/failed"))
    failed = Run(Path("runs/failed"))
    record = failed.read()
    assert record.status == "failed"
    assert record.failure.problem == "RuntimeError: no kernel image is available"
    assert record.failure.time >= record.created
    with pytest.raises(RunError, match="failed: RuntimeError: no kernel image"):
        locate_model(failed.path)
    with pytest.raises(RunError, match="exists") as caught:
        finetune(RESNET, photos, QUICK, output=failed.path)
    assert "--resume" in caught.value.hint
    resume(failed.path, settings=Settings(workers=0, cache=None))
    assert (failed.read().status, failed.read().failure) == ("complete", None)
    assert changed(weights(whole), weights(failed)) == set()


def test_an_error_of_ours_is_recorded_as_it_was_told(photos):
    settings = replace(QUICK, lr=1e30, changes={"optimizer": "sgd"})
    with pytest.raises(RecipeError) as caught:
        finetune(RESNET, photos, settings, output=Path("runs/broken"))
    record = Run(Path("runs/broken")).read()
    assert record.status == "failed"
    assert record.failure.problem == caught.value.problem.partition("\n")[0]


def test_an_impatient_interruption_is_recorded_as_one(photos, monkeypatch):
    """A second Ctrl-C acts at once, without a checkpoint."""

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Descent, "_end", interrupt)
    with pytest.raises(KeyboardInterrupt):
        finetune(RESNET, photos, QUICK, output=Path("runs/impatient"))
    assert Run(Path("runs/impatient")).read().status == "interrupted"
