"""Bad input at the command line: message, exit code, and that nothing was harmed."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from tests.conftest import CLASSES, draw

QUICK = ["--img-size", 32, "--device", "cpu", "--recipe", "linear-probe"]
NET = "efficientnet_lite0"
TINY = "timm/test_resnet.r160_in1k"


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


def test_every_option_of_the_method_reaches_the_recipe(zoo, photos):
    arguments = """--epochs 2 --max-steps 1 --batch-size auto:4 --accumulate 2 --train top:2
    --optimizer sgd --momentum 0.8 --weight-decay 0.01 --layer-decay 0.7 --schedule one-cycle
    --warmup 0.2 --clip-norm 2 --ema 0.9 --patience 3 --batch-norm adapt --dropout 0.1
    --loss focal --label-smoothing 0.05 --class-weights balanced --sampling balanced
    --target-weight label=2 --weighting fixed --flip 0.1 --rotation 5 --mixup 0.2
    --cutmix 1 --set grayscale=0.1 --set head-lr=0.5 --set nesterov=false --deterministic
    --limit-train 12 --img-size 32 --device cpu --random-weights --no-cache --output out"""
    outcome = zoo("finetune", TINY, photos, *arguments.split())
    assert outcome.code == 0, outcome.err
    record = json.loads(Path("out/run.json").read_text())
    recipe, expected = record["recipe"], {"max_steps": 1, "optimizer": "sgd", "momentum": 0.8}
    expected |= {"weight_decay": 0.01, "layer_decay": 0.7, "schedule": "one-cycle", "warmup": 0.2}
    expected |= {"clip_norm": 2, "ema": 0.9, "patience": 3, "batch_norm": "adapt", "epochs": 2}
    expected |= {"train": {"top": 2}, "head_lr": 0.5, "nesterov": False}
    assert expected.items() <= recipe["phases"][-1].items()
    shared = {"batch_size": 4, "accumulate": 2, "label_smoothing": 0.05, "sampling": "balanced"}
    shared |= {"class_weights": "balanced", "weighting": "fixed"}
    shared |= {"losses": {"class": "focal", "labels": "focal"}, "target_weights": {"label": 2}}
    assert shared.items() <= recipe.items()
    augment = {"flip": 0.1, "rotation": 5, "mixup": 0.2, "cutmix": 1, "grayscale": 0.1}
    assert augment.items() <= recipe["augment"].items()
    assert recipe["head"]["dropout"] == 0.1
    assert record["data"]["num_samples"]["train"] == 12
    assert (record["auto_batch"], record["deterministic"]) == (True, True)


def test_it_says_stage_by_stage_what_trains(zoo, photos):
    arguments = "--train top:1 --epochs 1 --img-size 32 --device cpu --random-weights"
    outcome = zoo("finetune", TINY, photos, *arguments.split())
    assert outcome.code == 0, outcome.err
    assert "phase 2 of 2: adamw, cosine schedule, 1 step of 18 images" in outcome.err
    lines = {line.split()[0]: line.split() for line in outcome.err.splitlines() if line.split()}
    assert lines["stage3"][2] == "frozen"
    assert lines["stage4"][2:4] == ["all", "5.00e-04"]


def test_hidden_layers_and_a_flattened_map_are_for_recipes_that_solve_nothing(zoo, photos):
    arguments = ["--hidden", "16,8", "--img-size", 32, "--device", "cpu", "--random-weights"]
    fails(zoo("finetune", TINY, photos, *arguments), "solves its heads", "--hidden")
    outcome = zoo(
        *("finetune", TINY, photos, *arguments),
        *("--recipe", "feature-extraction", "--set", "features=flattened", "--epochs", 1),
    )
    assert outcome.code == 0, outcome.err
    head = json.loads(Path("runs/test_resnet.r160_in1k-photos/model/zoo_config.json").read_text())[
        "head"
    ]
    assert (head["hidden"], head["features"]) == ([16, 8], "flattened")


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        ("--recipe lora", ["lora updates linear layers", "choose a transformer"]),
        ("--loss huber", ["no target is of a kind that the loss huber is for", "focal"]),
        ("--target-weight colour=2", ["no target is called colour", "label (class)"]),
        ("--optimizer adamm", ["no optimiser named 'adamm'", "did you mean"]),
        ("--train layer4", ["no stage named layer4", "stage4"]),
        ("--set wings=2", ["recipes have no field wings"]),
        ("--set flip=2", ["the recipe finetune cannot be changed so", "flip"]),
        ("--lr inf", ["the recipe finetune cannot be changed so", "lr"]),
    ],
)
def test_a_recipe_that_does_not_fit_is_refused_before_anything_is_written(
    zoo, photos, arguments, texts
):
    more = "--img-size 32 --device cpu --random-weights"
    fails(zoo("finetune", TINY, photos, *arguments.split(), *more.split()), *texts)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("--train top:x", "a number of stages follows the colon"),
        ("--batch-size several", "neither a number of images nor auto"),
        ("--loss hinge", "no loss named 'hinge'"),
        ("--set ema", "not of the form NAME=VALUE"),
        ("--schedule wavy", "wavy"),
        ("--epochs 0", "epochs"),
        ("--lr nan", "lr"),
    ],
)
def test_words_that_cannot_be_read_are_refused_as_such(zoo, photos, arguments, text):
    outcome = zoo("finetune", TINY, photos, *arguments.split())
    assert outcome.code == 2
    assert text in " ".join(outcome.err.replace("│", " ").split())
    assert not Path("runs").exists()


def test_a_separate_validation_folder(zoo, photos, tmp_path):
    held_out = tmp_path / "held-out"
    for kind in CLASSES:
        (held_out / kind).mkdir(parents=True)
        for number in range(100, 104):
            draw(kind, number).save(held_out / kind / f"{number}.png")
    assert zoo("finetune", NET, photos, "--val", held_out, *QUICK).code == 0
    record = json.loads(Path("runs/efficientnet_lite0-photos/run.json").read_text())
    assert record["data"]["num_samples"] == {"train": 24, "validation": 12}


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
    assert "needs a BACKBONE and DATA, or --resume" in outcome.err


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


def test_a_run_inside_the_data_is_refused_before_anything_is_written(zoo, photos, monkeypatch):
    before = sorted(photos.rglob("*"))
    fails(zoo("finetune", NET, photos, *QUICK, "--output", photos / "run"), "lies in the data")
    monkeypatch.chdir(photos)
    fails(zoo("finetune", NET, ".", *QUICK), "lies in the data", "another folder with --output")
    assert sorted(photos.rglob("*")) == before
