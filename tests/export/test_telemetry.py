"""zoo reports to nobody: ONNX Runtime's telemetry is off before it is imported."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SWITCH = "ORT_DISABLE_TELEMETRY"
OPEN = """
import sys
from pathlib import Path
from export.open import open_predictor
open_predictor(Path(sys.argv[1]) / "onnx/model.onnx", "onnx", "cpu")
"""
EARLY = """
import sys
import cli.main, zoo, zoo.evaluation, zoo.model, zoo.training.finetune, torch.onnx, onnx
print("onnxruntime" in sys.modules)
"""
READ = "import os, export; print(os.environ['ORT_DISABLE_TELEMETRY'])"


def run(code, *arguments, **environment):
    kept = {name: value for name, value in os.environ.items() if name != SWITCH}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**kept, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout.strip()


def test_opening_a_model_leaves_no_trace_of_telemetry(deployed, tmp_path):
    """A stranger's model, so that a child process opens it too."""
    run(OPEN, deployed, XDG_CACHE_HOME=str(tmp_path))
    assert {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")} == {"zoo"}


@pytest.mark.parametrize(("set_to", "found"), [({}, "1"), ({SWITCH: "0"}, "0")])
def test_who_has_set_the_switch_himself_is_left_alone(set_to, found):
    assert run(READ, **set_to) == found


def test_nothing_imports_onnx_runtime_before_the_switch_is_set():
    assert run(EARLY) == "False"


def test_only_what_lies_behind_the_switch_imports_onnx_runtime():
    importing = {
        path.relative_to(ROOT).parts[0]
        for folder in ("cli", "export", "zoo")
        for path in (ROOT / folder).rglob("*.py")
        if any(name.partition(".")[0] == "onnxruntime" for name in _imported(path))
    }
    assert importing == {"export"}


def _imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
