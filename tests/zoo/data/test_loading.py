import pytest
import torch

from zoo.data.loading import load_prepared


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_keep_order_and_report_what_cannot_be_read(photos, backbone, workers):
    paths = sorted(photos.rglob("*.png"))[:6]
    paths[2].write_text("broken")
    contract = backbone.preprocess.at_size(32)
    batches = list(load_prepared(paths, contract, batch_size=4, workers=workers))
    assert [batch.indices for batch in batches] == [[0, 1, 3], [4, 5]]
    assert [batch.unreadable for batch in batches] == [{2: "not an image"}, {}]
    assert batches[0].pixel_values.shape == (3, 3, 32, 32)


def test_worker_processes_change_no_pixel(photos, backbone):
    paths = sorted(photos.rglob("*.png"))
    contract = backbone.preprocess.at_size(32)
    here, there = (
        torch.cat([b.pixel_values for b in load_prepared(paths, contract, batch_size=5, workers=w)])
        for w in (0, 2)
    )
    torch.testing.assert_close(here, there, rtol=0, atol=0)


def test_a_batch_of_nothing_but_damage_is_empty(photos, backbone):
    path = photos / "checks" / "00.png"
    path.write_text("broken")
    (batch,) = load_prepared([path], backbone.preprocess.at_size(32), batch_size=4, workers=0)
    assert batch.pixel_values.shape == (0, 3, 32, 32)
