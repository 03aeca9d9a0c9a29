import math

import pytest
import torch

from export.outputs import blocks_of, decide, names_of, pick, spread_of
from tests.export.small_models import KIND, POSE, TAGS
from zoo.targets import ClassTarget, LabelsTarget

BOUND = 0.1


def test_a_class_is_a_tie_within_twice_the_bound():
    ours = decide(KIND, torch.tensor([[1.0, 3.0, 0.0], [5.0, 4.85, 0.0], [0.0, 0.0, 2.0]]))
    theirs = decide(KIND, torch.tensor([[3.0, 1.0, 0.0], [4.9, 4.95, 0.0], [0.0, 0.0, 2.0]]))
    assert ours.ties(BOUND).tolist() == [False, True, False]
    assert ours.agree(theirs).tolist() == [False, False, True]
    assert ours.disagree(theirs, BOUND).tolist() == [True, False, False]


def test_a_label_is_a_tie_within_the_bound_of_its_own_threshold():
    cut = math.log(0.4 / 0.6)
    ours = decide(TAGS, torch.tensor([[cut + 0.05, 3.0], [cut - 0.2, -3.0], [0.0, 3.0]]))
    theirs = decide(TAGS, torch.tensor([[cut - 0.01, 3.0], [cut + 0.2, -3.0], [0.0, -3.0]]))
    assert ours.ties(BOUND).tolist() == [True, False, False]
    assert ours.disagree(theirs, BOUND).tolist() == [False, True, True]


def test_labels_are_decided_as_they_are_answered():
    outputs = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    answers = [[name in dict(a.labels) for name in TAGS.classes] for a in TAGS.answer(outputs)]
    assert decide(TAGS, outputs).choices.tolist() == answers


@pytest.mark.parametrize("cut", [0.0, 1.0])
def test_a_threshold_that_nothing_reaches_is_never_a_tie(cut):
    target = LabelsTarget(name="tags", classes=("a",), thresholds=(cut,))
    decisions = decide(target, torch.tensor([[-40.0], [0.0], [40.0]]))
    assert decisions.choices.flatten().tolist() == [cut == 0] * 3
    assert not decisions.ties(1e6).any()


def test_values_decide_nothing():
    ours, theirs = decide(POSE, torch.zeros(3, 2)), decide(POSE, torch.ones(3, 2))
    assert ours.agree(theirs).all()
    assert not ours.ties(1e6).any()
    assert not ours.disagree(theirs, 0).any()


def test_an_only_class_is_never_a_tie():
    decisions = decide(ClassTarget(name="kind", classes=("a",)), torch.zeros(2, 1))
    assert not decisions.ties(1e6).any()


def test_classes_spread_within_an_input_and_labels_over_the_inputs():
    outputs = torch.linspace(0, 1, 101)[:, None] * torch.tensor([0.0, 10.0])
    assert spread_of(KIND, outputs + torch.tensor([0.0, 3.0])) == pytest.approx(8)
    assert spread_of(POSE, outputs[:, [1]]) == pytest.approx(9)
    assert spread_of(TAGS, outputs + torch.tensor([0.0, 3.0])) == pytest.approx(4.5)


def test_logits_share_a_bound_and_values_do_not():
    assert blocks_of(KIND) == [[0, 1, 2]]
    assert blocks_of(TAGS) == [[0, 1]]
    assert blocks_of(POSE) == [[0], [1]]
    assert names_of(TAGS) == TAGS.classes
    assert names_of(POSE) == POSE.columns
    assert pick(names_of(KIND), torch.tensor([True, False, True])) == ("checks", "stripes")
