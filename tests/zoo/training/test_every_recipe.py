"""What each recipe of the registry does to a network, from the folder of pictures to the model."""

from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
import timm
import torch
import torch.nn.functional as F
from torch import nn

from tests.conftest import make_photos
from tests.zoo.training.small_runs import (
    RESNET,
    VIT,
    Heard,
    begin,
    changed,
    entry,
    log_of,
    plan_of,
    state,
)
from zoo.backbones.network import build_network
from zoo.data.pixels.live import LivePixels
from zoo.errors import WeightsError
from zoo.inputs.image import normalize
from zoo.model import TrainedModel, load_model
from zoo.registry.files import built_in_registry
from zoo.run import Run
from zoo.seeds import derive_seed
from zoo.training.augment import augment_batch
from zoo.training.batches import order_epoch
from zoo.training.descent import Descent
from zoo.training.finetune import finetune
from zoo.training.loop import run_phases
from zoo.training.plan import Settings

RECIPES = built_in_registry().recipes
VGG = "torchvision/vgg11"
EFFICIENTNET = "timm/test_efficientnet.r160_in1k"
"""Its residual branches do not begin as zero, so that everything has a gradient."""
NETWORKS = {"vgg-classic": VGG, "lora": VIT}
"""Other recipes train a small ResNet."""
HEADS = ("fc.", "head.", "classifier.", "zoo_heads.")
STAGES = ("stem", "stage1", "stage2", "stage3", "stage4")


@dataclass(frozen=True)
class Trained:
    """A finished run, and the network as it was before."""

    run: Run
    model: TrainedModel
    before: dict[str, torch.Tensor]
    notes: list[str]

    @property
    def after(self) -> dict[str, torch.Tensor]:
        return self.model.network.library_state()

    @property
    def moved(self) -> set[str]:
        """Tensors of the body that are not the same, bit for bit; the head's are all new."""
        body = {name for name in self.before if not name.startswith(HEADS)}
        before = {name: self.before[name] for name in body}
        return changed(before, {name: self.after[name] for name in body})


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Train by a recipe, once: as it is written, but for smaller batches and one epoch a phase.

    Three steps: residual branches that begin as zero have no gradient in the first one.
    """
    folder = tmp_path_factory.mktemp("recipes")
    photos, runs = make_photos(folder / "photos"), {}

    def train(name: str, network: str | None = None) -> Trained:
        network = network or NETWORKS.get(name, RESNET)
        if (name, network) not in runs:
            short = name not in ("linear-probe", "vgg-classic")
            settings = Settings(
                recipe=name,
                img_size=32,
                device="cpu",
                pretrained=False,
                epochs=1 if short else None,
                cache=None,
                batch_size={"vgg-classic": 8, "linear-probe": None}.get(name, 6),
            )
            heard = Heard()
            output = folder / f"run-{len(runs)}"
            torch.set_num_threads(2)
            run = finetune(network, photos, settings, output=output, progress=heard)
            model = load_model(run.model_folder)
            head, size = model.config.head, model.config.preprocess.size
            fresh = build_network(entry(network), {"label": 3}, head=head, size=size)
            runs[name, network] = Trained(run, model, fresh.library_state(), heard.notes)
        return runs[name, network]

    return train


@pytest.mark.parametrize("name", list(RECIPES))
def test_every_recipe_runs_to_a_model_that_answers(trained, name):
    done = trained(name)
    record = done.run.read()
    assert record.status == "complete"
    assert record.recipe.name == name
    assert record.metrics["validation"].num_samples == 6
    outputs = done.model.outputs(torch.rand(2, 3, 32, 32))["label"]
    assert outputs.shape == (2, 3)
    assert outputs.isfinite().all()
    assert {line["phase"] for line in log_of(done.run)} == set(range(len(record.recipe.phases)))


@pytest.mark.parametrize("name", list(RECIPES))
def test_every_recipe_leaves_the_librarys_own_names(trained, name):
    done = trained(name)
    assert set(done.after) == set(done.before)
    assert {n: v.shape for n, v in done.after.items()} == {
        n: v.shape for n, v in done.before.items()
    }


def names_of(network: str, kind: str) -> set[str]:
    """Parameters of the body that are biases, or of normalisation layers, by the library's own."""
    body = timm.create_model(network.removeprefix("timm/"), num_classes=3)
    norms = (nn.BatchNorm2d, nn.LayerNorm)  # timm's own are subclasses
    found = {
        f"{path}.{name}"
        for path, module in body.named_modules()
        for name, _ in module.named_parameters(recurse=False)
        if (isinstance(module, norms) if kind == "norms" else name == "bias")
    }
    return {name for name in found if not name.startswith(HEADS)}


