import pytest
import torch
from torch import nn

from zoo.training.room import kept_bytes, note_on_room, room_of

GIB = 2**30


def test_what_trains_takes_four_times_its_weights_and_what_is_frozen_once():
    network = nn.Sequential(nn.Linear(10, 10, bias=False), nn.Linear(10, 10, bias=False))
    network[0].requires_grad_(requires_grad=False)
    network.register_buffer("mean", torch.zeros(5))
    assert kept_bytes(network) == 4 * (100 + 5) + 4 * 4 * 100


@pytest.mark.parametrize(("shares", "room"), [(1, 8 * GIB), (4, 2 * GIB), (1, None)])
def test_nothing_is_said_where_it_fits_or_nothing_is_known(shares, room):
    assert note_on_room(8 * GIB, room, shares=shares) == ""


def test_a_copy_that_does_not_fit_names_the_way_out():
    note = note_on_room(90 * GIB, 80 * GIB, shares=1)
    assert "take 90.0 GiB (a copy), and the GPU has 80.0; --shard" in note


def test_a_share_that_does_not_fit_asks_for_more_processes():
    note = note_on_room(200 * GIB, 80 * GIB, shares=2)
    assert "take 100.0 GiB (each of 2 shares)" in note
    assert "more processes" in note


def test_of_the_machines_own_memory_nothing_is_said():
    assert room_of(torch.device("cpu")) is None
