import pytest
import torch
from torch import nn

from zoo.training.fingerprint import fingerprint


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2).bfloat16())


def test_modes_and_memory_layout_change_nothing(network):
    before = fingerprint(network)
    assert fingerprint(network.eval().to(memory_format=torch.channels_last)) == before


@pytest.mark.parametrize("name", ["0.weight", "1.running_var", "1.num_batches_tracked", "2.bias"])
def test_every_bit_counts(network, name):
    before = fingerprint(network)
    with torch.no_grad():
        bits = network.state_dict()[name].reshape(-1)[:1].view(torch.uint8)
        bits[0] ^= 1
    assert fingerprint(network) != before
