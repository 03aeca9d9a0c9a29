import pytest

from zoo.model import load_model
from zoo.prediction import Failure, predict


@pytest.fixture
def model(finished):
    return load_model(finished.model_folder)


def test_predictions_come_in_the_order_of_the_files(model, photos):
    paths = sorted(photos.rglob("*.png"), reverse=True)
    results = list(predict(model, paths, batch_size=5))
    assert [result.file for result in results] == paths
    right = sum(result.label == result.file.parent.name for result in results)
    assert right >= 0.9 * len(results)


def test_scores_are_probabilities_in_falling_order(model, photos):
    (result,) = predict(model, [photos / "discs" / "00.png"])
    scores = [score for _, score in result.top]
    assert sum(scores) == pytest.approx(1, abs=1e-5)
    assert scores == sorted(scores, reverse=True)
    assert result.top[0] == (result.label, result.score)


def test_only_as_many_classes_as_asked_for(model, photos):
    (result,) = predict(model, [photos / "discs" / "00.png"], top=2)
    assert len(result.top) == 2


def test_a_bad_file_does_not_stop_the_others(model, photos):
    bad = photos / "discs" / "bad.jpg"
    bad.write_text("no image")
    good = photos / "discs" / "00.png"
    results = list(predict(model, [good, bad, photos / "gone.png", good]))
    assert [type(result).__name__ for result in results] == [
        *("Prediction", "Failure", "Failure", "Prediction"),
    ]
    assert results[1] == Failure(file=bad, reason="not an image")
    assert "No such file" in results[2].reason


def test_the_neighbours_in_a_batch_do_not_matter(model, photos):
    paths = sorted(photos.rglob("*.png"))
    together = [r.score for r in predict(model, paths, batch_size=24)]
    alone = [r.score for r in predict(model, paths, batch_size=1)]
    assert together == pytest.approx(alone, abs=1e-5)
