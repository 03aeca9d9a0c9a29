from dataclasses import replace

import pytest

from zoo.errors import RecipeError
from zoo.recipes import Augment
from zoo.registry.files import built_in_registry
from zoo.training.plan import Settings, adapt_preprocess, adapt_recipe

RECIPES = built_in_registry().recipes


def test_settings_change_the_last_descent_and_nothing_else(backbone):
    settings = Settings(epochs=3, lr=0.1, batch_size=7, seed=9)
    recipe = adapt_recipe(RECIPES["finetune"], backbone, settings)
    assert (recipe.batch_size, recipe.seed) == (7, 9)
    assert recipe.phases[1] == replace(RECIPES["finetune"].phases[1], epochs=3, lr=0.1)
    assert recipe.phases[0] == RECIPES["finetune"].phases[0]


def test_no_settings_are_the_recipe_itself(backbone):
    assert adapt_recipe(RECIPES["finetune"], backbone, Settings()) == RECIPES["finetune"]


def test_seed_zero_is_a_seed(backbone):
    recipe = replace(RECIPES["finetune"], seed=5)
    assert adapt_recipe(recipe, backbone, Settings(seed=0)).seed == 0


def test_a_setting_that_the_recipe_has_no_use_for_is_refused(backbone):
    with pytest.raises(RecipeError, match="to apply --epochs, --batch"):
        adapt_recipe(RECIPES["linear-probe"], backbone, Settings(epochs=3, batch_size=4))


def test_a_recipe_for_another_networks_stages_is_refused(backbone):
    phase = replace(RECIPES["finetune"].phases[1], train=("layer4",))
    with pytest.raises(RecipeError, match="no stage named layer4"):
        adapt_recipe(replace(RECIPES["finetune"], phases=(phase,)), backbone, Settings())


def test_a_network_of_one_size_refuses_another():
    with pytest.raises(RecipeError, match="takes 224 px images only, not 192"):
        adapt_preprocess(built_in_registry().backbone("vit_b_16"), 192)


def test_a_network_that_can_be_rebuilt_takes_multiples_of_its_patches_only():
    entry = built_in_registry().backbone("vit_small_patch14_dinov2.lvd142m")
    assert adapt_preprocess(entry, 224).size == 224
    with pytest.raises(RecipeError, match="a multiple of 14 px, not 225") as caught:
        adapt_preprocess(entry, 225)
    assert caught.value.hint == "--img-size 224"


def test_training_sizes_are_multiples_of_the_networks_step(plan):
    entry = built_in_registry().backbone("vit_small_patch16_dinov3.lvd1689m")
    recipe = replace(plan.recipe, augment=Augment(size_ratio=0.8))
    at_size = replace(plan, backbone=entry, recipe=recipe, preprocess=entry.preprocess)
    assert at_size.train_preprocess.size % 16 == 0


def test_an_absurd_size_is_refused_before_anything_is_computed(backbone):
    with pytest.raises(RecipeError, match="4096 px is the limit"):
        adapt_preprocess(backbone, 100_000)


def test_an_image_too_small_for_the_network_is_refused():
    with pytest.raises(RecipeError, match="80 px and more"):
        adapt_preprocess(built_in_registry().backbone("inception_v3"), 64)


def test_training_images_are_smaller_by_the_recipes_ratio(plan):
    recipe = replace(plan.recipe, augment=Augment(size_ratio=0.857))
    contract = plan.backbone.preprocess
    for size, trained in ((224, 192), (96, 96), (64, 64), (40, 32)):
        at_size = replace(plan, recipe=recipe, preprocess=contract.at_size(size))
        assert at_size.train_preprocess.size == trained


def test_training_images_of_a_fixed_network_keep_its_size(plan):
    vit = built_in_registry().backbone("vit_b_16")
    fixed = replace(plan, backbone=vit, preprocess=vit.preprocess, recipe=RECIPES["finetune"])
    assert fixed.train_preprocess.size == 224
