import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from sklearn.linear_model import LogisticRegression

from tests.zoo.training.small_runs import (
    DESCEND,
    SOLVE,
    begin,
    changed,
    log_of,
    plan_of,
    recipe_of,
    state,
    train,
)
from zoo.data.columns import Text
from zoo.data.dataset import Dataset
from zoo.data.pixels import CacheSettings, list_stores
from zoo.data.pixels.live import LivePixels
from zoo.errors import RecipeError, RunInterruptedError
from zoo.inputs.image import preprocess, read_image, to_tensor
from zoo.targets import ClassTarget
from zoo.training import features
from zoo.training.features import extract_features
from zoo.training.solve import solve


def test_features_are_the_bodys_output_for_the_training_split_in_order(training):
    features = torch.cat([*extract_features(training)])
    train = training.plan.dataset.train
    assert features.shape == (len(train), 96)
    one = preprocess(to_tensor(read_image(train.path(3))), training.plan.preprocess)[None]
    with torch.no_grad():
        expected = training.network.eval().body(one)
    # One image alone is summed in another order than within a batch.
    torch.testing.assert_close(features[3:4], expected, rtol=1e-4, atol=1e-4)


def test_solving_changes_the_head_alone_and_is_logged(training):
    before = state(training.network)
    solve(training, 0, SOLVE)
    assert changed(before, state(training.network)) == {
        "_heads.0.last.weight",
        "_heads.0.last.bias",
    }
    (line,) = log_of(training.run)
    assert line["kind"] == "solve"
    assert line["targets"]["label"]["gradient"] <= 1e-5
    assert set(line["targets"]["label"]["held_out_loss"]) == {"0.1", "0.01"}
    assert 0 <= line["validation"]["top-1"] <= 1
    assert line["validation"]["loss"] > 0


def test_the_gradient_of_the_probes_objective_is_zero_at_its_solution(training):
    """By autograd, of the mean loss and the L2 term on features of mean 0 and mean variance 1."""
    features = torch.cat([*extract_features(training)]).double()
    scale = features.var(dim=0, correction=0).mean().sqrt()
    scaled = (features - features.mean(dim=0)) / scale
    labels = torch.from_numpy(training.plan.dataset.train.truths["label"])
    solve(training, 0, SOLVE)
    strength = log_of(training.run)[0]["targets"]["label"]["strength"]
    last = training.network.heads["label"].last
    weight, bias = last.weight.detach().double(), last.bias.detach().double()
    solved = [weight * scale, bias + weight @ features.mean(dim=0)]
    weight, bias = (part.requires_grad_() for part in solved)
    loss = F.cross_entropy(scaled @ weight.T + bias, labels)
    (loss + strength / 2 * weight.square().sum()).backward()
    # Solved to 1e-5 in float64, and kept in float32.
    assert max(weight.grad.abs().max(), bias.grad.abs().max()) < 1.1e-5


def test_scikit_learn_finds_the_same_head(training):
    features = torch.cat([*extract_features(training)]).double()
    scaled = (features / features.var(dim=0, correction=0).mean().sqrt()).numpy()
    labels = training.plan.dataset.train.truths["label"]
    solve(training, 0, SOLVE)
    strength = log_of(training.run)[0]["targets"]["label"]["strength"]
    theirs = LogisticRegression(C=1 / (strength * len(labels)), tol=1e-8, max_iter=10_000)
    theirs.fit(scaled, labels)
    expected = torch.from_numpy(theirs.predict_proba(scaled))
    with torch.no_grad():
        found = training.network.answer(features.float())["label"].double().softmax(dim=1)
    # A gradient of 1e-5 at a strength of 0.01 leaves weights, and so logits, 1e-3 apart.
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-3)


