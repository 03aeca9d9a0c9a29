import io

import numpy as np
import pytest
import torch
from PIL import Image

from zoo.card.course import Course, Epoch, Solve, read_course
from zoo.card.pictures.confusion import draw_confusion
from zoo.card.pictures.curves import draw_curves
from zoo.card.pictures.style import writable, writable_all
from zoo.targets import ClassTarget


def scored(names, count=200, skill=3.0):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, len(names), count)
    logits = rng.normal(size=(count, len(names))) + skill * np.eye(len(names))[truth]
    target = ClassTarget(classes=tuple(names))
    return target.score(torch.from_numpy(logits).float(), torch.from_numpy(truth))


def pixels_of(content):
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))


@pytest.mark.parametrize("classes", [2, 10, 30, 120])
def test_any_number_of_classes_has_a_picture_that_a_page_has_room_for(classes):
    content = draw_confusion(scored([f"class {at}" for at in range(classes)]), "test")
    height, width = pixels_of(content).shape[:2]
    assert 400 < width < 1800
    assert 300 < height < 1800
    assert len(content) < 300_000


def test_the_sheet_is_white_and_its_corners_show_the_page():
    pixels = pixels_of(draw_confusion(scored("ab"), "test"))
    assert pixels[0, 0, 3] == 0
    assert tuple(pixels[12, pixels.shape[1] // 2]) == (255, 255, 255, 255)


def test_right_answers_are_blue_and_mistakes_orange():
    pixels = pixels_of(draw_confusion(scored("ab", skill=0.5), "test")).astype(int)
    red, blue = pixels[..., 0], pixels[..., 2]
    assert (blue - red > 60).sum() > 1000
    assert (red - blue > 10).sum() > 1000


def test_names_that_the_font_cannot_write_and_formulas_raise_no_warning():
    names = ["🦊", "日本", "$x_", "a\nb", "\\frac", "w" * 90, "_", "%d", "{}", "$$", "^", "&"]
    assert draw_confusion(scored(names), "validation")


def test_a_name_that_cannot_be_written_has_boxes_of_the_same_length():
    assert writable("🦊 ok") == "▯ ok"
    assert len(writable("w" * 90)) == 22


def epochs(count, phases=1):
    return tuple(
        Epoch(phase=at * phases // count, train_loss=1 / (at + 1), validation_loss=1.1, score=0.5)
        for at in range(count)
    )


@pytest.mark.parametrize(
    "course",
    [
        Course(epochs=epochs(1), score_name="top-1"),
        Course(epochs=epochs(30, phases=3), score_name="R²"),
        Course(epochs=epochs(4)),
        Course(epochs=(Epoch(phase=0, train_loss=np.nan, validation_loss=1.0, score=np.nan),) * 3),
        Course(solves=(Solve(target="$a", chosen=0.1, losses=((0.1, 1.0), (1.0, 2.0))),) * 5),
    ],
)
def test_every_course_that_has_a_curve_has_a_picture(course):
    assert pixels_of(draw_curves(course)).shape[1] > 700


def test_nothing_to_see_is_no_picture():
    assert draw_curves(Course()) is None
    assert (
        draw_curves(Course(solves=(Solve(target="a", chosen=1.0, losses=((1.0, 2.0),)),))) is None
    )


def test_a_log_that_a_kill_cut_short_is_read_as_far_as_it_goes(tmp_path):
    log = tmp_path / "metrics.jsonl"
    line = '{"phase": 1, "kind": "descend", "epoch": 1, "train_loss": null, "validation": '
    log.write_text(f'{line}{{"top-1": 0.5, "loss": 0.7}}}}\n[1]\n{line}')
    course = read_course(log)
    assert course.score_name == "top-1"
    (epoch,) = course.epochs
    assert np.isnan(epoch.train_loss)
    assert (epoch.validation_loss, epoch.score) == (0.7, 0.5)


def test_without_a_log_there_is_no_course(tmp_path):
    assert read_course(tmp_path / "metrics.jsonl") == Course()


def test_long_names_that_begin_alike_stay_apart():
    names = ["a very long name of a class, first", "a very long name of a class, second", "short"]
    shown = writable_all(names)
    assert len(set(shown)) == 3
    assert all(len(name) <= 22 for name in shown)
    assert shown[2] == "short"
