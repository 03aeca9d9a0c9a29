import json
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_demo_ends_with_a_proved_model_that_learnt_something(zoo):
    outcome = zoo("demo")
    assert outcome.code == 0, outcome.err
    run = Path("zoo-demo/run")
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert lines[0]["validation"]["top-1"] < lines[-1]["validation"]["top-1"]
    assert lines[-1]["validation"]["top-1"] >= 0.95
    report = json.loads((run / "model/onnx/verification.json").read_text())
    assert report["verdict"] == "pass"
    assert "$ zoo finetune" in outcome.out
    assert "$ zoo export" in outcome.out
    assert "$ zoo predict" in outcome.out


def test_an_existing_folder_is_left_alone(zoo, tmp_path):
    outcome = zoo("demo", "--output", tmp_path)
    assert outcome.code == 1
    assert "exists" in outcome.err
