import json
import shutil

import onnx
import pytest
from onnx import external_data_helper

from export.layouts.folder import appearing, copy_graph, open_proved
from zoo.errors import DamagedFileError, RunError, StorageError, VerificationError
from zoo.manifest import update_manifest

MODEL, REPORT, WEIGHTS = "onnx/model.onnx", "onnx/verification.json", "onnx/model.onnx.data"


def put_weights_beside(folder) -> None:
    """Move the weights out of the ONNX file, as those of more than 2 GB are."""
    proto = onnx.load(folder / MODEL)
    external_data_helper.convert_model_to_external_data(proto, location="model.onnx.data")
    onnx.save(proto, folder / MODEL)
    update_manifest(folder, [MODEL, WEIGHTS])


def test_a_proved_model_is_opened(deployed):
    assert open_proved(deployed, unproved=False).proto.graph.node


def test_an_unproved_one_is_refused_unless_it_is_wanted(far):
    (far / REPORT).unlink()
    with pytest.raises(VerificationError, match="no passing verification") as caught:
        open_proved(far, unproved=False)
    assert "zoo verify" in caught.value.hint
    assert open_proved(far, unproved=True).proto.graph.node


def test_a_failed_one_is_refused(far):
    report = json.loads((far / REPORT).read_text())
    (far / REPORT).write_text(json.dumps(report | {"verdict": "fail"}))
    with pytest.raises(VerificationError):
        open_proved(far, unproved=False)


def test_a_damaged_one_is_refused_even_if_an_unproved_one_is_wanted(far):
    (far / MODEL).write_bytes(b"hello")
    with pytest.raises(DamagedFileError):
        open_proved(far, unproved=True)
    update_manifest(far, [MODEL])
    with pytest.raises(DamagedFileError):
        open_proved(far, unproved=True)


def test_one_that_was_never_exported(far):
    (far / MODEL).unlink()
    with pytest.raises(RunError, match=r"has no onnx/model\.onnx"):
        open_proved(far, unproved=True)


def test_weights_beside_the_graph_come_along(far, tmp_path):
    put_weights_beside(far)
    copy_graph(open_proved(far, unproved=True), tmp_path / "copy")
    assert {path.name for path in (tmp_path / "copy").iterdir()} == {
        "model.onnx",
        "model.onnx.data",
    }
    onnx.checker.check_model(tmp_path / "copy" / "model.onnx")


def test_weights_beside_the_graph_that_have_changed_are_refused(far, tmp_path):
    put_weights_beside(far)
    found = open_proved(far, unproved=True)
    content = bytearray((far / WEIGHTS).read_bytes())
    content[0] ^= 1
    (far / WEIGHTS).write_bytes(content)
    with pytest.raises(DamagedFileError, match=r"model\.onnx\.data is damaged"):
        copy_graph(found, tmp_path / "copy")


def test_what_is_written_is_what_was_admitted(far, tmp_path):
    """Whoever exchanges the file after it was checked exchanges nothing."""
    proved = (far / MODEL).read_bytes()
    found = open_proved(far, unproved=False)
    (far / MODEL).write_bytes(b"evil")
    copy_graph(found, tmp_path / "copy")
    assert (tmp_path / "copy/model.onnx").read_bytes() == proved


def test_a_graph_that_is_exchanged_between_two_looks_is_refused(far, monkeypatch):
    other = (far / MODEL).read_bytes() + b"\x00"
    monkeypatch.setattr("export.layouts.folder.admit", lambda _: other)
    with pytest.raises(DamagedFileError, match="changed while it was read"):
        open_proved(far, unproved=False)


def test_weights_that_are_exchanged_while_they_are_copied_are_refused(far, tmp_path, monkeypatch):
    put_weights_beside(far)
    found = open_proved(far, unproved=True)

    def exchange(_, target):
        target.write_bytes(b"evil")
        return target

    monkeypatch.setattr("export.layouts.folder.shutil.copyfile", exchange)
    with pytest.raises(DamagedFileError, match="changed while it was read"):
        copy_graph(found, tmp_path / "copy")


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    place = tmp_path / "a" / "place"
    with pytest.raises(StorageError), appearing(place) as staged:
        (staged / "one" / "two").touch()
    assert list(place.parent.iterdir()) == []
    with appearing(place) as staged:
        (staged / "one").touch()
    assert [path.name for path in place.iterdir()] == ["one"]


def test_nothing_is_overwritten(tmp_path):
    with pytest.raises(RunError, match="nothing is overwritten"), appearing(tmp_path):
        shutil.rmtree(tmp_path)
