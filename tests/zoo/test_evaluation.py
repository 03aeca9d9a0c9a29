import numpy as np
import pytest
import torch
from torch.nn.functional import one_hot

from zoo.data.dataset import Samples, make_samples
from zoo.data.folder import open_labelled_folder
from zoo.errors import UnreadableImagesError
from zoo.evaluation import compute_outputs, concatenate, evaluate, run_on_files, truths_of
from zoo.model import load_model
from zoo.targets import ClassTarget, JointMetrics, LabelsTarget, ValueTarget

KIND = ClassTarget(name="kind", classes=("checks", "discs", "stripes"))
TAGS = LabelsTarget(name="tags", classes=("dark", "round"))
BOX = ValueTarget(name="box", columns=("w", "h"), mean=(5.0, 100.0), std=(2.0, 30.0))


@pytest.fixture
def samples(photos) -> Samples:
    """All photos; of every target something is missing."""
    files = [path.relative_to(photos).as_posix() for path in sorted(photos.rglob("*.png"))]
    kind = np.array([KIND.classes.index(name.partition("/")[0]) for name in files])
    tags = np.stack([kind == 0, kind == 1], axis=1).astype(np.int8)
    box = np.linspace(0, 10, 2 * len(files)).reshape(-1, 2)
    kind[0], tags[1, 0], tags[2], box[3, 1], box[4] = -1, -1, -1, np.nan, np.nan
    return make_samples(photos, files, {"kind": kind, "tags": tags, "box": box})


class Oracle:
    """Knows every answer, in the order asked for; a `Predictor` without a network."""

    targets = (KIND, TAGS, BOX)
    device = torch.device("cpu")

    def __init__(self, truths, preprocess) -> None:
        self.truths = truths
        self.preprocess = preprocess
        self.at = 0

    def outputs(self, pixel_values):
        rows = slice(self.at, self.at + len(pixel_values))
        self.at += len(pixel_values)
        kind, tags, box = (self.truths[target.name][rows] for target in self.targets)
        return {
            "kind": 100.0 * one_hot(kind.clamp_min(0), 3),
            "tags": 100.0 * (2.0 * tags - 1),
            "box": box.nan_to_num().float(),
        }


def test_the_score_is_the_one_that_training_recorded(finished):
    model = load_model(finished.model_folder)
    samples = finished.read_split("validation")
    recorded = finished.read().metrics["validation"]
    assert evaluate(model, samples).top1 == recorded.top1
    assert evaluate(model, samples, batch_size=5).loss == pytest.approx(recorded.loss, rel=1e-5)


def test_one_target_is_scored_by_itself(finished, photos):
    model = load_model(finished.model_folder)
    metrics = evaluate(model, open_labelled_folder(photos, model.targets[0]))
    assert metrics.kind == "class"
    assert metrics.num_samples == 24


@pytest.mark.parametrize("batch_size", [1, 5, 24])
def test_right_answers_of_several_targets_score_full_marks(samples, backbone, batch_size):
    """Rows stay beside their truths whatever the batches are; missing ones are left out."""
    oracle = Oracle(truths_of(samples), backbone.preprocess.at_size(32))
    metrics = evaluate(oracle, samples, batch_size=batch_size)
    assert isinstance(metrics, JointMetrics)
    kind, tags, box = (metrics.targets[target.name] for target in oracle.targets)
    assert (kind.top1, kind.num_samples) == (1.0, 23)
    assert (tags.mean_average_precision, tags.exact_match, tags.num_samples) == (1.0, 1.0, 23)
    assert [score.support for score in box.per_value] == [23, 22]
    # Truths are float64, answers float32.
    assert box.r2 == pytest.approx(1, abs=1e-9)


def test_outputs_come_in_the_order_of_the_files(samples, backbone):
    oracle = Oracle(truths_of(samples), backbone.preprocess.at_size(32))
    outputs = compute_outputs(oracle, samples, batch_size=7)
    assert outputs["kind"].argmax(dim=1)[1:].tolist() == samples.truths["kind"][1:].tolist()
    assert {name: value.shape[0] for name, value in outputs.items()} == dict.fromkeys(outputs, 24)


def test_a_file_that_vanished_is_named(finished, photos):
    model = load_model(finished.model_folder)
    samples = open_labelled_folder(photos, model.targets[0])
    samples.path(4).unlink()
    with pytest.raises(UnreadableImagesError, match=samples.path(4).name):
        evaluate(model, samples)


def test_a_batch_without_a_readable_image_has_empty_outputs(untrained, photos):
    model = load_model(untrained(KIND, TAGS, BOX))
    bad = photos / "bad.png"
    bad.write_text("no picture")
    ((batch, outputs),) = run_on_files(model, [bad], batch_size=4, workers=0)
    assert batch.unreadable == {0: "not an image"}
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        "kind": (0, 3),
        "tags": (0, 2),
        "box": (0, 2),
    }


def test_batches_are_put_below_each_other_by_name():
    parts = [{"a": torch.zeros(2, 1), "b": torch.zeros(2, 3)}, {"b": torch.ones(1, 3)}]
    parts[1]["a"] = torch.ones(1, 1)
    joined = concatenate(parts)
    assert joined["a"].tolist() == [[0], [0], [1]]
    assert joined["b"].shape == (3, 3)


def test_progress_counts_every_file(finished, photos):
    class Listener:
        def __init__(self) -> None:
            self.heard = []

        def note(self, text):
            self.heard.append(text)

        def start(self, task, total):
            self.heard.append((task, total))

        def advance(self, count, figures=""):
            self.heard.append(count)

        def finish(self):
            self.heard.append("done")

    model = load_model(finished.model_folder)
    listener = Listener()
    samples = open_labelled_folder(photos, model.targets[0])
    evaluate(model, samples, batch_size=10, progress=listener)
    assert listener.heard == [("evaluate", 24), 10, 10, 4, "done"]
