"""A network that one edge input drives wild: what may differ there, and what nowhere else."""

import copy
import math
from dataclasses import replace

import pytest
import torch

from export.graph import export_graph
from export.programs import Candidate, run_reference
from export.same_numbers import compare_numbers
from export.samples import Inputs, gather_inputs
from export.tolerances import measure_tolerances
from export.verify import verify
from tests.export.small_models import AGE, KIND, TAGS, as_file, label_photos, make_model
from zoo.backbones.heads import Head
from zoo.hardware import exact_float32
from zoo.model import TrainedModel
from zoo.progress import Silence
from zoo.recipes import HeadRecipe

WILD = "(extremes)"
TIMES = 3000.0
"""How many times the real images' spread the wild answers are off."""
EVERY = (KIND, TAGS, AGE)
TARGETS = pytest.mark.parametrize("target", EVERY, ids=lambda target: target.name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("wild") / "model"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return label_photos(tmp_path_factory.mktemp("photos") / "all", *EVERY)


@pytest.fixture(scope="module")
def calm(folder):
    return make_model(folder, *EVERY, head=HeadRecipe(hidden=(8,)))


@pytest.fixture(scope="module")
def inputs(calm, photos):
    return gather_inputs(photos, calm.preprocess, 0, Silence())


@pytest.fixture(scope="module")
def wild(calm, inputs):
    """The same network, in which a hidden unit that all others leave at 0 explodes on it."""
    model = replace(calm, network=copy.deepcopy(calm.network))
    for head in model.network.heads.values():
        explode(model, head, inputs)
    return model


@torch.no_grad()
def explode(model: TrainedModel, head: Head, inputs: Inputs) -> None:
    """Make the last hidden unit point where its features are, and no other input's."""
    features = model.network.body(inputs.pixel_values)
    at = inputs.names.index(WILD)
    others = torch.cat([features[:at], features[at + 1 :]])
    direction = features[at] - others.mean(dim=0)
    most, reached = (others @ direction).max(), features[at] @ direction
    assert reached > most
    hidden = next(layer for layer in head.hidden if isinstance(layer, torch.nn.Linear))
    hidden.weight[-1] = direction / (reached - most)
    hidden.bias[-1] = -(most + reached) / 2 / (reached - most)
    outputs = head(features[inputs.samples])
    spread = (outputs.amax() - outputs.amin()).item()
    width = head.last.out_features
    head.last.weight[:, -1] = 2 * TIMES * spread * torch.linspace(1, -1, width)


@pytest.fixture(scope="module")
def reference(wild, inputs):
    with exact_float32():
        return run_reference(wild, inputs, Silence())


@pytest.fixture(scope="module")
def tolerances(wild, inputs, reference):
    return measure_tolerances(wild.targets, inputs, reference)


@pytest.fixture(scope="module")
def check(wild, folder, photos):
    """Verify the right export of the wild network against a network with other heads."""
    content = export_graph(wild, folder).content

    def run(change):
        model = replace(wild, network=copy.deepcopy(wild.network))
        with torch.no_grad():
            for name, head in model.network.heads.items():
                change(name, head)
        return verify(model, folder, as_file(content), photos).levels["L1"].targets

    return run


@pytest.fixture
def compare(wild, inputs, reference, tolerances):
    """Compare PyTorch's own answers with themselves, after a change to those of one target."""

    def run(target, change):
        everything = {name: value.clone() for name, value in reference.float32.items()}
        change(everything[target.name])
        probed = {name: value[inputs.probed] for name, value in everything.items()}
        candidate = Candidate(everything, {1: probed, 32: probed}, {})
        level = compare_numbers(wild.targets, inputs, reference, candidate, tolerances)
        return level.targets[target.name]

    return run


def test_a_wild_edge_input_does_not_widen_the_bound_of_real_images(wild, inputs, tolerances):
    """Without the hidden unit, which is 0 for all of them, it is the very same."""
    tame = replace(wild, network=copy.deepcopy(wild.network))
    for head in tame.network.heads.values():
        head.last.weight.data[:, -1] = 0
    with exact_float32():
        reference = run_reference(tame, inputs, Silence())
    found = measure_tolerances(tame.targets, inputs, reference)
    for name, blocks in found.items():
        assert [block.real for block in blocks] == [block.real for block in tolerances[name]]


@TARGETS
def test_one_bound_for_all_inputs_would_prove_nothing(inputs, tolerances, target):
    (block,) = tolerances[target.name]
    wild = block.edges[inputs.names.index(WILD) - inputs.num_samples]
    assert block.real.is_meaningful
    assert wild.is_meaningful
    assert wild.bound > block.real.spread / 100


def test_the_right_export_passes(check):
    for found in check(lambda name, head: None).values():
        assert found.verdict == found.edges.verdict == "pass"
        assert found.max_abs_error <= found.bound <= found.edges.bound
        assert found.edges.error_ratio < 10


def test_a_weight_that_is_slightly_other_is_caught_on_real_images(check, tolerances):
    """Off by a few of their own bounds, which is within the wild input's."""

    def change(name, head):
        (block,) = tolerances[name]
        head.last.bias[0] += 3 * block.real.bound

    for found in check(change).values():
        assert found.verdict == "fail"
        # A right export is itself within a bound of PyTorch, a third of this.
        assert found.max_abs_error == pytest.approx(3 * found.bound, rel=1 / 3)
        assert not found.worst.sample.startswith("(")


def test_a_weight_that_only_the_wild_input_feels_is_caught_there(check):
    def change(_, head):
        head.last.weight[:, -1] *= 1.001

    for found in check(change).values():
        assert found.verdict == found.edges.verdict == "fail"
        assert found.max_abs_error <= found.bound
        assert found.edges.worst.sample == found.worst_input == WILD
        assert found.explain().startswith(f"{WILD} in a batch of ")


@TARGETS
@pytest.mark.parametrize("name", ["(black)", WILD])
def test_each_edge_input_is_held_to_its_own_bound(compare, inputs, tolerances, target, name):
    (block,) = tolerances[target.name]
    at = inputs.names.index(name)
    bound = block.edges[at - inputs.num_samples].bound

    def move(times):
        def change(outputs):
            outputs[at, 0] += times * bound

        return compare(target, change)

    # The sum is rounded to float32, by far less than a tenth of the bound.
    assert move(0.9).verdict == "pass"
    found = move(1.1)
    assert (found.verdict, found.edges.verdict) == ("fail", "fail")
    assert (found.max_abs_error, found.edges.worst.sample) == (0, name)
    assert found.edges.bound == bound


@TARGETS
@pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_for_an_edge_input_fails(compare, inputs, target, poison):
    def change(outputs):
        outputs[inputs.names.index(WILD), 0] = poison

    found = compare(target, change)
    assert (found.verdict, found.edges.verdict) == ("fail", "fail")
    assert found.edges.worst.sample == WILD
    assert found.max_abs_error == 0


@pytest.mark.parametrize("name", [WILD, "(black)"])
def test_an_edge_input_that_is_surely_decided_otherwise_is_named(compare, inputs, name):
    def change(outputs):
        outputs[inputs.names.index(name)] *= -1

    assert compare(KIND, change).disagreements == (name,)


def test_figures_of_real_images_leave_edge_inputs_out(compare, inputs):
    def change(outputs):
        outputs[inputs.edges] += 1e6

    found = compare(AGE, change)
    assert found.max_abs_error == found.mean_abs_error == 0
    assert found.max_abs_error_float64 == found.noise_floor
    assert found.error_ratio == 1
    assert found.edges.max_abs_error_float64 == pytest.approx(1e6, rel=0.01)
