import torch
from torch.testing import assert_close

from zoo.recipes import Augment
from zoo.training.augment import Mixed, mix

MIXUP = Augment(mixup=0.4)
CUTMIX = Augment(cutmix=1.0)


def batch(size: int = 6) -> torch.Tensor:
    """Images of one level each, their own index."""
    return torch.arange(size).float().view(size, 1, 1, 1).expand(size, 3, 40, 50).clone()


def mixed(recipe: Augment, step: int) -> Mixed:
    return mix(batch(), recipe, seed=3, step=step)


def test_a_mixup_is_the_weighted_mean_with_the_partner():
    for step in range(5):
        result = mixed(MIXUP, step)
        expected = result.part * batch() + (1 - result.part) * batch()[result.partner]
        # Levels up to 5, float32.
        assert_close(result.images, expected, atol=1e-5, rtol=0.0)
        assert 0 <= result.part <= 1


def test_whole_levels_are_mixed_as_floats():
    whole = mix(batch().to(torch.uint8), MIXUP, seed=3, step=0)
    assert torch.equal(whole.images, mixed(MIXUP, 0).images)


def test_a_cutmix_pastes_one_rectangle_and_counts_its_real_area():
    parts = set()
    for step in range(20):
        result = mixed(CUTMIX, step)
        pasted = (result.images != batch()).any(dim=1)
        moved = result.partner != torch.arange(6)
        assert torch.equal(
            torch.where(pasted[:, None], batch()[result.partner], batch()), result.images
        )
        for mask in pasted[moved]:
            rows, columns = mask.any(dim=1).sum(), mask.any(dim=0).sum()
            assert mask.sum() == rows * columns
            assert result.part == 1 - mask.sum().item() / (40 * 50)
        parts.add(result.part)
    assert len(parts) > 10


def test_the_same_step_mixes_alike_and_another_step_otherwise():
    one, same, other = mixed(MIXUP, 1), mixed(MIXUP, 1), mixed(MIXUP, 2)
    assert torch.equal(one.images, same.images)
    assert one.part == same.part != other.part


def test_with_both_alphas_batches_get_one_or_the_other():
    """The chance that 40 coins all fall alike is 2e-12."""
    both = Augment(mixup=1.0, cutmix=1.0)
    whole = [torch.equal(r.images, r.images.round()) for r in (mixed(both, s) for s in range(40))]
    assert any(whole)
    assert not all(whole)


def test_without_alphas_images_stay_themselves():
    result = mixed(Augment(), 0)
    assert result.part == 1.0
    assert torch.equal(result.partner, torch.arange(6))
    assert torch.equal(result.images, batch())
