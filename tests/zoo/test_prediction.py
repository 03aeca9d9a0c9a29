import pytest

from zoo.model import load_model
from zoo.prediction import Failure, predict
from zoo.targets import (
    ClassAnswer,
    ClassTarget,
    LabelsAnswer,
    LabelsTarget,
    ValueAnswer,
    ValueTarget,
)


@pytest.fixture
def model(finished):
    return load_model(finished.model_folder)


def answer_of(result) -> ClassAnswer:
    return result.answers["label"]


def test_predictions_come_in_the_order_of_the_files(model, photos):
    paths = sorted(photos.rglob("*.png"), reverse=True)
    results = list(predict(model, paths, batch_size=5))
    assert [result.file for result in results] == paths
    right = sum(answer_of(result).label == result.file.parent.name for result in results)
    assert right >= 0.9 * len(results)


def test_scores_are_probabilities_in_falling_order(model, photos):
    (result,) = predict(model, [photos / "discs" / "00.png"])
    answer = answer_of(result)
    scores = [score for _, score in answer.top]
    assert sum(scores) == pytest.approx(1, abs=1e-5)
    assert scores == sorted(scores, reverse=True)
    assert answer.top[0] == (answer.label, answer.score)


def test_only_as_many_classes_as_asked_for(model, photos):
    (result,) = predict(model, [photos / "discs" / "00.png"], top=2)
    assert len(answer_of(result).top) == 2


def test_each_target_answers_in_its_own_way(untrained, photos):
    kind = ClassTarget(name="kind", classes=("a", "b"))
    tags = LabelsTarget(name="tags", classes=("x", "y", "z"), thresholds=(0.0, 1.0, 0.0))
    price = ValueTarget(name="price", columns=("price",), mean=(1e4,), std=(100.0,))
    model = load_model(untrained(kind, tags, price))
    (result,) = predict(model, [photos / "discs" / "00.png"])
    assert {name: type(answer) for name, answer in result.answers.items()} == {
        "kind": ClassAnswer,
        "tags": LabelsAnswer,
        "price": ValueAnswer,
    }
    assert result.answers["kind"].label in kind.classes
    assert {name for name, _ in result.answers["tags"].labels} == {"x", "z"}
    # In the user's units: a fresh head answers within a few deviations of the mean.
    assert result.answers["price"].values["price"] == pytest.approx(1e4, abs=1000)


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


@pytest.mark.parametrize("batch_size", [1, 2])
def test_a_batch_of_nothing_but_bad_files_is_all_failures(model, photos, batch_size):
    paths = [photos / "gone.png", photos / "away.png", photos / "discs" / "00.png"]
    results = list(predict(model, paths, batch_size=batch_size))
    assert [result.file for result in results] == paths
    assert [isinstance(result, Failure) for result in results] == [True, True, False]


def test_the_neighbours_in_a_batch_do_not_matter(model, photos):
    paths = sorted(photos.rglob("*.png"))
    together = [answer_of(result).score for result in predict(model, paths, batch_size=24)]
    alone = [answer_of(result).score for result in predict(model, paths, batch_size=1)]
    assert together == pytest.approx(alone, abs=1e-5)