def of_stages(*stages: str) -> set[str]:
    """Parameters of stages of the small ResNet."""
    paths = tuple(f"{path}." for stage in stages for path in entry(RESNET).stages[stage])
    body = timm.create_model(RESNET.removeprefix("timm/"), num_classes=3)
    return {name for name, _ in body.named_parameters() if name.startswith(paths)}


@pytest.mark.parametrize("name", ["linear-probe", "feature-extraction", "vgg-classic"])
def test_heads_alone_train_on_a_body_that_stays_bit_identical(trained, name):
    assert not trained(name).moved


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("finetune", STAGES),
        ("finetune-few", STAGES),
        ("finetune-all", STAGES),
        ("discriminative", STAGES),
        ("gradual-unfreeze", STAGES),
        ("top-stages", STAGES[2:]),
    ],
)
def test_the_named_stages_train_whole_and_running_statistics_stay(trained, name, stages):
    """Whatever is not a parameter of theirs is bit-identical, BatchNorm's buffers included."""
    assert trained(name).moved == of_stages(*stages)


@pytest.mark.parametrize("network", [EFFICIENTNET, VIT])
@pytest.mark.parametrize(("name", "kind"), [("bitfit", "biases"), ("norm-only", "norms")])
def test_parameters_of_one_kind_train_and_nothing_else(trained, name, kind, network):
    done = trained(name, network)
    assert done.moved == names_of(network, kind)


def test_low_rank_updates_change_linear_layers_by_their_rank_alone(trained):
    done = trained("lora")
    body = timm.create_model(VIT.removeprefix("timm/"), num_classes=3)
    linear = {
        f"{path}.weight"
        for path, module in body.named_modules()
        if isinstance(module, nn.Linear) and path != "head"
    }
    assert done.moved == linear
    for name in linear:
        values = torch.linalg.svdvals((done.after[name] - done.before[name]).double())
        # Weights of size 0.02 to 1 are rounded to float32 when the update is added.
        assert values[7] > 1e-5
        assert values[8] < 1e-2 * values[7]
        assert values[8] < 2e-6


def test_low_rank_updates_leave_a_model_that_the_library_loads(trained):
    done = trained("lora")
    body = timm.create_model(VIT.removeprefix("timm/"), num_classes=3, dynamic_img_size=True)
    body.load_state_dict(done.after)
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        theirs = body.eval()(images)
    # The same operators on other layouts of memory.
    torch.testing.assert_close(done.model.outputs(images)["label"], theirs, rtol=1e-4, atol=1e-5)


class Snapshots(Heard):
    """Remembers the network whenever an epoch begins, and when the head was solved."""

    def __init__(self) -> None:
        super().__init__()
        self.training, self.epochs, self.solved = None, [], {}

    def note(self, text):
        super().note(text)
        if text.startswith("head solved"):
            self.solved = state(self.training.network)

    def start(self, task, total):
        if task.startswith("epoch"):
            self.epochs.append(state(self.training.network))


@pytest.fixture
def watched(few, tmp_path):
    """Run a recipe's phases with a look at the network before every epoch."""

    def run(name: str):
        recipe = replace(RECIPES[name], batch_size=6)
        last = recipe.phases[-1]
        if not last.gradual:
            recipe = replace(recipe, phases=(*recipe.phases[:-1], replace(last, epochs=1)))
        snapshots = Snapshots()
        training = begin(plan_of(recipe, few), tmp_path / "run", snapshots)
        snapshots.training = training
        run_phases(training)
        return training, snapshots

    return run


