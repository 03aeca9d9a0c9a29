from dataclasses import replace

import pytest

from export.levels import MetricLevel, TargetScore, figures_of
from export.number_level import BatchEffect, EdgeNumbers, ParityLevel, TargetNumbers
from export.parity import Difference

CALM = BatchEffect(
    max_abs_error=1e-7,
    bound=1e-5,
    dependent=(),
    worst=Difference(sample="a/2.png", output="dog", reference=3.0, candidate=4.0),
    batch_size=33,
)
EDGES = EdgeNumbers(
    verdict="pass",
    noise_floor=1e-4,
    bound=1e-3,
    spread=70.0,
    max_abs_error=2e-4,
    max_abs_error_float64=3e-4,
    error_ratio=3.0,
    worst=Difference(sample="(white)", output="dog", reference=70.0, candidate=70.0002),
    worst_batch_size=2,
)
PARITY = TargetNumbers(
    verdict="fail",
    kind="class",
    noise_floor=1e-6,
    bound=1e-5,
    spread=2.0,
    max_abs_error=0.5,
    mean_abs_error=0.1,
    max_abs_error_float64=0.5,
    error_ratio=5e5,
    agreement=0.5,
    num_sure=2,
    sure_agreement=0.5,
    batch_effect=CALM,
    edges=EDGES,
    disagreements=("a/1.png",),
    ties=(),
    worst=Difference(sample="a/1.png", output="cat", reference=1.0, candidate=1.5),
    worst_batch_size=7,
)
SCORE = TargetScore(
    verdict="fail",
    metric="top1",
    num_samples=10,
    metric_torch=0.9,
    metric_onnx=0.5,
    metric_recorded=0.9,
    least=0.9,
    most=0.9,
    ties=0,
)


def parity_level(**targets: TargetNumbers) -> ParityLevel:
    return ParityLevel(
        **figures_of(next(iter(targets.values()))),
        num_samples=10,
        edge_inputs=("(black)",),
        batch_sizes=(1, 7),
        probed=("a/1.png", "(black)"),
        errors={},
        targets=targets,
    )


def test_a_difference_is_told_with_sample_class_and_bound():
    text = parity_level(label=PARITY).explain()
    assert text.startswith("a/1.png in a batch of 7: logit of 'cat' is 1.5 instead of 1, off by")
    assert text.endswith("; another class for a/1.png")


def test_a_value_is_no_logit():
    value = replace(PARITY, kind="value", agreement=None, disagreements=())
    assert "value of 'cat'" in parity_level(age=value).explain()


def test_of_several_targets_those_that_failed_are_named():
    level = parity_level(kind=PARITY, age=replace(PARITY, verdict="pass"))
    assert level.explain().startswith("kind: a/1.png")
    assert "age" not in level.explain()


def test_what_does_not_run_is_said_before_anything_else():
    level = replace(parity_level(label=PARITY), errors={1: "no", 2: "no"})
    assert level.explain() == "does not run in batches of 1, 2: no"


def test_an_answer_that_depends_on_its_neighbours_is_said_to_before_its_distance():
    moved = replace(PARITY, batch_effect=replace(CALM, dependent=("a/2.png",)))
    effect, distance = parity_level(label=moved).explain().split("; ", 1)
    assert effect == (
        "the answer for a/2.png depends on its neighbours: logit of 'dog' is 4 in a batch of 33 "
        "and 3 alone"
    )
    assert distance == PARITY.explain()


WRONG_EDGES = replace(EDGES, verdict="fail", max_abs_error=7.0, worst_batch_size=33)


def test_an_edge_input_that_differs_is_told_after_real_images():
    real, edge = replace(PARITY, edges=WRONG_EDGES).explain().split("; (white)")
    assert real == PARITY.explain()
    assert edge.startswith(" in a batch of 33: logit of 'dog' is 70.0002 instead of 70, off by 7.0")


def test_where_only_an_edge_input_differs_nothing_is_said_of_real_images():
    near = replace(PARITY, max_abs_error=1e-6, edges=WRONG_EDGES, disagreements=("(white)",))
    assert near.explain().startswith("(white) in a batch of 33")
    assert near.explain().endswith("; another class for (white)")


def test_an_edge_input_as_noisy_as_its_answers_is_said_to_be():
    noisy = replace(WRONG_EDGES, noise_floor=0.5, bound=5.0)
    text = replace(PARITY, max_abs_error=1e-6, edges=noisy, disagreements=()).explain()
    assert text == (
        "PyTorch's own noise for (white), 5.0e-01, asks for a bound of 5.0e+00, which is too "
        "large beside its answers' range of 7.0e+01"
    )


@pytest.mark.parametrize(
    ("edges", "name"),
    [(EDGES, "a/1.png"), (WRONG_EDGES, "a/1.png")]
    + [(replace(WRONG_EDGES, max_abs_error=error), "(white)") for error in (70, float("nan"))],
)
def test_the_worst_input_takes_the_largest_part_of_its_own_bound(edges, name):
    """Of 50,000 times its bound, 7,000 times, and 70,000 times."""
    assert parity_level(label=replace(PARITY, edges=edges)).worst_input == name


def test_a_target_that_is_wrong_on_edge_inputs_is_the_worse():
    worse = replace(PARITY, max_abs_error=1e-6, edges=WRONG_EDGES)
    milder = replace(PARITY, max_abs_error=1e-2)
    assert max([worse, milder], key=lambda target: target.badness) is worse


def test_a_bound_as_large_as_the_answers_is_said_to_prove_nothing():
    noisy = replace(PARITY, noise_floor=0.1, bound=1.0)
    assert "nothing can be proved about this network" in parity_level(label=noisy).explain()


def test_failures_are_worse_than_any_error():
    passed = replace(PARITY, verdict="pass", max_abs_error=float("nan"))
    assert max([passed, PARITY], key=lambda target: target.badness) is PARITY


@pytest.mark.parametrize(
    ("score", "text"),
    [
        (SCORE, "top1 0.5000 instead of 0.9000 (training measured 0.9000)"),
        (replace(SCORE, metric_recorded=None), "top1 0.5000 instead of 0.9000"),
        (
            replace(SCORE, metric="mae", metric_onnx=12345.678, metric_recorded=None),
            "mae 12345.7 instead of 0.9",
        ),
    ],
)
def test_scores_are_put_side_by_side(score, text):
    assert MetricLevel(**figures_of(score), targets={"label": score}).explain() == text


def test_scores_of_several_targets_are_told_by_name():
    targets = {"kind": SCORE, "age": replace(SCORE, verdict="pass")}
    level = MetricLevel(**figures_of(SCORE), targets=targets)
    assert level.explain().startswith("kind: top1 0.5000")
    assert "age" not in level.explain()
