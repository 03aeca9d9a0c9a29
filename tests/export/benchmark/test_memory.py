import platform
import resource

import pytest
import torch

from export.benchmark.failures import NO_ROOM, say_why
from export.benchmark.memory import _free_bytes, bounded_memory

pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="the limit is Linux's")


def test_more_than_is_free_is_an_error_and_not_the_end_of_the_process():
    """Nobody touches these bytes: Linux would promise all of them."""
    with bounded_memory(), pytest.raises(RuntimeError) as caught:
        [torch.empty(_free_bytes() * 6 // 10, dtype=torch.uint8) for _ in range(3)]
    assert say_why(caught.value) == NO_ROOM


def test_what_fits_is_given_and_the_limit_is_lifted_again():
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with bounded_memory():
        assert resource.getrlimit(resource.RLIMIT_DATA) != before
        assert torch.ones(1_000_000).sum() == 1_000_000
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_a_stricter_limit_stays(monkeypatch):
    set_to = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1000, 2000))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: set_to.append(limits))
    with bounded_memory():
        pass
    assert set_to == [(1000, 2000), (1000, 2000)]


def test_a_containers_share_counts(monkeypatch, tmp_path):
    monkeypatch.setattr("export.benchmark.memory._CONTAINER", tmp_path)
    (tmp_path / "memory.current").write_text("400\n")
    (tmp_path / "memory.max").write_text("1000\n")
    assert _free_bytes() == 600
    (tmp_path / "memory.max").write_text("max\n")
    assert _free_bytes() > 1000
