import torch

from zoo.seeds import derive_seed, generator_for


def test_places_have_seeds_of_their_own_that_stay():
    seeds = {derive_seed(seed, "step", step) for seed in range(10) for step in range(100)}
    assert len(seeds) == 1000
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derive_seed(0, "step", 1) in seeds


def test_parts_do_not_run_together():
    assert derive_seed(1, 23) != derive_seed(12, 3)


def test_generators_of_one_place_agree():
    first, again = (torch.rand(3, generator=generator_for(1, "x")) for _ in range(2))
    assert torch.equal(first, again)
