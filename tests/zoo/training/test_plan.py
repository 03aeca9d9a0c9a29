from dataclasses import replace

import pytest

from tests.zoo.training.small_runs import DESCEND, RESNET, SOLVE, VIT, entry, recipe_of
from zoo.errors import RecipeError
from zoo.recipes import AfterFrozen, Augment, HeadRecipe, Lora, TopStages
from zoo.registry.files import built_in_registry
from zoo.training.plan import Settings, adapt_preprocess, adapt_recipe, unfold

RECIPES = built_in_registry().recipes


def test_settings_change_the_last_descent_and_nothing_else(backbone):
    settings = Settings(epochs=3, lr=0.1, batch_size=7, seed=9)
    recipe = adapt_recipe(RECIPES["finetune"], backbone, settings)
    assert (recipe.batch_size, recipe.seed) == (7, 9)
    assert recipe.phases[1] == replace(RECIPES["finetune"].phases[1], epochs=3, lr=0.1)
    assert recipe.phases[0] == RECIPES["finetune"].phases[0]


def test_no_settings_are_the_recipe_itself(backbone):
    assert adapt_recipe(RECIPES["finetune"], backbone, Settings()) == RECIPES["finetune"]


@pytest.mark.parametrize("train", [{"top": 99}, {"freeze": 99}])
def test_more_stages_than_there_are_are_refused_with_their_number(backbone, train):
    count = len(backbone.stages)
    with pytest.raises(RecipeError, match=f"has {count} stages, not 99"):
        adapt_recipe(RECIPES["finetune"], backbone, Settings(changes={"train": train}))


def test_seed_zero_is_a_seed(backbone):
    recipe = replace(RECIPES["finetune"], seed=5)
    assert adapt_recipe(recipe, backbone, Settings(seed=0)).seed == 0


def test_a_setting_that_the_recipe_has_no_use_for_is_refused(backbone):
    with pytest.raises(RecipeError, match="to apply --batch-size, --epochs"):
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


def test_training_images_keep_their_size_where_features_are_flattened(plan):
    recipe = replace(
        plan.recipe, head=HeadRecipe(features="flattened"), augment=Augment(size_ratio=0.5)
    )
    flat = replace(plan, recipe=recipe, preprocess=plan.backbone.preprocess.at_size(96))
    assert flat.train_preprocess.size == 96


@pytest.mark.parametrize(
    ("train", "expected"),
    [
        ("all", ["4", "34", "234", "1234", "s1234"]),
        (TopStages(top=2), ["4", "34"]),
        (AfterFrozen(freeze=2), ["4", "34", "234"]),
        (("stage1", "stage3"), ["3", "13"]),
    ],
    ids=str,
)
def test_gradual_phases_unfold_from_the_top_a_stage_at_a_time(train, expected):
    phase = replace(DESCEND, gradual=True, train=train, lr=0.5)
    solve, *phases = unfold((SOLVE, phase), entry(RESNET))
    assert solve == SOLVE
    short = ["".join(name.removeprefix("stage")[0] for name in p.train) for p in phases]
    assert short == expected
    assert all(replace(p, gradual=True, train=train) == phase for p in phases)


def test_a_recipe_that_is_not_gradual_stays_as_it_is():
    assert unfold((SOLVE, DESCEND), entry(RESNET)) == (SOLVE, DESCEND)


@pytest.mark.parametrize(
    "fields", [{"train": "head"}, {"parameters": "biases"}, {"parameters": "norms"}], ids=str
)
def test_low_rank_updates_of_nothing_or_beside_something_are_refused(fields):
    recipe = recipe_of(replace(DESCEND, lora=Lora(), **fields))
    with pytest.raises(RecipeError, match="low-rank updates need stages"):
        adapt_recipe(recipe, entry(VIT), Settings())


@pytest.mark.parametrize("head", [HeadRecipe(hidden=(8,)), HeadRecipe(features="flattened")])
def test_a_head_that_cannot_be_solved_is_refused(head):
    with pytest.raises(RecipeError, match="solves its heads, which then have to be linear"):
        adapt_recipe(recipe_of(SOLVE, DESCEND, head=head), entry(RESNET), Settings())
    assert adapt_recipe(recipe_of(DESCEND, head=head), entry(RESNET), Settings()).head == head


def test_named_settings_and_other_changes_come_together():
    settings = Settings(epochs=3, changes={"mixup": 0.2, "lr": 0.3})
    assert settings.recipe_changes == {"epochs": 3, "mixup": 0.2, "lr": 0.3}


def test_a_gradual_phase_without_stages_is_refused_instead_of_left_out():
    recipe = recipe_of(SOLVE, replace(DESCEND, gradual=True, train="head"))
    with pytest.raises(RecipeError, match="a gradual phase needs stages to thaw"):
        adapt_recipe(recipe, entry(RESNET), Settings())
