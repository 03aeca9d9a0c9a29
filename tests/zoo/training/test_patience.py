import pytest
import torch
from torch import nn

from zoo.training.patience import Best


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


def consider(best, network, *losses):
    """Each epoch has weights of its own: all numbers are the epoch's."""
    for loss in losses:
        epoch = best.epoch + best.stale + 1
        with torch.no_grad():
            for value in network.state_dict().values():
                value.fill_(epoch)
        best.consider(loss, epoch, network)


def test_patience_ends_after_so_many_epochs_without_a_lower_loss(network):
    best = Best(2)
    consider(best, network, 3.0, 2.0, 2.5)
    assert not best.is_over
    consider(best, network, 2.0)
    assert best.is_over


def test_a_lower_loss_begins_the_count_anew(network):
    best = Best(2)
    consider(best, network, 3.0, 4.0, 2.0, 4.0)
    assert not best.is_over


def test_the_best_epochs_tensors_come_back_bit_for_bit(network):
    best = Best(5)
    consider(best, network, 3.0, 1.0, 2.0, 4.0)
    said = best.restore(network)
    assert said == "kept the weights of epoch 2, validation loss 1.000"
    assert all(torch.equal(v, torch.full_like(v, 2)) for v in network.state_dict().values())


def test_a_loss_that_is_not_a_number_is_never_the_best(network):
    best = Best(5)
    consider(best, network, float("nan"), 2.0, float("nan"))
    assert (best.epoch, best.stale) == (2, 1)


def test_without_patience_nothing_is_kept_and_nothing_ends(network):
    best = Best(None)
    consider(best, network, 1.0)
    for _ in range(20):
        best.consider(9.0, 2, network)
    assert not best.is_over
    assert not best.weights
    assert best.restore(network) == ""


def test_a_state_goes_on_where_another_stood(network):
    best, again = Best(2), Best(2)
    consider(best, network, 3.0, 1.0, 2.0)
    again.load_state_dict(best.state_dict())
    consider(again, network, 1.5)
    assert again.is_over
    again.restore(network)
    assert all(torch.equal(v, torch.full_like(v, 2)) for v in network.state_dict().values())
