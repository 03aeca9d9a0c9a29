import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import onnx
import pytest

from export.evidence import Evidence
from export.files import ONNX_FILE
from export.graph import export_graph
from export.proof import verify_model
from tests.export.mutations import mutate
from tests.export.small_models import KIND, label_photos, make_model
from zoo.errors import DamagedFileError
from zoo.manifest import check_file, update_manifest
from zoo.model import load_model
from zoo.storage import write_bytes

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A SqueezeNet with its export: 2.9 MB, of which 20 kB are structure."""
    place = tmp_path_factory.mktemp("fuzzed")
    model = make_model(place, KIND)
    write_bytes(place / "model.onnx", export_graph(model, place).content)
    return place


def test_a_mutated_model_is_an_error_or_fails_and_nothing_crashes(folder):
    _require_good(_fuzz(folder, 0, 150))


@pytest.mark.slow
def test_thousands_of_mutated_models(folder):
    outcomes = _fuzz(folder, 1_000, 3_000)
    _require_good(outcomes)


def test_a_seed_makes_the_same_harm_again(folder):
    content = (folder / "model.onnx").read_bytes()
    assert mutate(content, 7) == mutate(content, 7) != mutate(content, 8)


def test_a_change_that_computes_nothing_is_found_by_the_hash(folder, tmp_path):
    model = load_model(folder)
    photos = label_photos(tmp_path, KIND)
    content = (folder / "model.onnx").read_bytes()
    write_bytes(folder / ONNX_FILE, content)
    update_manifest(folder, [ONNX_FILE.as_posix()])
    proto = onnx.load_from_string(content)
    proto.producer_name = "somebody"
    write_bytes(folder / ONNX_FILE, proto.SerializeToString())
    report = verify_model(model, folder, Evidence(samples=photos, recorded=None))
    failed = [finding.name for finding in report.levels["L0"].findings if not finding.passed]
    assert failed == ["unchanged since export"]
    assert report.verdict == "fail"
    with pytest.raises(DamagedFileError, match=r"bytes instead of|not what manifest\.json"):
        check_file(folder, ONNX_FILE.as_posix())


def _fuzz(folder: Path, first: int, past: int) -> Counter[tuple[str, str]]:
    """Count outcomes by kind of harm, and begin again behind each model that ends the process."""
    outcomes: Counter[tuple[str, str]] = Counter()
    while first < past:
        said, code, complaint = _run(folder, first, past)
        done = [entry for entry in said if entry["stage"] == "done"]
        outcomes.update((entry["kind"], entry["outcome"]) for entry in done)
        first = said[-1]["seed"] + 1 if said else past
        if said and said[-1]["stage"] == "done":
            assert code == 0, complaint
        else:
            assert said, complaint
            assert said[-1]["stage"] == "trial", (said[-1], code, complaint)
            outcomes[said[-1]["kind"], f"ended in the child: {code}"] += 1
    return outcomes


def _run(folder: Path, first: int, past: int) -> tuple[list[dict[str, Any]], int, str]:
    module = [sys.executable, "-m", "tests.export.fuzzed", str(folder), str(first), str(past)]
    done = subprocess.run(module, capture_output=True, text=True, cwd=ROOT)
    return [json.loads(line) for line in done.stdout.splitlines()], done.returncode, done.stderr


def _require_good(outcomes: Counter[tuple[str, str]]) -> None:
    """Require that the harm was harm, and that most of it was seen before the hash would see it."""
    by_outcome: Counter[str] = Counter()
    for (_, outcome), count in outcomes.items():
        by_outcome[outcome] += count
    assert by_outcome["damaged"] > 0
    assert by_outcome["unsafe"] > 0
    assert by_outcome["fails L0"] > 0
    assert by_outcome["fails L1"] > 0
    assert by_outcome["unchanged"] < 0.05 * by_outcome.total()
