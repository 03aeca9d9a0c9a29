from copy import deepcopy

import pytest
import torch
from torch import nn

from zoo.backbones.heads import Head
from zoo.recipes import HeadRecipe

RECIPES = {
    "linear": HeadRecipe(),
    "linear with dropout": HeadRecipe(dropout=0.5),
    "one hidden layer": HeadRecipe(hidden=(16,)),
    "two hidden layers": HeadRecipe(hidden=(16, 5), dropout=0.2),
}
SCALE, SHIFT = (1e-3, 2.0, 7e5), (-4.0, 0.0, 3e6)


@pytest.fixture(params=RECIPES)
def recipe(request):
    return RECIPES[request.param]


@pytest.fixture
def head(recipe):
    return Head(12, 3, recipe).eval()


@pytest.fixture
def features():
    return torch.randn(64, 12, generator=torch.Generator().manual_seed(0))


def test_layers_are_those_of_the_recipe():
    head = Head(12, 3, HeadRecipe(hidden=(16, 5), dropout=0.2))
    kinds = [type(layer).__name__ for layer in head.hidden]
    assert kinds == ["Dropout", "Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout"]
    shapes = [(x.in_features, x.out_features) for x in head.modules() if isinstance(x, nn.Linear)]
    assert shapes == [(12, 16), (16, 5), (5, 3)]


def test_a_head_without_hidden_layers_is_linear(head, recipe):
    assert head.is_linear == (not recipe.hidden)


def test_glorots_first_weights_are_as_keras_draws_them():
    """Uniform within sqrt(6 / (in + out)), biases of zero."""
    torch.manual_seed(0)
    head = Head(300, 100, HeadRecipe(hidden=(200,), init="glorot"))
    bound = (6 / (300 + 200)) ** 0.5
    first = head.hidden[0].weight
    assert 0.99 * bound < first.abs().max() <= bound
    assert not head.hidden[0].bias.any()
    assert not head.last.bias.any()


def test_torchs_first_weights_are_those_of_its_linear_layer():
    torch.manual_seed(0)
    head = Head(12, 3, HeadRecipe())
    torch.manual_seed(0)
    torch.testing.assert_close(head.last.weight, nn.Linear(12, 3).weight, rtol=0, atol=0)


def test_outputs_are_in_the_units_asked_for(head, features):
    before = head(features)
    head.answer_in(SCALE, SHIFT)
    expected = before * torch.tensor(SCALE) + torch.tensor(SHIFT)
    torch.testing.assert_close(head(features), expected, rtol=0, atol=0)


def test_folding_changes_no_more_than_float32_rounds(head, features):
    """Measured against float64: what is folded is as near to it as what is not."""
    head.answer_in(SCALE, SHIFT)
    exact = deepcopy(head).double()(features.double())
    before = head(features)
    head.fold()
    # A sum of 12 products is rounded a dozen times, by 2**-24 of its largest part; the parts
    # before the scale are below 10 here.
    magnitude = exact.abs() + torch.tensor(SCALE) * 10 + torch.tensor(SHIFT).abs()
    bound = 16 * 2**-24 * magnitude
    for found in (before, head(features)):
        assert not (~((found - exact).abs() <= bound)).any()


def test_a_folded_head_computes_nothing_but_its_layers(head, features):
    head.answer_in(SCALE, SHIFT)
    head.fold()
    plain = head.last(head.hidden(features))
    torch.testing.assert_close(head(features), plain, rtol=0, atol=0)
    assert (head.scale == 1).all()
    assert (head.shift == 0).all()


@pytest.mark.parametrize("temperature", [0.1, 1.7, 100.0])
@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_a_temperature_divides_the_outputs(head, features, temperature, shift):
    head.answer_in((1.0,) * 3, (shift,) * 3)
    before = head(features)
    head.fold(temperature)
    # Rounded once more in each weight.
    torch.testing.assert_close(head(features), before / temperature, rtol=1e-5, atol=1e-5)


def test_a_temperature_of_one_changes_no_bit(head):
    before = {name: value.clone() for name, value in head.state_dict().items()}
    head.fold(1.0)
    torch.testing.assert_close(head.state_dict(), before, rtol=0, atol=0)


def test_folding_twice_is_folding_once(head, features):
    head.answer_in(SCALE, SHIFT)
    head.fold()
    once = head(features)
    head.fold()
    torch.testing.assert_close(head(features), once, rtol=0, atol=0)


def test_a_folded_head_still_trains(head, features):
    head.answer_in(SCALE, SHIFT)
    head.fold()
    head(features).sum().backward()
    assert all(parameter.grad is not None for parameter in head.parameters())


@pytest.mark.parametrize(
    ("recipe", "names"),
    [
        (HeadRecipe(dropout=0.5), {"weight", "bias"}),
        (
            HeadRecipe(hidden=(16,)),
            {"hidden.0.weight", "hidden.0.bias", "last.weight", "last.bias"},
        ),
    ],
    ids=["linear", "one hidden layer"],
)
def test_files_name_a_linear_head_as_a_librarys_classifier(recipe, names):
    assert set(Head(12, 3, recipe).folded_state()) == names


def test_what_goes_into_files_is_folded_and_the_head_is_left_as_it_was(head, recipe, features):
    head.answer_in(SCALE, SHIFT)
    outputs = head(features)
    other = Head(12, 3, recipe).eval()
    other.load_folded_state(head.folded_state())
    torch.testing.assert_close(head(features), outputs, rtol=0, atol=0)
    assert head.scale.tolist() == pytest.approx(SCALE)
    head.fold()
    torch.testing.assert_close(other(features), head(features), rtol=0, atol=0)


def test_a_head_that_takes_tensors_forgets_its_own_units(head, recipe, features):
    other = Head(12, 3, recipe).eval()
    other.answer_in(SCALE, SHIFT)
    other.load_folded_state(head.folded_state())
    torch.testing.assert_close(other(features), head(features), rtol=0, atol=0)


@pytest.mark.parametrize("change", ["missing", "more", "shape"])
def test_tensors_that_do_not_fit_are_refused(head, change):
    state = head.folded_state()
    name = next(iter(state))
    if change == "missing":
        del state[name]
    elif change == "more":
        state["surprise"] = torch.zeros(1)
    else:
        state[name] = state[name][:2]
    with pytest.raises(RuntimeError, match="surprise" if change == "more" else r"weight|bias"):
        head.load_folded_state(state)