def test_a_class_with_one_sample_is_solved_for(few, tmp_path):
    classes = (*few.targets[0].classes, "lonely")
    truth = few.train.truths["label"].copy()
    truth[0] = 3
    train = few.train.select(range(len(truth)))
    object.__setattr__(train, "truths", {"label": truth})
    target = ClassTarget(name="label", classes=classes)
    data = Dataset(root=few.root, targets=(target,), splits={**few.splits, "train": train})
    training = begin(plan_of(recipe_of(SOLVE), data), tmp_path / "run")
    solve(training, 0, SOLVE)
    (line,) = log_of(training.run)
    assert line["targets"]["label"]["gradient"] <= 1e-5
    assert torch.isfinite(training.network.heads["label"].last.weight).all()


def test_a_second_try_reads_the_cached_features(training):
    solve(training, 0, SOLVE)
    first = training.network.heads["label"].last.weight.clone()
    with torch.no_grad():
        training.network.body.layer1[0].conv1.weight.zero_()
    solve(training, 0, SOLVE)
    assert torch.equal(training.network.heads["label"].last.weight, first)


def test_features_are_written_block_by_block_and_are_the_files_own_pages(training, monkeypatch):
    whole = torch.cat([*extract_features(training)])
    monkeypatch.setattr(features, "_BATCH_SIZE", 4)
    monkeypatch.setattr(features, "_BATCHES", 1)
    blocks = [*extract_features(training)]
    assert [len(block) for block in blocks] == [4, 4, 4, 4, 2]
    read = features.cached_features(training, 0)
    # Batches of another size are summed in another order.
    torch.testing.assert_close(read, whole, rtol=1e-4, atol=1e-4)
    assert torch.equal(read, torch.cat(blocks))
    (cache,) = training.run.checkpoints.iterdir()
    assert torch.equal(load_file(cache)["features"], read)


def test_features_that_are_interrupted_leave_no_file(training):
    training.stop.signal = signal.SIGTERM
    with pytest.raises(RunInterruptedError):
        features.cached_features(training, 0)
    assert not [*training.run.checkpoints.iterdir()]


def test_folds_keep_groups_together_and_so_choose_otherwise(few, tmp_path):
    """Two groups, each with all classes: one is held out at a time."""
    names = np.array(["left", "right"] * 9, dtype=Text)
    grouped = replace(few.train, groups=names)
    heard = []
    for data in (few, replace(few, splits={**few.splits, "train": grouped})):
        run = begin(plan_of(recipe_of(SOLVE), data), tmp_path / f"run{len(heard)}")
        solve(run, 0, SOLVE)
        heard.append(log_of(run.run)[0]["targets"]["label"]["held_out_loss"])
    assert heard[0] != heard[1]


def test_cached_features_that_were_cut_off_are_computed_again(training):
    solve(training, 0, SOLVE)
    first = training.network.heads["label"].last.weight.clone()
    (cache,) = training.run.checkpoints.glob("features-*")
    cache.write_bytes(cache.read_bytes()[:-10])
    solve(training, 0, SOLVE)
    assert torch.equal(training.network.heads["label"].last.weight, first)


@pytest.mark.parametrize("workers", [0, 2])
def test_what_is_solved_on_is_not_decoded_again_by_the_descent(few, tmp_path, monkeypatch, workers):
    plan = plan_of(recipe_of(SOLVE, DESCEND), few, workers=workers)
    plain = state(train(plan, tmp_path / "plain").network)
    monkeypatch.setattr(LivePixels, "decode", None)
    cached = replace(plan, cache=CacheSettings(folder=tmp_path / "pixels"))
    assert not changed(plain, state(train(cached, tmp_path / "cached").network))


def test_a_probe_alone_keeps_no_pixels_for_training(few, tmp_path):
    plan = plan_of(recipe_of(SOLVE), few, cache=CacheSettings(folder=tmp_path / "pixels"))
    train(plan, tmp_path / "run")
    (store,) = list_stores(tmp_path / "pixels")
    assert store.images == len(few.validation)


def test_features_that_do_not_fit_are_an_error_with_the_way_out_and_leave_no_file(training):
    def fail(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 8.00 GiB")

    training.network.body.register_forward_pre_hook(fail)
    with pytest.raises(RecipeError, match="18 images do not fit into memory") as caught:
        solve(training, 0, SOLVE)
    assert "--img-size" in caught.value.hint
    assert not list(training.run.path.rglob("*features*"))
