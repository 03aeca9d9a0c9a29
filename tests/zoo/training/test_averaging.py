import io

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from zoo.training.averaging import Average


@pytest.fixture
def network():
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1))
    return nn.Sequential(body, nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2))


def freeze_body(network):
    network[0].requires_grad_(requires_grad=False)
    network.train()
    network[0].eval()
    network[0][1].running_mean.fill_(-0.0)  # the zero that arithmetic would turn positive


def steps(network, average, count, first=0):
    trained = [value for value in network.parameters() if value.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.1)
    for step in range(first, first + count):
        torch.manual_seed(step)
        optimizer.zero_grad()
        network(torch.randn(6, 3, 2, 2)).square().mean().backward()
        optimizer.step()
        average.update()


def bits(network):
    return {name: value.numpy().tobytes() for name, value in network.state_dict().items()}


def test_a_small_decay_is_torchs_exponential_average(network):
    """Below 1/10 the warm-up of the decay changes nothing."""
    average = Average(network.train(), decay=0.05)
    theirs = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.05), use_buffers=True)
    for step in range(5):
        steps(network, average, 1, first=step)
        theirs.update_parameters(network)
    with average.swapped():
        for name, value in theirs.module.state_dict().items():
            if "num_batches" not in name:
                assert torch.equal(network.state_dict()[name], value)


def test_the_average_forgets_the_start_sooner_than_its_decay():
    network = nn.Linear(1, 1, bias=False)
    average = Average(network, decay=0.999)
    expected = 0.0
    for n, value in enumerate([5.0, 1.0, 2.0]):
        network.weight.data.fill_(value)
        average.update()
        kept = (1 + n) / (10 + n) if n else 0.0
        expected = kept * expected + (1 - kept) * value
    average.put()
    assert network.weight.item() == pytest.approx(expected, rel=1e-6)  # float32


def test_frozen_tensors_keep_their_bits_and_are_not_stored(network):
    freeze_body(network)
    before = bits(network[0])
    average = Average(network, decay=0.9)
    steps(network, average, 4)
    with average.swapped():
        assert bits(network[0]) == before
    average.put()
    assert bits(network[0]) == before
    assert not any(name.startswith("0.") for name in average.state_dict()["averages"])


def test_statistics_that_move_are_averaged_with_the_weights(network):
    average = Average(network.train(), decay=0.9)
    steps(network, average, 3)
    live = network[1].running_mean.clone()
    with average.swapped():
        assert not torch.equal(network[1].running_mean, live)


def test_the_average_is_there_within_and_gone_after_even_after_an_error(network):
    average = Average(network.train(), decay=0.9)
    steps(network, average, 3)
    before = bits(network)
    with average.swapped():
        assert bits(network) != before
    assert bits(network) == before
    with pytest.raises(RuntimeError, match="shape"), average.swapped():
        network.eval()(torch.zeros(1, 3, 9, 9))
    assert bits(network) == before


def test_before_the_first_update_nothing_is_swapped(network):
    before = bits(network)
    with Average(network, decay=0.9).swapped():
        assert bits(network) == before


def test_training_is_not_changed_by_averaging_it(network):
    average = Average(network.train(), decay=0.9)
    steps(network, average, 2)
    with average.swapped():
        network.eval()(torch.zeros(1, 3, 2, 2))
    network.train()
    steps(network, average, 2, first=2)
    averaged = bits(network)
    network.load_state_dict(reference_state(4))
    assert bits(network) == averaged


def reference_state(count):
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1))
    network = nn.Sequential(body, nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2)).train()
    steps(network, Average(nn.Linear(1, 1), decay=0.5), count)
    return network.state_dict()


def test_a_resumed_average_goes_on_bit_for_bit(network):
    freeze_body(network)
    average = Average(network, decay=0.9)
    steps(network, average, 3)
    buffer = io.BytesIO()
    torch.save([network.state_dict(), average.state_dict()], buffer)
    steps(network, average, 3, first=3)
    average.put()
    straight = bits(network)

    buffer.seek(0)
    network_state, state = torch.load(buffer, weights_only=True)
    network.load_state_dict(network_state)
    resumed = Average(network, decay=0.9)
    resumed.load_state_dict(state)
    steps(network, resumed, 3, first=3)
    resumed.put()
    assert bits(network) == straight
