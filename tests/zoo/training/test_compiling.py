import os
import subprocess
import sys

import pytest
import torch

from tests.zoo.training.small_runs import (
    DESCEND,
    RESNET,
    changed,
    entry,
    interrupt,
    log_of,
    plan_of,
    recipe_of,
    state,
    train,
)
from zoo.backbones.network import build_network
from zoo.training.compiling import Compiled


@pytest.fixture
def network():
    return build_network(entry(RESNET), {"label": 3}, size=32, seed=0).eval()


def test_only_batches_of_the_usual_size_go_through_the_program(network, monkeypatch):
    compiled = []

    def compile_nothing(module, *, dynamic):
        assert dynamic is False
        return lambda pixels: compiled.append(len(pixels)) or module(pixels)

    monkeypatch.setattr(torch, "compile", compile_nothing)
    monkeypatch.setattr(torch.compiler, "reset", lambda: compiled.append("forgotten"))
    usual = [4]
    forward = Compiled(network, lambda: usual[0])
    for size in (4, 3, 4, 1):
        images = torch.randn(size, 3, 32, 32)
        torch.testing.assert_close(forward(images), network(images), rtol=0, atol=0)
    usual[0] = 2
    forward(torch.randn(2, 3, 32, 32))
    assert compiled == ["forgotten", 4, 4, 2]


@pytest.fixture
def _own_programs(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "inductor"))
    yield
    torch.compiler.reset()


@pytest.mark.slow
@pytest.mark.usefixtures("_own_programs")
def test_a_compiled_run_is_the_same_run_and_resumes_to_its_own_bits(few, tmp_path):
    """18 images in steps of 5: the last of an epoch has 3."""
    from torch._dynamo.utils import counters

    recipe = recipe_of(DESCEND, batch_size=5, last_batch="keep")
    eager, compiled = plan_of(recipe, few), plan_of(recipe, few, compile=True)
    plain = train(eager, tmp_path / "plain")
    counters.clear()
    whole = train(compiled, tmp_path / "whole")
    assert counters["stats"]["unique_graphs"] == 1
    for line, expected in zip(log_of(whole.run), log_of(plain.run), strict=True):
        # Fused kernels round otherwise, over 8 steps.
        assert line["train_loss"] == pytest.approx(expected["train_loss"], rel=1e-3)
        assert line["validation"]["loss"] == pytest.approx(expected["validation"]["loss"], rel=1e-3)
    interrupt(compiled, tmp_path / "parts", step=5)
    parts = train(compiled, tmp_path / "parts")
    assert changed(state(whole.network), state(parts.network)) == set()


@pytest.mark.slow
def test_a_missing_compiler_is_said_before_anything_is_written(photos, tmp_path):
    options = f"{RESNET} {photos} --random-weights --compile --device cpu --img-size 32"
    done = subprocess.run(
        [sys.executable, "-c", "from cli.main import main; main()", "finetune", *options.split()],
        cwd=tmp_path,
        env=os.environ
        | {"CXX": str(tmp_path / "nothing"), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "inductor")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "torch.compile does not work here: " in done.stderr
    assert "No working C++ compiler found" in done.stderr
    assert "leaving --compile out" in done.stderr.replace("\n", " ")
    assert not (tmp_path / "runs").exists()