@pytest.mark.parametrize("name", ["finetune", "top-stages", "discriminative"])
def test_training_begins_with_the_head_that_was_solved(watched, name):
    _, seen = watched(name)
    assert seen.solved
    assert not changed(seen.solved, seen.epochs[0])


def test_a_fresh_head_is_not_solved_first(watched):
    training, seen = watched("finetune-all")
    assert not seen.solved
    assert not changed(seen.epochs[0], state(begin(training.plan, training.run.path).network))


def test_gradual_unfreezing_thaws_one_stage_a_phase_from_the_top(watched):
    """In phase k the top k stages train; every other tensor is bit-identical through it."""
    training, seen = watched("gradual-unfreeze")
    looks = [*seen.epochs, state(training.network)]
    assert len(looks) == len(STAGES) + 1
    head = {"_heads.0.last.weight", "_heads.0.last.bias"}
    for k in range(1, len(STAGES) + 1):
        expected = {f"body.{name}" for name in of_stages(*STAGES[-k:])} | head
        assert changed(looks[k - 1], looks[k]) == expected


def test_discriminative_rates_fall_by_the_same_factor_from_stage_to_stage(few, tmp_path):
    training = begin(plan_of(RECIPES["discriminative"], few), tmp_path / "run")
    descent = Descent(training, 1, training.plan.recipe.phases[1])
    descent._arrange(None)
    rate_of = {
        id(p): group["peak_lr"] for group in descent.optimizer.param_groups for p in group["params"]
    }
    rates = []
    for stage in STAGES:
        (rate,) = {rate_of[id(p)] for p in training.network.stage_parameters(stage).values()}
        rates.append(rate)
    falls = [low / high for low, high in pairwise(rates)]
    assert falls == pytest.approx([0.385] * 4)
    head = training.network.heads["label"].last.weight
    assert rates[-1] == rate_of[id(head)] == pytest.approx(0.001)


def test_feature_extraction_has_a_head_of_256_units_with_dropout(trained):
    done = trained("feature-extraction")
    head = done.model.network.heads["label"]
    kinds = [type(layer) for layer in (*head.hidden, head.last)]
    assert kinds == [nn.Dropout, nn.Linear, nn.ReLU, nn.Dropout, nn.Linear]
    assert done.after["zoo_heads.label.hidden.1.weight"].shape == (256, 96)


def test_finetuning_few_pictures_takes_small_batches_and_no_flips():
    recipe = RECIPES["finetune-few"]
    assert (recipe.batch_size, recipe.augment.flip) == (16, 0)


def test_a_recipe_from_scratch_reads_nothing_pretrained(few, monkeypatch):
    """The entry has weights, and nobody said that they are not to be used."""

    def refuse(*_):
        raise WeightsError("read")

    monkeypatch.setattr("zoo.training.prepare.fetch_weights", refuse)
    monkeypatch.setattr("zoo.backbones.network.load_pretrained", refuse)
    settings = Settings(img_size=32, device="cpu", epochs=1, cache=None)
    with pytest.raises(WeightsError):
        finetune(RESNET, few.root, replace(settings, recipe="finetune"))
    heard = Heard()
    run = finetune(RESNET, few.root, replace(settings, recipe="from-scratch"), progress=heard)
    assert not run.read().pretrained
    assert any("RANDOM WEIGHTS" in note for note in heard.notes)


def test_the_seed_decides_what_random_weights_a_recipe_from_scratch_begins_with(few, tmp_path):
    plan = plan_of(RECIPES["from-scratch"], few)
    first, again, other = (
        state(begin(replace(plan, recipe=replace(plan.recipe, seed=seed)), tmp_path).network)
        for seed in (1, 1, 2)
    )
    assert not changed(first, again)
    convolutions = {name for name, value in first.items() if value.ndim == 4}
    assert convolutions <= changed(first, other)


def test_a_recipe_from_scratch_lets_running_statistics_follow_the_data(trained):
    buffers = {name for name in trained("from-scratch").before if "running_" in name}
    assert buffers
    assert buffers <= trained("from-scratch").moved


