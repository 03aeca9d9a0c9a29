"""`zoo verify` where there is no torch, no data or neither."""

import json
import shutil

import pytest

from tests.export.bare_python import run_without
from tests.export.small_models import KIND, label_photos, make_model
from zoo.manifest import update_manifest

NO_TORCH = ("torch", "torchvision", "timm", "PIL")
ZOO = "from cli.main import main; sys.argv[0] = 'zoo'; main()"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    """A model folder alone, proved and with golden answers."""
    from export.convert import export_model
    from export.evidence import Evidence
    from export.golden import write_golden

    place = tmp_path_factory.mktemp("deployed")
    model = make_model(place / "model", KIND)
    photos = label_photos(place / "photos", KIND)
    export_model(model, place / "model", Evidence(samples=photos, recorded=None)).raise_if_failed()
    write_golden(model, place / "model", photos)
    shutil.rmtree(place / "photos")
    return place / "model"


@pytest.fixture
def far(deployed, tmp_path):
    shutil.copytree(deployed, tmp_path / "far")
    return tmp_path / "far"


def flip_a_weight(folder) -> None:
    path = folder / "onnx/model.onnx"
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 | 3
    content[middle] ^= 0x40
    path.write_bytes(content)


def test_without_torch_and_data_golden_answers_are_replayed(far):
    done = run_without(NO_TORCH, ZOO, "verify", far)
    assert done.returncode == 0, done.stderr
    assert "PASS" in done.stdout
    assert "17 golden inputs in batches of 1 and 17" in done.stdout
    assert "golden answers are replayed, and no level is verified" in done.stderr


def test_without_torch_a_run_is_replayed_too(far):
    """Nothing of the run is read: its record takes torch."""
    far.rename(far.with_name("model"))
    (far.parent / "run.json").write_text("{}")
    done = run_without(NO_TORCH, ZOO, "verify", far.parent, "--format", "json")
    assert done.returncode == 0, done.stderr
    assert "torch cannot be imported" in done.stderr
    assert json.loads(done.stdout)["verdict"] == "pass"


@pytest.mark.parametrize("recorded", [False, True])
def test_a_changed_weight_exits_three(far, recorded):
    flip_a_weight(far)
    if recorded:
        (far / "onnx/verification.json").unlink()
        update_manifest(far, ["onnx/model.onnx", "onnx/verification.json"])
    done = run_without(NO_TORCH, ZOO, "verify", far)
    assert done.returncode == 3
    assert "FAIL" in done.stdout
    assert "is not the model that was trained" in done.stderr
    assert ("sha256" in done.stderr) != recorded


def test_damaged_golden_answers_exit_one(far):
    path = far / "golden.safetensors"
    path.write_bytes(path.read_bytes()[:5000])
    done = run_without(NO_TORCH, ZOO, "verify", far)
    assert done.returncode == 1
    assert "golden.safetensors is damaged" in done.stderr
    assert "Traceback" not in done.stderr


def test_data_without_torch_is_refused(far, tmp_path):
    done = run_without(NO_TORCH, ZOO, "verify", far, "--data", tmp_path)
    assert done.returncode == 1
    assert "without torch" in done.stderr


def test_with_torch_a_model_folder_alone_is_replayed(zoo, far):
    outcome = zoo("verify", far)
    assert outcome.code == 0
    assert "a model folder alone has no images" in outcome.err


def test_a_run_whose_images_are_elsewhere_is_replayed(zoo, finished, far, tmp_path):
    """The run's record, beside a model with golden answers."""
    far.rename(tmp_path / "model")
    record = json.loads((finished.path / "run.json").read_text())
    record["data"]["root"] = str(tmp_path / "gone")
    (tmp_path / "run.json").write_text(json.dumps(record))
    outcome = zoo("verify", tmp_path)
    assert outcome.code == 0
    assert "the run's images are not here" in outcome.err
    assert "verdict   PASS" in outcome.out


def test_an_unfinished_run_is_said_to_be_one(zoo, finished, tmp_path):
    record = json.loads((finished.path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps(record | {"status": "running"}))
    outcome = zoo("verify", tmp_path)
    assert outcome.code == 1
    assert "is not finished" in outcome.err


def test_a_figure_that_is_no_number_is_null_in_json():
    from cli.replaying import _to_data

    assert _to_data({"a": {"b": float("nan")}, "c": 1.5}) == {"a": {"b": None}, "c": 1.5}
