import json
from pathlib import Path

import pytest
from PIL import Image

QUICK = ("--batch-size", 1, "--batch-size", 2, "--rounds", 2, "--no-compile", "--threads", 1)


@pytest.fixture(scope="session")
def timed(exported):
    """A run with an ONNX file, and what it is measured by."""
    return ("benchmark", exported.path, *QUICK)


def test_the_table_has_every_contender_at_every_batch_size(zoo, timed):
    outcome = zoo(*timed)
    assert outcome.code == 0, outcome.err
    names = ["torch eager", "torch channels_last", "onnx cpu fp32"]
    table = outcome.out.splitlines()[1:9]
    assert [line.split("  ")[0] for line in table] == ["batch 1", *names, "batch 2", *names]
    assert all(" 1.00 " in table[at] for at in (1, 5))
    assert "warm-up: seconds to the first answer" in outcome.out
    lines = outcome.out.splitlines()
    facts = dict(line.split("  ", 1) for line in lines if line.startswith(("threads", "model")))
    assert facts["threads"].strip().startswith("1 in both runtimes")
    assert "64 × 64 px" in facts["model"]


def test_json_is_on_stdout_and_in_the_file_and_the_picture_is_drawn(zoo, timed):
    """Batch size 1 is asked for twice, and measured once."""
    wanted = ("--batch-size", 1, "--output", "speed.json", "--plot", "speed.png")
    outcome = zoo(*timed, *wanted, "--format", "json")
    found = json.loads(outcome.out)
    assert found == json.loads(Path("speed.json").read_text())
    assert [batch["batch_size"] for batch in found["batches"]] == [1, 2]
    row = found["batches"][0]["rows"][2]
    assert (row["contender"], row["problem"], len(row["rounds_ms"])) == ("onnx cpu fp32", "", 2)
    assert row["closeness"]["max_abs_difference"] < 1e-3
    assert "all figures are in speed.json" in outcome.err
    assert "drawn in speed.png" in outcome.err
    with Image.open("speed.png") as picture:
        assert picture.size[0] > 1000


@pytest.mark.parametrize(
    "wrong",
    [
        *(("--batch-size", 0), ("--rounds", 0), ("--threads", 0), ("--runtime", "tensorflow")),
        *(("--plot", "x.bmp"), ("--output", "x.txt")),
    ],
)
def test_what_cannot_be_measured_or_written_is_a_usage_error(zoo, wrong):
    outcome = zoo("benchmark", "runs/none", *wrong)
    assert outcome.code == 2
    assert wrong[0] in outcome.err


def test_a_run_that_is_none_is_an_error(zoo):
    outcome = zoo("benchmark", "nothing")
    assert outcome.code == 1
    assert "does not exist" in outcome.err


def test_a_model_that_was_not_exported_is_measured_in_pytorch(zoo, finished):
    outcome = zoo("benchmark", finished.path, *QUICK)
    assert outcome.code == 0
    assert "onnx cpu" not in outcome.out
    assert "`zoo export` makes the rest" in outcome.err
    outcome = zoo("benchmark", finished.path, *QUICK, "--runtime", "onnx")
    assert outcome.code == 1
    assert "has no onnx/model.onnx" in outcome.err
