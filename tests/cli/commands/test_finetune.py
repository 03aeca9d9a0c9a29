"""Bad input at the command line: message, exit code, and that nothing was harmed."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

QUICK = ["--img-size", 32, "--device", "cpu", "--recipe", "linear-probe"]
NET = "efficientnet_lite0"


def fails(outcome, *texts: str) -> None:
    """A clear error, and no run folder left behind."""
    assert outcome.code == 1
    for text in texts:
        assert text in outcome.err
    assert "Traceback" not in outcome.err
    assert not Path("runs").exists()


def test_a_run_ends_with_its_score_its_place_and_the_next_step(zoo, photos):
    outcome = zoo("finetune", NET, photos, *QUICK)
    assert outcome.code == 0
    assert "validation" in outcome.out
    assert "runs/efficientnet_lite0-photos" in outcome.out
    assert "zoo export runs/efficientnet_lite0-photos" in outcome.out
    assert "head solved" in outcome.err
    record = json.loads(Path("runs/efficientnet_lite0-photos/run.json").read_text())
    assert record["commands"][0].startswith("zoo finetune efficientnet_lite0 ")


def test_every_option_reaches_the_run(zoo, photos, tmp_path):
    arguments = "--recipe finetune --epochs 1 --lr 0.0002 --batch-size 5 --img-size 48 "
    arguments += "--val-split 0.25 --seed 7 --device cpu --precision bf16 --workers 1"
    outcome = zoo("finetune", NET, photos, *arguments.split(), "--output", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    phase = record["recipe"]["phases"][1]
    assert (phase["epochs"], phase["lr"]) == (1, 0.0002)
    assert record["recipe"]["batch_size"] == 5
    assert record["preprocess"]["size"] == 48
    assert record["data"]["num_samples"] == {"train": 18, "validation": 6}
    assert (record["seed"], record["device"], record["precision"]) == (7, "cpu", "bf16")


def test_a_separate_validation_folder(zoo, photos, shared_photos):
    assert zoo("finetune", NET, photos, "--val", shared_photos, *QUICK).code == 0
    record = json.loads(Path("runs/efficientnet_lite0-photos/run.json").read_text())
    assert record["data"]["num_samples"] == {"train": 24, "validation": 60}


def test_unknown_backbone(zoo, photos):
    fails(zoo("finetune", "efficientnet_lite", photos), "did you mean 'efficientnet_lite0'?")


def test_unknown_recipe(zoo, photos):
    fails(zoo("finetune", NET, photos, "--recipe", "linear"), "did you mean 'linear-probe'?")


def test_recipe_that_does_not_fit(zoo, photos):
    fails(zoo("finetune", NET, photos, *QUICK, "--epochs", 3), "no phase of gradient descent")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_gpu_asked_for_and_not_there(zoo, photos):
    fails(zoo("finetune", NET, photos, "--device", "cuda"), "CUDA was asked for", "zoo doctor")


def test_empty_folder(zoo, tmp_path):
    (tmp_path / "void").mkdir()
    fails(zoo("finetune", NET, tmp_path / "void"), "holds no images")


def test_one_class(zoo, photos):
    for kind in ("discs", "stripes"):
        (photos / kind).rename(photos.parent / kind)
    fails(zoo("finetune", NET, photos), "has one class, 'checks'")


def test_class_with_one_image(zoo, photos):
    (photos / "lonely").mkdir()
    (photos / "discs" / "00.png").rename(photos / "lonely" / "00.png")
    fails(zoo("finetune", NET, photos), "to hold one out for validation: lonely", "--val")


def test_all_bad_images_at_once_and_going_on_without_them(zoo, photos):
    (photos / "discs" / "text.jpg").write_text("I am text")
    cut = photos / "checks" / "cut.jpg"
    Image.effect_noise((64, 64), 50).save(cut)
    cut.write_bytes(cut.read_bytes()[:500])
    fails(zoo("finetune", NET, photos, *QUICK), "text.jpg", "cut.jpg", "--skip-bad")
    outcome = zoo("finetune", NET, photos, *QUICK, "--skip-bad")
    assert outcome.code == 0
    assert "skipped" in outcome.err


def test_output_that_exists(zoo, photos, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").write_text("data")
    outcome = zoo("finetune", NET, photos, *QUICK, "--output", tmp_path / "out")
    fails(outcome, "exists; a run never overwrites anything", "--output")
    assert (tmp_path / "out" / "precious").read_text() == "data"


def test_read_only_data(zoo, photos):
    for folder in (photos, *photos.iterdir()):
        folder.chmod(0o555)
    before = {path: path.stat().st_mtime_ns for path in photos.rglob("*")}
    assert zoo("finetune", NET, photos, *QUICK).code == 0
    assert {path: path.stat().st_mtime_ns for path in photos.rglob("*")} == before


def test_nothing_to_train_on(zoo):
    outcome = zoo("finetune")
    assert outcome.code == 2
    assert "needs a BACKBONE and a DATA folder" in outcome.err


def test_random_weights_are_said_loudly(zoo, photos):
    assert "RANDOM WEIGHTS" in zoo("finetune", NET, photos, *QUICK, "--random-weights").err


def test_decompression_bomb(zoo, photos):
    """A picture of 144 megapixels in a few kilobytes."""
    Image.new("1", (12_000, 12_000)).save(photos / "discs" / "bomb.png")
    fails(zoo("finetune", NET, photos, *QUICK), "bomb.png: more than 89,478,485 pixels")


def test_weights_whose_hash_differs(zoo, photos, monkeypatch):
    from zoo.registry import load_registry

    registry = load_registry()
    entry = registry.backbone(NET)
    changed = replace(entry, weights=replace(entry.weights, sha256="f" * 64))
    other = replace(registry, backbones={NET: changed})
    monkeypatch.setattr("zoo.registry.load_registry", lambda _: other)
    fails(
        zoo("finetune", NET, photos, *QUICK),
        "sha256 579344248a93e230… instead of ffffffffffffffff…",
        "do not trust it",
    )


def test_a_damaged_run_is_not_resumed(zoo, photos):
    zoo("finetune", NET, photos, *QUICK)
    record = Path("runs/efficientnet_lite0-photos/run.json")
    record.write_text(record.read_text()[:-100])
    outcome = zoo("finetune", NET, photos, *QUICK, "--resume")
    assert outcome.code == 1
    assert "run.json is damaged" in outcome.err


FULL_DISK = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
from cli.main import main
main()
"""


def test_a_full_disk_while_writing_leaves_a_run_that_can_be_resumed(zoo, photos):
    """The kernel refuses the first file of more than two megabytes, a checkpoint."""
    arguments = ["finetune", NET, photos, *QUICK, "--output", "out"]
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot write out/checkpoints/step-1-0000000-" in done.stderr
    assert "File too large" in done.stderr
    assert "free some space" in done.stderr
    assert not list(Path("out").rglob("*.part"))
    resumed = zoo("finetune", "--resume", "--output", "out")
    assert resumed.code == 0, resumed.err
    assert json.loads(Path("out/run.json").read_text())["status"] == "complete"
