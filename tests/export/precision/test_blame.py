import pytest

from export.precision.blame import find_sensitive

NODES = tuple(f"n{at}" for at in range(500))


def measure(noises):
    """Noise adds up, and every node makes a little."""
    asked = []

    def ask(nodes):
        asked.append(nodes)
        return sum(noises.get(name, 1e-4) for name in nodes)

    return ask, asked


@pytest.mark.parametrize("bad", [("n0",), ("n499",), ("n17", "n300"), ("n17", "n18", "n400")])
def test_the_worst_of_five_hundred_are_found_in_fifty_measures(bad):
    ask, asked = measure({name: 1.0 + at for at, name in enumerate(bad)})
    found = find_sensitive(NODES, ask)
    assert [group.nodes for group in found[: len(bad)]] == [(name,) for name in reversed(bad)]
    assert len(asked) <= 48


def test_every_node_is_somewhere_and_the_worst_are_first():
    found = find_sensitive(NODES, measure({"n7": 1.0})[0])
    assert sorted(name for group in found for name in group.nodes) == sorted(NODES)
    assert [group.noise for group in found] == sorted((g.noise for g in found), reverse=True)


def test_no_more_is_asked_than_allowed():
    ask, asked = measure({"n7": 1.0})
    find_sensitive(NODES, ask, most_measures=8)
    assert len(asked) == 8


def test_noise_that_is_infinite_is_the_worst():
    found = find_sensitive(NODES[:4], measure({"n2": float("inf"), "n1": 5.0})[0])
    assert [group.nodes for group in found[:2]] == [("n2",), ("n1",)]


def test_of_nothing_nothing_is_found():
    assert find_sensitive((), measure({})[0]) == []
