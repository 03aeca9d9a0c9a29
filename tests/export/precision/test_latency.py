from dataclasses import dataclass, replace

import pytest
import torch

from export.benchmark.onnx_program import OnnxProgram
from export.precision import latency
from export.precision.latency import compare_latency
from tests.export.tiny_networks import make_images


@dataclass
class FakeProgram:
    """Computes nothing, and says whose turn it is."""

    file: str
    batch: torch.Tensor
    runs: list

    def run(self):
        self.runs.append((self.file, len(self.batch)))

    def answers(self):
        return {}

    def placement(self):
        return None


@pytest.fixture
def runs(monkeypatch):
    """Who ran on how many images, in this order."""
    found = []

    def open_it(contender, bench):
        return FakeProgram(bench.graphs[contender.precision].decode(), bench.images, found)

    monkeypatch.setattr(latency, "open_program", open_it)
    return found


@pytest.fixture
def rounds(monkeypatch):
    """How many rounds were held at a time."""
    found = []
    take_turns = latency.take_turns
    monkeypatch.setattr(
        latency, "take_turns", lambda *given: found.append(given[2]) or take_turns(*given)
    )
    return found


def test_both_run_on_batches_of_one_and_eight_for_fifteen_rounds(
    patterns, runs, rounds, monkeypatch
):
    # However busy the machine is.
    monkeypatch.setattr(latency, "_LONGEST_S", 1e6)
    found = compare_latency(patterns.model, b"a", b"b", "fp16", make_images(3))
    assert [one.batch_size for one in found] == [1, 8]
    assert set(runs) == {("a", 1), ("b", 1), ("a", 8), ("b", 8)}
    assert rounds == [3, 12] * 2


def test_a_slow_network_has_fewer_rounds(patterns, runs, rounds, monkeypatch):
    monkeypatch.setattr(latency, "_LONGEST_S", 0.0)
    found = compare_latency(patterns.model, b"a", b"b", "fp16", make_images(3))
    assert rounds == [3, 3]
    assert len(found) == 2


def test_a_batch_that_does_not_run_has_no_latency(patterns, runs, monkeypatch):
    def run(program):
        if len(program.batch) == 8:
            raise MemoryError

    monkeypatch.setattr(FakeProgram, "run", run)
    found = compare_latency(patterns.model, b"a", b"b", "int8", make_images(1))
    assert [one.batch_size for one in found] == [1]


def test_what_is_timed_is_a_session_with_torchs_number_of_threads(patterns, monkeypatch):
    timed = []
    run = OnnxProgram.run
    quick = replace(latency._SETTINGS, turn_s=0.0, warm_up_s=0.0, rounds=3)
    monkeypatch.setattr(latency, "_SETTINGS", quick)
    monkeypatch.setattr(OnnxProgram, "run", lambda program: timed.append(program) or run(program))
    threads, content = torch.get_num_threads(), patterns.content
    found = compare_latency(patterns.model, content, content, "fp16", make_images(2))
    assert len({id(program) for program in timed}) == 4
    assert [one.threads for one in found] == [threads, threads]
    assert all(0 < one.float32_ms < 1e3 for one in found)
    assert torch.get_num_threads() == threads
