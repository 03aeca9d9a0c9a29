import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.zoo.training.small_runs import RESNET, VIT, Heard, changed
from zoo.backbones.network import build_network
from zoo.backbones.sources import fetch_weights
from zoo.data.pixels.keep import CacheSettings
from zoo.errors import RecipeError, RunError, UnreadableImagesError, WeightsError
from zoo.recipes import Augment, DescendPhase, Recipe, TopStages
from zoo.registry import load_registry
from zoo.run import Run
from zoo.training.finetune import finetune
from zoo.training.plan import Settings

QUICK = Settings(
    img_size=32,
    device="cpu",
    workers=0,
    epochs=2,
    batch_size=6,
    pretrained=False,
    recipe="finetune",
    cache=None,
)
NAME = "test_resnet.r160_in1k"


def weights(run: Run) -> dict[str, torch.Tensor]:
    return load_file(run.model_folder / "model.safetensors")


def listing(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_run_leaves_what_was_promised(photos):
    run = finetune(RESNET, photos, QUICK, command="zoo finetune …")
    assert run.path == Path(f"runs/{NAME}-photos")
    assert listing(run.path) == {
        *("run.json", "splits.jsonl", "metrics.jsonl"),
        *("model/model.safetensors", "model/zoo_config.json", "model/manifest.json"),
        *("model/config.json", "model/preprocessor_config.json"),
    }
    record = json.loads((run.path / "run.json").read_text())
    assert record["status"] == "complete"
    assert record["backbone"]["name"] == NAME
    assert record["reference"] == RESNET
    assert record["recipe"]["name"] == "finetune"
    assert record["recipe"]["phases"][1]["epochs"] == 2
    assert len(record["data"]["fingerprint"]) == 64
    (target,) = record["data"]["targets"]
    assert target["classes"] == ["checks", "discs", "stripes"]
    assert record["data"]["num_samples"] == {"train": 18, "validation": 6}
    assert 0 <= record["metrics"]["validation"]["top1"] <= 1
    assert record["metrics"]["validation"]["loss"] > 0
    assert record["timing"]["seconds"] > 0
    assert record["timing"]["images_per_second"] > 0
    assert torch.__version__.startswith(record["versions"]["torch"])
    assert record["seed"] == 0
    assert record["commands"] == ["zoo finetune …"]


def test_a_recipe_made_in_python_is_carried_out_and_recorded_in_full(photos):
    made = Recipe(
        name="made",
        summary="Two steps",
        phases=(DescendPhase(train=TopStages(top=1), epochs=5, lr=1e-3, max_steps=2),),
        augment=Augment(rotation=10.0),
    )
    run = finetune(RESNET, photos, replace(QUICK, recipe=made, epochs=None))
    assert run.read().recipe == replace(made, batch_size=6)


def test_splits_name_every_file_with_its_hash(photos):
    run = finetune(RESNET, photos, QUICK)
    splits = run.read_dataset().splits
    files = [str(file) for samples in splits.values() for file in samples.files]
    assert sorted(files) == sorted(p.relative_to(photos).as_posix() for p in photos.rglob("*.png"))
    assert all(len(digest) == 64 for samples in splits.values() for digest in samples.digests)


def test_a_second_run_gets_another_folder(photos):
    first = finetune(RESNET, photos, QUICK)
    before = {p: p.read_bytes() for p in first.path.rglob("*") if p.is_file()}
    second = finetune(RESNET, photos, QUICK)
    assert second.path == Path(f"runs/{NAME}-photos-2")
    assert {p: p.read_bytes() for p in first.path.rglob("*") if p.is_file()} == before


def test_an_output_folder_that_exists_is_not_touched(photos, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match="exists; a run never overwrites"):
        finetune(RESNET, photos, QUICK, output=tmp_path / "out")
    assert listing(tmp_path / "out") == {"thesis.txt"}


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(photos):
    runs = [finetune(RESNET, photos, replace(QUICK, seed=seed)) for seed in (3, 3, 4)]
    first, again, other = map(weights, runs)
    assert not changed(first, again)
    assert "fc.weight" in changed(first, other)


def test_a_probe_leaves_the_backbone_bit_identical(finished):
    entry = load_registry().backbone("efficientnet_lite0")
    pretrained = build_network(entry, {"label": 3}, weights=fetch_weights(entry.weights).path)
    assert changed(pretrained.library_state(), weights(finished)) == {
        "classifier.weight",
        "classifier.bias",
    }


def test_real_weights_tell_the_generated_classes_apart(finished):
    """Stripes, checks and discs are easy for ImageNet features; chance is a third."""
    assert finished.read().metrics["validation"].top1 >= 0.9


def test_training_on_fewer_samples_is_said_and_recorded(photos):
    heard = Heard()
    run = finetune(RESNET, photos, replace(QUICK, limit_train=7), progress=heard)
    assert run.read().data.num_samples == {"train": 7, "validation": 6}
    assert any("training on 7 of 18 samples" in note for note in heard.notes)
    assert len(run.read_dataset().train) == 7


def test_unreadable_images_stop_the_run_before_it_begins(photos):
    (photos / "discs" / "bad.jpg").write_text("not an image")
    with pytest.raises(UnreadableImagesError, match=r"bad\.jpg"):
        finetune(RESNET, photos, QUICK)
    assert not Path("runs").exists()


def test_missing_weights_stop_the_run_before_it_begins(photos, monkeypatch):
    def refuse(*_):
        raise WeightsError("no weights")

    monkeypatch.setattr("zoo.backbones.network.load_pretrained", refuse)
    with pytest.raises(WeightsError):
        finetune("efficientnet_lite0", photos, Settings(img_size=32, device="cpu"))
    assert not Path("runs").exists()


def test_steps_that_do_not_fit_the_processes_stop_the_run_before_it_begins(photos, monkeypatch):
    asked = {}

    def refuse(recipe, network, **among):
        asked.update(among)
        raise RecipeError("an image would count twice")

    monkeypatch.setattr("zoo.training.finetune.require_images_for_all", refuse)
    with pytest.raises(RecipeError, match="twice"):
        finetune(RESNET, photos, QUICK)
    assert asked == {"count": 18, "processes": 1, "device": torch.device("cpu")}
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("network", "recipe", "changes", "said"),
    [
        (RESNET, "lora", {}, "lora updates linear layers"),
        (VIT, "vgg-classic", {}, "no last feature map to flatten"),
        ("torchvision/squeezenet1_1", "norm-only", {}, "has no norms to train"),
        (RESNET, "finetune", {"optimizer": "adamm"}, "no optimiser named 'adamm'"),
        (
            RESNET,
            "finetune",
            {"losses": {"value": "l1"}},
            "no target is of a kind that the loss l1",
        ),
        (RESNET, "finetune", {"losses": {"class": "bce"}}, "does not fit target 'label'"),
        (RESNET, "finetune", {"target_weights": {"colour": 2}}, "no target is called colour"),
        (RESNET, "finetune", {"hidden": [8]}, "solves its heads"),
        (RESNET, "finetune", {"features": "flattened"}, "solves its heads"),
        (RESNET, "finetune", {"train": ["layer4"]}, "no stage named layer4"),
        (RESNET, "gradual-unfreeze", {"train": "head"}, "needs stages to thaw"),
        (VIT, "lora", {"parameters": "norms"}, "low-rank updates need stages"),
    ],
    ids=str,
)
def test_a_recipe_that_does_not_fit_is_refused_before_anything_is_written(
    photos, network, recipe, changes, said
):
    settings = replace(QUICK, recipe=recipe, changes=changes)
    with pytest.raises(RecipeError, match=said) as caught:
        finetune(network, photos, settings)
    assert caught.value.hint
    assert not Path("runs").exists()


