from dataclasses import replace

import pytest

from tests.zoo.training.small_runs import DESCEND, begin, plan_of, recipe_of
from zoo.training.course import Course


@pytest.fixture
def course(few, tmp_path):
    """Eighteen images, six a step, two epochs."""
    training = begin(plan_of(recipe_of(DESCEND), few), tmp_path / "run")
    return Course(training, DESCEND, seed=3)


def test_an_epoch_taken_up_in_its_course_has_the_steps_that_are_left(course):
    whole = course.left_of(1, 3)
    assert [len(step) for step in whole] == [6, 6, 6]
    assert list(course.left_of(1, 5)) == list(whole)[2:]


def test_a_limit_of_steps_ends_the_last_epoch_early(course):
    short = Course(course.training, replace(DESCEND, max_steps=4), seed=3)
    assert (short.total_steps, course.total_steps) == (4, 6)
    assert [short.end_of(epoch) for epoch in (0, 1)] == [3, 4]
    assert list(short.left_of(1, 3)) == list(course.left_of(1, 3))[:1]


def test_accumulated_batches_make_larger_steps(course):
    plan = course.training.plan
    course.plan = replace(plan, recipe=replace(plan.recipe, accumulate=3))
    assert (course.step_size, course.steps_per_epoch) == (18, 1)
