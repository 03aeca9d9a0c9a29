import pytest

from zoo.errors import UnreadableImagesError
from zoo.evaluation import evaluate
from zoo.model import load_model


def test_the_score_is_the_one_that_training_recorded(finished):
    model = load_model(finished.model_folder)
    samples = finished.read_split("validation")
    recorded = finished.read().metrics["validation"]
    assert evaluate(model, samples).top1 == recorded.top1
    assert evaluate(model, samples, batch_size=5).loss == pytest.approx(recorded.loss, rel=1e-5)


def test_a_file_that_vanished_is_named(finished, photos):
    from zoo.data.folder import open_labelled

    samples = open_labelled(photos, load_model(finished.model_folder).classes)
    samples[4].path.unlink()
    with pytest.raises(UnreadableImagesError, match=samples[4].path.name):
        evaluate(load_model(finished.model_folder), samples)
