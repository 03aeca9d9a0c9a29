import json
from dataclasses import replace

import pytest
import timm
import torch
from safetensors.torch import save_file

from tests.zoo.training.small_runs import Heard, three_targets
from zoo.backbones.network import build_network
from zoo.errors import BrokenRegistryError, RunError, UnknownBackboneError, WeightsError
from zoo.model import load_config
from zoo.registry import Lock, Weights, load_registry, to_data
from zoo.targets import ValueTarget
from zoo.training.finetune import finetune
from zoo.training.plan import Settings
from zoo.training.prepare import default_name, describe_target
from zoo.training.resume import resume

QUICK = Settings(recipe="linear-probe", img_size=32, device="cpu", workers=0, cache=None)


@pytest.fixture
def saved(tmp_path):
    """A small network in timm's layout, under a licence that forbids commerce."""
    torch.manual_seed(0)
    network = timm.create_model("resnet10t", num_classes=4)
    facts = network.pretrained_cfg | {
        "num_classes": 4,
        "license": "cc-by-nc-4.0",
        "crop_mode": "border",
    }
    config = {"architecture": "resnet10t", "num_classes": 4, "pretrained_cfg": facts}
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    save_file(network.state_dict(), folder / "model.safetensors")
    return folder


def test_a_folder_is_a_backbone_whose_weights_the_run_starts_from(saved, photos):
    from safetensors.torch import load_file

    run = finetune(str(saved), photos, QUICK)
    assert run.path.name == "saved-photos"
    before = load_file(saved / "model.safetensors")
    after = load_file(run.model_folder / "model.safetensors")
    for name, value in before.items():
        assert torch.equal(value, after[name]) != name.startswith("fc."), name


def test_the_run_records_origin_identity_and_what_was_assumed(saved, photos):
    record = finetune(str(saved), photos, QUICK).read()
    assert record.origin == str(saved)
    assert any("border" in assumption for assumption in record.assumptions)
    assert len(record.backbone.weights.sha256) == 64
    assert record.backbone.weights.bytes == (saved / "model.safetensors").stat().st_size


def test_what_was_assumed_travels_with_the_model(saved, photos):
    first = finetune(str(saved), photos, QUICK, output=saved.parent / "first")
    assert any("border" in text for text in load_config(first.model_folder).assumptions)
    second = finetune(str(first.path), photos, QUICK, output=saved.parent / "second")
    assert second.read().assumptions == first.read().assumptions


def test_lineage_leads_through_folders_and_tells_no_path(saved, photos):
    first = finetune(str(saved), photos, QUICK, output=saved.parent / "first")
    second = finetune(str(first.model_folder), photos, QUICK, output=saved.parent / "second")
    assert second.read().backbone.name == "first"
    assert load_config(second.model_folder).base == ("./first", "./saved")


def test_an_entry_whose_claims_are_false_stops_the_run_before_anything_is_written(photos):
    from pathlib import Path

    entry = to_data(load_registry().backbone("resnet18"))
    wrong = entry | {"name": "wrong", "feature_dim": 7, "weights": {"source": "none"}}
    Path("r.json").write_text(json.dumps({"version": 1, "backbones": [wrong]}))
    with pytest.raises(BrokenRegistryError, match=r"wrong\.feature_dim: is 7"):
        finetune("wrong", photos, QUICK, registry=load_registry(["r.json"]))
    assert not Path("runs").exists()


def test_a_run_is_resumed_although_the_folder_it_came_from_is_gone(saved, photos):
    from zoo.training.checkpoint import Checkpoint, save_checkpoint

    settings = replace(QUICK, recipe="finetune", epochs=1)
    run = finetune(str(saved), photos, settings)
    run.update(status="interrupted")
    saved.rename(saved.parent / "moved")
    with pytest.raises(WeightsError, match="cannot be resumed") as caught:
        resume(run.path)
    assert "put the weights back" in caught.value.hint
    network = build_network(run.read().backbone, {"label": 3})
    checkpoint = Checkpoint(
        phase=1,
        step=0,
        network=network.state_dict(),
        phase_state=None,
        epoch_loss=0.0,
        images=0,
        seconds={},
    )
    save_checkpoint(run.checkpoints, checkpoint)
    assert resume(run.path).read().status == "complete"


def test_another_folder_of_the_same_name_is_not_the_same_backbone(saved, photos):
    import shutil

    settings = replace(QUICK, recipe="finetune", epochs=1)
    run = finetune(str(saved), photos, settings)
    run.update(status="interrupted")
    other = shutil.copytree(saved, saved.parent / "elsewhere" / "saved")
    with pytest.raises(RunError, match="begun with other settings: backbone"):
        resume(None, str(other), photos, settings)