def test_every_field_of_a_recipe_can_be_changed_and_is_recorded(photos):
    changes = {
        "max_steps": 2,
        "ema": 0.9,
        "patience": 3,
        "clip_norm": 1.0,
        "label_smoothing": 0.2,
        "class_weights": "balanced",
        "sampling": "balanced",
        "losses": {"class": "focal"},
        "mixup": 0.2,
        "accumulate": 2,
        "schedule": "one-cycle",
        "optimizer": "lamb",
        "train": {"top": 2},
        "dropout": 0.1,
    }
    run = finetune(RESNET, photos, replace(QUICK, batch_size=3, changes=changes))
    recipe = run.read().recipe
    phase = recipe.phases[-1]
    assert (phase.max_steps, phase.ema, phase.patience, phase.clip_norm) == (2, 0.9, 3, 1.0)
    assert (phase.schedule, phase.optimizer, phase.train.top) == ("one-cycle", "lamb", 2)
    assert (recipe.label_smoothing, recipe.class_weights, recipe.sampling) == (
        *(0.2, "balanced", "balanced"),
    )
    assert (recipe.losses, recipe.accumulate) == ({"class": "focal"}, 2)
    assert (recipe.augment.mixup, recipe.head.dropout) == (0.2, 0.1)


def test_a_finished_run_is_a_backbone_for_the_next(photos, tmp_path):
    first = finetune(RESNET, photos, QUICK, output=tmp_path / "first")
    settings = replace(QUICK, pretrained=True, recipe="linear-probe", epochs=None, batch_size=None)
    second = finetune(str(first.path), photos, settings)
    assert second.path == Path("runs/first-photos")
    assert second.read().pretrained
    assert changed(weights(first), weights(second)) == {"fc.weight", "fc.bias"}


def test_the_pixel_cache_is_where_it_was_asked_for_and_changes_no_bit(photos, tmp_path):
    plain = weights(finetune(RESNET, photos, QUICK))
    cache = CacheSettings(folder=tmp_path / "pixels")
    stored = weights(finetune(RESNET, photos, replace(QUICK, cache=cache)))
    assert list(cache.folder.iterdir())
    assert not changed(plain, stored)
