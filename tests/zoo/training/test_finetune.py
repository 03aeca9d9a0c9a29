import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from zoo.backbones.network import build_network
from zoo.backbones.sources import fetch_weights
from zoo.errors import DamagedFileError, DataError, RunError, UnreadableImagesError, WeightsError
from zoo.registry import load_registry
from zoo.run import Run
from zoo.training.finetune import finetune, resume
from zoo.training.plan import Settings

QUICK = Settings(img_size=32, device="cpu", workers=0, epochs=2, batch_size=6, pretrained=False)


def weights(run: Run) -> dict[str, torch.Tensor]:
    return load_file(run.model_folder / "model.safetensors")


def listing(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_run_leaves_what_was_promised(photos):
    run = finetune("efficientnet_lite0", photos, QUICK, command="zoo finetune …")
    assert run.path == Path("runs/efficientnet_lite0-photos")
    assert listing(run.path) == {
        *("run.json", "splits.json", "metrics.jsonl"),
        *("model/model.safetensors", "model/zoo_config.json", "model/manifest.json"),
    }
    record = json.loads((run.path / "run.json").read_text())
    assert record["status"] == "complete"
    assert record["backbone"]["name"] == "efficientnet_lite0"
    assert record["recipe"]["name"] == "finetune"
    assert record["recipe"]["phases"][1]["epochs"] == 2
    assert len(record["data"]["fingerprint"]) == 64
    assert record["data"]["classes"] == ["checks", "discs", "stripes"]
    assert 0 <= record["metrics"]["validation"]["top1"] <= 1
    assert record["metrics"]["validation"]["loss"] > 0
    assert record["timing"]["seconds"] > 0
    assert record["timing"]["images_per_second"] > 0
    assert torch.__version__.startswith(record["versions"]["torch"])
    assert record["seed"] == 0
    assert record["commands"] == ["zoo finetune …"]


def test_splits_name_every_file_with_its_hash(photos):
    run = finetune("efficientnet_lite0", photos, QUICK)
    splits = json.loads((run.path / "splits.json").read_text())["splits"]
    files = [entry["file"] for entries in splits.values() for entry in entries]
    assert sorted(files) == sorted(p.relative_to(photos).as_posix() for p in photos.rglob("*.png"))
    assert all(len(e["sha256"]) == 64 for entries in splits.values() for e in entries)


def test_a_second_run_gets_another_folder(photos):
    first = finetune("efficientnet_lite0", photos, QUICK)
    before = {p: p.read_bytes() for p in first.path.rglob("*") if p.is_file()}
    second = finetune("efficientnet_lite0", photos, QUICK)
    assert second.path == Path("runs/efficientnet_lite0-photos-2")
    assert {p: p.read_bytes() for p in first.path.rglob("*") if p.is_file()} == before


def test_an_output_folder_that_exists_is_not_touched(photos, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match="exists; a run never overwrites"):
        finetune("efficientnet_lite0", photos, QUICK, output=tmp_path / "out")
    assert listing(tmp_path / "out") == {"thesis.txt"}


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(photos):
    from dataclasses import replace

    runs = [finetune("efficientnet_lite0", photos, replace(QUICK, seed=seed)) for seed in (3, 3, 4)]
    first, again, other = map(weights, runs)
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert not torch.equal(first["classifier.weight"], other["classifier.weight"])


def test_a_probe_leaves_the_backbone_bit_identical(finished):
    entry = load_registry().backbone("efficientnet_lite0")
    pretrained = build_network(entry, 3, weights=fetch_weights(entry.weights).path)
    trained = weights(finished)
    for name, value in pretrained.library_state().items():
        assert torch.equal(trained[name], value) != name.startswith("classifier.")


def test_real_weights_tell_the_generated_classes_apart(finished):
    """Stripes, checks and discs are easy for ImageNet features; chance is a third."""
    assert finished.read().metrics["validation"].top1 >= 0.9


def test_unreadable_images_stop_the_run_before_it_begins(photos):
    (photos / "discs" / "bad.jpg").write_text("not an image")
    with pytest.raises(UnreadableImagesError, match=r"bad\.jpg"):
        finetune("efficientnet_lite0", photos, QUICK)
    assert not Path("runs").exists()


def test_missing_weights_stop_the_run_before_it_begins(photos, monkeypatch):
    def refuse(*_):
        raise WeightsError("no weights")

    monkeypatch.setattr("zoo.backbones.network.load_pretrained", refuse)
    with pytest.raises(WeightsError):
        finetune("efficientnet_lite0", photos, Settings(img_size=32, device="cpu"))
    assert not Path("runs").exists()


COMMAND = (
    "finetune efficientnet_lite0 {photos} --output {output} --img-size 32 --epochs 12 "
    "--batch-size 4 --workers 1 --device cpu --random-weights"
)
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


def start_process(photos: Path, output: Path, *more: str) -> subprocess.Popen[str]:
    arguments = COMMAND.format(photos=photos, output=output).split()
    return subprocess.Popen(
        [sys.executable, "-c", "from cli.main import main; main()", *arguments, *more],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_epoch(output: Path, process: subprocess.Popen[str], epoch: int) -> None:
    """Wait until a process has logged an epoch; it must not have ended before."""
    log = output / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while not (log.exists() and log.read_text().count('"descend"') >= epoch):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def undisturbed(shared_photos, tmp_path_factory):
    """The weights of a process that nobody stopped."""
    output = tmp_path_factory.mktemp("undisturbed") / "run"
    process = start_process(shared_photos, output)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return Run(output)


def test_a_killed_process_is_resumed_to_the_same_bits(shared_photos, undisturbed, tmp_path):
    output = tmp_path / "run"
    process = start_process(shared_photos, output)
    wait_for_epoch(output, process, 2)
    process.kill()
    process.communicate()
    assert json.loads((output / "run.json").read_text())["status"] == "running"

    again = start_process(shared_photos, output, "--resume")
    _, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert sha(output) == sha(undisturbed.path)
    record = Run(output).read()
    assert record.status == "complete"
    assert len(record.commands) == 2
    epochs = [
        json.loads(line).get("epoch") for line in Run(output).metrics_log.read_text().splitlines()
    ]
    assert epochs == [None, *range(1, 13)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_at_a_safe_point_and_says_how_to_go_on(
    shared_photos, undisturbed, tmp_path, number
):
    output = tmp_path / "run"
    process = start_process(shared_photos, output)
    wait_for_epoch(output, process, 1)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"zoo finetune --resume --output {output}" in err
    assert Run(output).read().status == "interrupted"
    resume(output)
    assert sha(output) == sha(undisturbed.path)


def sha(output: Path) -> str:
    return json.loads((output / "model" / "manifest.json").read_text())["files"][
        "model.safetensors"
    ]["sha256"]


@pytest.fixture
def unfinished(photos):
    """A run that was stopped before its first step."""
    run = finetune("efficientnet_lite0", photos, QUICK)
    shutil.rmtree(run.model_folder)
    run.update(status="running", metrics={}, timing=None)
    return run


def test_resuming_needs_a_run():
    with pytest.raises(RunError, match="no run to resume at runs/efficientnet_lite0-photos"):
        resume(None, "efficientnet_lite0", Path("photos"))
    with pytest.raises(RunError, match="which run"):
        resume(None)
    with pytest.raises(RunError, match="no run folder"):
        resume(Path("nowhere"))


def test_the_newest_run_is_resumed(photos, unfinished):
    assert resume(None, "efficientnet_lite0", photos).read().status == "complete"


def test_a_complete_run_is_not_resumed(unfinished):
    resume(unfinished.path)
    with pytest.raises(RunError, match="is complete"):
        resume(unfinished.path)


def test_resuming_with_other_settings_is_refused(photos, unfinished):
    with pytest.raises(RunError, match="other settings: backbone, --epochs, --lr") as caught:
        resume(unfinished.path, "resnet18", photos, Settings(epochs=99))
    assert "--resume" in caught.value.hint
    with pytest.raises(RunError, match="--img-size"):
        resume(unfinished.path, settings=Settings(img_size=64))


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
    path = unfinished.path / "splits.json"
    for content in ("", "[]", path.read_text().replace('"label": "checks"', '"label": "discs"', 1)):
        path.write_text(content)
        with pytest.raises(DamagedFileError, match=r"splits\.json is damaged"):
            resume(unfinished.path)
    path.unlink()
    with pytest.raises(DamagedFileError, match="missing"):
        resume(unfinished.path)