@pytest.mark.parametrize(("size", "width"), [(32, 512), (64, 512 * 2 * 2)])
def test_the_classic_flattens_the_whole_feature_map(few, tmp_path, size, width):
    training = begin(plan_of(RECIPES["vgg-classic"], few, VGG, size=size), tmp_path / "run")
    head = training.network.heads["label"]
    assert [layer.weight.shape for layer in (head.hidden[0], head.last)] == [
        (256, width),
        (3, 256),
    ]
    assert isinstance(head.hidden[1], nn.ReLU)
    with torch.no_grad():
        image = torch.rand(1, 3, size, size)
        training.network.eval()
        expected = nn.Sequential(*training.network.body.features.children())(image).flatten(1)
        assert torch.equal(training.network.body(image), expected)


def test_the_classic_begins_as_keras_dense_layers_do(few, tmp_path):
    network = begin(plan_of(RECIPES["vgg-classic"], few, VGG), tmp_path / "run").network
    head = network.heads["label"]
    for layer in (head.hidden[0], head.last):
        bound = (6 / (layer.in_features + layer.out_features)) ** 0.5
        assert layer.weight.abs().max() <= bound
        # Of 768 uniform numbers one is above 0.98 of the bound but for once in five million.
        assert layer.weight.abs().max() > 0.98 * bound
        # A uniform distribution; 768 numbers measure its deviation to 2 %.
        assert layer.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.08)
        assert not layer.bias.any()


def test_the_classic_squashes_whole_images(trained):
    preprocess = trained("vgg-classic").run.read().preprocess
    assert (preprocess.crop_mode, preprocess.size, preprocess.resize) == ("squash", 32, 32)


def test_the_classic_trains_as_keras_sgd_would_on_the_same_images(trained):
    """Ten epochs of 8, 8 and 2 images: v = 0.9 v - lr g; w += v, at a constant rate."""
    done = trained("vgg-classic")
    plan = plan_of(RECIPES["vgg-classic"], done.run.read_dataset(), VGG)
    network = begin(plan, done.run.path).network.place(torch.device("cpu")).eval()
    head, train, seed = network.heads["label"], plan.dataset.train, derive_seed(0, "phase", 0)
    source = LivePixels(train.files, root=train.root, side=40)
    weights = [p.detach().clone() for p in head.parameters()]
    speeds = [torch.zeros_like(w) for w in weights]
    sizes = []
    for epoch in range(10):
        for step in order_epoch(18, 8, seed=seed, epoch=epoch, keep_last=True):
            pixels = augment_batch(
                [source.read(index) for _, index in step],
                step,
                plan.recipe.augment,
                plan.preprocess,
                seed=seed,
                device=plan.device,
            )
            with torch.no_grad():
                features = network.body(normalize(pixels, plan.preprocess))
            hidden_w, hidden_b, last_w, last_b = (w.requires_grad_() for w in weights)
            units = torch.relu(features @ hidden_w.T + hidden_b)
            truth = torch.from_numpy(train.truths["label"][[index for _, index in step]])
            loss = F.cross_entropy(units @ last_w.T + last_b, truth)
            gradients = torch.autograd.grad(loss, weights)
            pairs = zip(speeds, gradients, strict=True)
            speeds = [0.9 * v - 0.001 * g for v, g in pairs]
            weights = [(w + v).detach() for w, v in zip(weights, speeds, strict=True)]
            sizes.append(len(step))
    assert sizes == [8, 8, 2] * 10
    assert log_of(done.run)[-1]["step"] == 30
    temperature = done.run.read().calibration["label"].temperature
    found = done.model.network.heads["label"]
    expected = [*weights[:2], weights[2] / temperature, weights[3] / temperature]
    moved = (weights[0] - head.hidden[0].weight).abs().max()
    assert moved > 1e-4
    for theirs, ours in zip(expected, found.parameters(), strict=True):
        # Sums of float32 in another order, over thirty steps.
        torch.testing.assert_close(ours.detach(), theirs, rtol=0, atol=1e-6 + 1e-3 * moved.item())
