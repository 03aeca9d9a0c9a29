import numpy as np
import pytest
import torch

from zoo.inputs.contract import Preprocess
from zoo.recipes import Augment
from zoo.seeds import generator_for
from zoo.training.augment import augment_batch
from zoo.training.augment.sheet import Row, contact_sheet, preview

CONTRACT = Preprocess(size=32, resize=36, interpolation="bilinear", mean=(0.5,) * 3, std=(1.0,) * 3)
IMAGE = np.full((50, 60, 3), (200, 100, 50), dtype=np.uint8)
IMAGE[20:30, 25:40] = 20


def row(label: str = "cat") -> Row:
    return preview(IMAGE, label, 7, Augment(), CONTRACT, seed=3, epochs=(0, 4))


def test_a_preview_is_evaluation_and_then_what_training_will_see():
    pictures = row().pictures
    places = [(0, 7), (4, 7)]
    seen = augment_batch(
        [IMAGE] * 2, places, Augment(), CONTRACT, seed=3, device=torch.device("cpu")
    )
    assert pictures.shape == (3, 3, 32, 32)
    assert pictures[0, :, 0, 0].tolist() == [200, 100, 50]
    assert torch.equal(pictures[1:], seen)


def places_of(picture: np.ndarray, sheet: np.ndarray) -> np.ndarray:
    """Tops and lefts at which a sheet shows a picture, unchanged."""
    starts = np.argwhere((sheet[:-31, :-31] == picture[:, 0, 0]).all(axis=2))
    wanted = picture.transpose(1, 2, 0)
    shown = [np.array_equal(sheet[y : y + 32, x : x + 32], wanted) for y, x in starts]
    return starts[np.array(shown, dtype=bool)]


def test_a_sheet_shows_every_picture_unchanged_in_its_row_and_column():
    shape = (2, 3, 3, 32, 32)
    noise = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator_for("noise"))
    rows = [Row(label="cat", pictures=noise[0]), Row(label="dog", pictures=noise[1])]
    sheet = np.asarray(contact_sheet("Title", "Note", ["evaluation", "0", "4"], rows))
    found = [places_of(each, sheet) for each in noise.flatten(0, 1).numpy()]
    assert [len(places) for places in found] == [1] * 6
    tops, lefts = np.concatenate(found).reshape(2, 3, 2).transpose(2, 0, 1)
    assert tops[0].tolist() == [tops[0, 0]] * 3
    assert tops[1, 0] > tops[0, 0] + 32
    assert lefts[0].tolist() == lefts[1].tolist()
    assert lefts[0, 1] - lefts[0, 0] > lefts[0, 2] - lefts[0, 1] > 32


@pytest.mark.parametrize("length", [1, 40, 400])
def test_a_caption_never_runs_into_the_margin(length):
    sheet = np.asarray(
        contact_sheet("T" * length, "", ["evaluation", "0", "4"], [row("W" * length)])
    )
    assert (sheet[:, -30:] == 255).all()
    assert (sheet < 100).any()