def test_a_licence_that_forbids_commerce_is_said_and_travels_with_the_model(saved, photos):
    heard = Heard()
    run = finetune(str(saved), photos, QUICK, progress=heard)
    (note,) = load_config(run.model_folder).notes
    assert "cc-by-nc-4.0" in note
    assert "must not be used commercially" in note
    assert f"note: {note}" in heard.notes
    assert any("border" in said for said in heard.notes)


def test_the_licence_is_inherited_by_whatever_is_trained_from_the_result(saved, photos):
    first = finetune(str(saved), photos, QUICK, output=saved.parent / "first")
    second = finetune(str(first.path), photos, QUICK, output=saved.parent / "second")
    assert second.read().backbone.weights.license == "cc-by-nc-4.0"
    assert load_config(second.model_folder).notes == tuple(
        note.replace("saved", "first") for note in load_config(first.model_folder).notes
    )


def test_random_weights_are_under_nobodys_licence_and_are_said_loudly(photos):
    heard = Heard()
    entry = replace(load_registry().backbone("efficientnet_lite0"))
    registry = replace(load_registry(), backbones={entry.name: entry})
    settings = replace(QUICK, recipe="finetune", epochs=1, pretrained=False)
    run = finetune("efficientnet_lite0", photos, settings, registry=registry, progress=heard)
    assert any("RANDOM WEIGHTS" in note for note in heard.notes)
    again = finetune(str(run.path), photos, QUICK, output=photos.parent / "again")
    weights = again.read().backbone.weights
    assert (weights.source, weights.license, weights.base) == ("local", "", ())


def test_an_entry_without_weights_trains_from_random_ones(photos):
    entry = replace(load_registry().backbone("efficientnet_lite0"), weights=Weights(source="none"))
    registry = replace(load_registry(), backbones={entry.name: entry})
    settings = replace(QUICK, recipe="finetune", epochs=1)
    assert not finetune("efficientnet_lite0", photos, settings, registry=registry).read().pretrained


def test_the_first_use_of_weights_of_unknown_hash_is_recorded_and_said(saved, photos, tmp_path):
    entry = load_registry().backbone("efficientnet_lite0")
    unknown = replace(entry, weights=replace(entry.weights, bytes=None))
    registry = replace(load_registry(), backbones={entry.name: unknown})
    lock, heard = Lock(tmp_path / "zoo.lock"), Heard()
    finetune(entry.name, photos, QUICK, registry=registry, lock=lock, progress=heard)
    assert any(f"is now in {lock.path}" in note for note in heard.notes)
    heard = Heard()
    finetune(entry.name, photos, QUICK, registry=registry, lock=lock, progress=heard)
    assert not any("first use" in note for note in heard.notes)


def test_weights_that_cannot_be_had_stop_the_run_before_anything_is_written(photos, saved):
    from pathlib import Path

    weights = saved / "model.safetensors"
    broken = weights.read_bytes()[:-100]
    weights.write_bytes(broken)
    with pytest.raises(WeightsError, match="cannot be read"):
        finetune(str(saved), photos, QUICK)
    assert not Path("runs").exists()


def test_an_unknown_name_stops_the_run_first(photos):
    with pytest.raises(UnknownBackboneError):
        finetune("resnet5", photos / "missing", QUICK)


def test_a_run_from_a_folder_is_resumed_by_the_same_words(saved, photos):
    settings = replace(QUICK, recipe="finetune", epochs=1)
    run = finetune(str(saved), photos, settings)
    run.update(status="interrupted")
    again = resume(None, str(saved), photos, settings)
    assert again.path == run.path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet50", "resnet50-photos"),
        ("timm/resnet50.a1_in1k", "resnet50.a1_in1k-photos"),
        ("hf-hub:org/name@v1", "name-photos"),
        ("runs/first/", "first-photos"),
    ],
)
def test_a_run_is_named_after_what_the_backbone_is_called(name, expected, photos):
    assert default_name(name, photos) == expected


def test_targets_are_described_by_what_there_is_to_learn(few):
    dataset = three_targets(few)
    label, tags, size = (
        describe_target(target, dataset.train.truths[target.name]) for target in dataset.targets
    )
    assert label == "label: 3 classes"
    assert tags == "tags: 2 labels"
    assert size.startswith("size: size 10")
    assert " ± " in size


def test_a_constant_value_is_said_to_be_one():
    target = ValueTarget.fit("price", [5, 5, None])
    truth = target.encode([5, 5, None])
    assert describe_target(target, truth) == "price: price 5 ± 0 (constant)"
