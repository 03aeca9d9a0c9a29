from dataclasses import replace

import pytest
import torch

from tests.zoo.training.small_runs import (
    DESCEND,
    RESNET,
    SOLVE,
    VIT,
    entry,
    recipe_of,
    three_targets,
)
from zoo.backbones.network import build_network
from zoo.errors import RecipeError
from zoo.recipes import Lora
from zoo.training.fits import (
    require_fit_to_data,
    require_fit_to_network,
    require_images_for_all,
)

RECIPE = recipe_of(SOLVE, DESCEND)


@pytest.fixture(scope="module")
def networks():
    names = (RESNET, VIT, "torchvision/squeezenet1_1")
    return {name: build_network(entry(name), {"label": 3}) for name in names}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"target_weights": {"colour": 2.0, "label": 1.0}}, "no target is called colour"),
        ({"target_weights": {"label": 0.0}}, "every target weighs 0"),
        ({"losses": {"value": "huber"}}, "no target is of a kind that the loss huber is for"),
        ({"losses": {"class": "mse"}}, "loss 'mse' does not fit target 'label'"),
    ],
    ids=str,
)
def test_what_no_target_is_for_is_refused(few, fields, said):
    with pytest.raises(RecipeError, match=said):
        require_fit_to_data(replace(RECIPE, **fields), few, fields)


def test_a_refused_loss_comes_with_those_that_fit(few):
    fields = {"losses": {"value": "huber"}}
    with pytest.raises(RecipeError) as caught:
        require_fit_to_data(replace(RECIPE, **fields), few, fields)
    assert caught.value.hint == "the data has label (class); choose among cross-entropy, focal"


def test_a_recipe_may_name_losses_for_other_data_than_this(few):
    require_fit_to_data(replace(RECIPE, losses={"value": "huber"}), few)
    require_fit_to_data(replace(RECIPE, losses={"class": "focal", "labels": "focal"}), few)


def test_one_name_for_two_kinds_of_target_is_of_use_to_either(few):
    """As the command line says it: --loss focal is for classes and for labels."""
    fields = {"losses": {"class": "focal", "labels": "focal"}}
    require_fit_to_data(replace(RECIPE, **fields), few, fields)


def test_classes_that_are_not_there_cannot_be_drawn_equally_often(few):
    data = three_targets(few)
    balanced = replace(RECIPE, sampling="balanced")
    require_fit_to_data(balanced, data)
    with pytest.raises(RecipeError, match="no classes to draw equally often"):
        require_fit_to_data(balanced, replace(data, targets=data.targets[1:]))


def test_mixing_values_is_no_contradiction(few):
    data = three_targets(few)
    augment = replace(RECIPE.augment, mixup=0.2)
    require_fit_to_data(replace(RECIPE, augment=augment), replace(data, targets=data.targets[2:]))


@pytest.mark.parametrize(
    ("network", "fields", "said"),
    [
        (RESNET, {"lora": Lora()}, "lora updates linear layers"),
        (VIT, {"lora": Lora(), "train": ("stem",)}, "lora updates linear layers"),
        ("torchvision/squeezenet1_1", {"parameters": "norms"}, "has no norms to train"),
        (RESNET, {"parameters": "biases", "train": ()}, None),
        (RESNET, {"optimizer": "adamm"}, "no optimiser named 'adamm'"),
        (RESNET, {"optimizer": "adagrad", "momentum": 0.9}, "'adagrad' has no momentum"),
        (RESNET, {"optimizer": "adagrad"}, None),
        (RESNET, {"train": ("stage9",)}, "no stage named stage9"),
        (VIT, {"lora": Lora()}, None),
        (VIT, {"parameters": "norms", "train": ("block6",)}, None),
    ],
    ids=str,
)
def test_what_a_network_has_nothing_of_is_refused(networks, network, fields, said):
    recipe = recipe_of(SOLVE, replace(DESCEND, **fields))
    if said is None:
        require_fit_to_network(recipe, networks[network])
        return
    with pytest.raises(RecipeError, match=said) as caught:
        require_fit_to_network(recipe, networks[network])
    assert caught.value.hint


def test_asking_changes_nothing_of_the_network(networks):
    network = networks[VIT]
    before = [(name, p.requires_grad) for name, p in network.named_parameters()]
    require_fit_to_network(recipe_of(replace(DESCEND, lora=Lora())), network)
    assert [(name, p.requires_grad) for name, p in network.named_parameters()] == before


def test_one_target_has_nothing_to_be_weighed_against(few):
    fields = {"weighting": "uncertainty"}
    with pytest.raises(RecipeError, match="one target alone"):
        require_fit_to_data(replace(RECIPE, **fields), few, fields)


def test_solved_heads_weigh_labels_as_well_as_classes(few):
    require_fit_to_data(replace(RECIPE, class_weights="balanced"), three_targets(few))


GPU, CPU = torch.device("cuda"), torch.device("cpu")
ADAPT = recipe_of(replace(DESCEND, batch_norm="adapt"), batch_size=4, accumulate=2)


@pytest.mark.parametrize(
    ("count", "last", "images"),
    [(33, "keep", 1), (49, "keep", 17), (17, "drop", 17), (3, "drop", 3)],
)
def test_shared_batch_statistics_need_an_image_of_every_process_in_every_batch(
    networks, count, last, images
):
    """Of 17 images in four processes, batches of 4, the first alone has a second batch."""
    recipe = replace(ADAPT, last_batch=last)
    with pytest.raises(RecipeError, match=f"of a step of {images} images, some of 4") as caught:
        require_images_for_all(recipe, networks[RESNET], count=count, processes=4, device=GPU)
    assert "--batch-norm frozen" in caught.value.hint


@pytest.mark.parametrize(
    ("count", "processes", "changes", "name", "device"),
    [
        (33, 4, {}, RESNET, GPU),
        (32, 4, {"last_batch": "keep"}, RESNET, GPU),
        (39, 4, {"last_batch": "keep"}, RESNET, GPU),
        (33, 4, {"last_batch": "keep"}, RESNET, CPU),
        (33, 1, {"last_batch": "keep"}, RESNET, GPU),
        (33, 4, {"last_batch": "keep"}, VIT, GPU),
        (33, 4, {"last_batch": "keep", "phases": (DESCEND,)}, RESNET, GPU),
        (33, 4, {"last_batch": "keep", "phases": (SOLVE,)}, RESNET, GPU),
    ],
)
def test_where_no_image_is_counted_twice_any_step_will_do(
    networks, count, processes, changes, name, device
):
    recipe = replace(ADAPT, **changes)
    require_images_for_all(recipe, networks[name], count=count, processes=processes, device=device)
