import pytest
import torch

from export.precision import latency
from export.precision.latency import compare_latency
from tests.export.tiny_networks import make_images


def test_both_take_turns_and_each_is_run_once_before_it_is_timed(patterns, monkeypatch):
    runs = []

    class Session:
        def __init__(self, name):
            self.name = name

        def outputs(self, batch):
            runs.append((self.name, len(batch)))

    monkeypatch.setattr(latency, "open_session", lambda content, _: Session(content.decode()))
    found = compare_latency(b"a", b"b", torch.device("cpu"), make_images(3), batch_sizes=(8,))
    assert found[0].batch_size == 8
    assert {size for _, size in runs} == {8}
    names = "".join(name for name, _ in runs)
    assert names == "ab" * 2 + "aabb" * 15


def test_the_ratio_is_of_the_variant_to_float32(patterns):
    content, device = patterns.content, torch.device("cpu")
    for found in compare_latency(content, content, device, make_images(2)):
        assert found.ratio == pytest.approx(found.variant_ms / found.float32_ms, rel=0.05)
