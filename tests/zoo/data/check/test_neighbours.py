import numpy as np
import pytest

from zoo.data.check.neighbours import find_neighbours


def flip(hashes, bits, rng):
    """Turn so many bits of each hash."""
    flipped = hashes.copy()
    for row in range(len(hashes)):
        for bit in rng.choice(64, bits, replace=False):
            flipped[row] ^= np.uint64(1) << np.uint64(bit)
    return flipped


def pairs_of(asked, known, **options):
    found = [np.empty((2, 0), np.int64), *map(np.array, find_neighbours(asked, known, **options))]
    return {(int(left), int(right)) for left, right in np.concatenate(found, axis=1).T}


@pytest.fixture
def hashes():
    rng = np.random.default_rng(0)
    return rng.integers(0, 2**64, 400, dtype=np.uint64)


@pytest.mark.parametrize("bits", [0, 1, 4, 7])
def test_all_pairs_within_seven_bits_are_found(hashes, bits):
    both = np.concatenate([hashes, flip(hashes, bits, np.random.default_rng(bits))])
    found = pairs_of(both, both)
    assert {(row, row + 400) for row in range(400)} <= found


@pytest.mark.parametrize(("bits", "part"), [(8, 0.96), (10, 0.78)])
def test_as_many_of_ten_bits_are_found_as_is_promised(hashes, bits, part):
    both = np.concatenate([hashes, flip(hashes, bits, np.random.default_rng(bits))])
    found = pairs_of(both, both)
    hits = sum((row, row + 400) in found for row in range(400)) / 400
    # Three standard deviations of the mean of 400 tries.
    assert abs(hits - part) < 3 * (part * (1 - part) / 400) ** 0.5


def test_every_pair_found_lies_within_the_radius(hashes):
    # Half of the bits are alike everywhere, so that many pairs are close.
    close = hashes & np.uint64(0x00FF00FF000000FF)
    found = pairs_of(close, close, radius=5)
    assert found
    assert all(np.bitwise_count(close[left] ^ close[right]) <= 5 for left, right in found)
    assert all(left != right for left, right in found)


def test_what_is_asked_may_differ_from_what_is_known(hashes):
    turned = flip(hashes, 3, np.random.default_rng(3))
    asked = np.roll(turned, 1)
    found = pairs_of(asked, hashes)
    assert {(row, row - 1) for row in range(1, 400)} <= found


def test_a_crowd_of_equal_hashes_is_connected_without_comparing_all():
    crowd = np.full(3000, 12345, dtype=np.uint64)
    calls = list(find_neighbours(crowd, crowd))
    left, right = np.concatenate(calls, axis=1)
    assert set(left.tolist()) | set(right.tolist()) == set(range(3000))
    # The four quarters each offer the same few.
    assert len(left) < 4 * 128 * 3000
    assert len(set(right.tolist())) <= 128


def test_no_hash_has_no_neighbours():
    none = np.empty(0, dtype=np.uint64)
    assert pairs_of(none, none) == set()
