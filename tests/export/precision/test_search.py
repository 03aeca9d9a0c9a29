import pytest

from export.precision.blame import Sensitive
from export.precision.report import TargetChange
from export.precision.search import Judgement, settle

NODES = tuple("abcdefgh")


class Letters:
    """Lowers letters: what is kept is written out."""

    method = "letters"
    nodes = NODES
    spared = frozenset()

    def lower(self, keep):
        return "".join(keep).encode()

    def stand_in(self, content):
        return content


def judged(drop, max_drop=1.0):
    change = TargetChange(
        verdict="kept" if drop <= max_drop else "refused",
        kind="class",
        metric="top1",
        num_images=10,
        metric_float32=1.0,
        metric_variant=1.0,
        drop=drop,
        agreement=1.0,
        max_abs_difference=0.0,
    )
    return Judgement({"label": change}, finite=True)


def search(needed, noises):
    """Settle where a point is lost for each needed node that is not kept, beyond the first."""
    blamed = []

    def judge(content):
        return judged(2.0 * len(set(needed) - set(content.decode())))

    def blame(_):
        blamed.append(True)
        return [Sensitive((name,), noise) for name, noise in noises]

    return settle(lambda kept: Letters(), judge, blame), blamed


def test_within_the_budget_nobody_has_to_look():
    settled, blamed = search("", [])
    assert settled.judgement.passed
    assert not blamed
    assert settled.kept == ()


@pytest.mark.parametrize(("needed", "kept", "concessions"), [("c", "c", 1), ("ca", "ca", 2)])
def test_the_worst_are_given_back_until_it_holds(needed, kept, concessions):
    settled, _ = search(needed, [("c", 3.0), ("a", 2.0), ("b", 1.0), ("d", 0.5)])
    assert settled.judgement.passed
    assert "".join(settled.kept) == kept
    assert len(settled.concessions) == 1 + concessions


def test_with_half_the_nodes_in_float_it_is_given_up():
    settled, _ = search("abcdef", [(name, 8.0 - at) for at, name in enumerate(NODES)])
    assert not settled.judgement.passed
    assert "".join(settled.kept) == "abcd"
    assert settled.judgement.excess == 4.0


def test_what_does_not_help_is_not_kept_in_float():
    settled, _ = search("gh", [(name, 8.0 - at) for at, name in enumerate("abcd")])
    assert settled.kept == ()
    assert [attempt.num_in_float for attempt in settled.concessions] == [0, 1, 2, 4]
    assert [found.nodes for found in settled.sensitive] == [("a",), ("b",), ("c",), ("d",)]


def test_each_attempt_chooses_the_way_anew():
    one, other = Letters(), Letters()
    settled = settle(
        lambda kept: other if kept else one,
        lambda content: judged(0.0 if content else 5.0),
        lambda lowering: [Sensitive(("a",), 1.0)] if lowering is one else [],
    )
    assert settled.lowering is other
    assert settled.kept == ("a",)
