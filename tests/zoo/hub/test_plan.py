import json
import shutil

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load, save

from tests.zoo.hub.conftest import CARD, config, digest, fill, write
from zoo.errors import DamagedFileError, PushError
from zoo.hub.plan import make_plan, read_doubt
from zoo.manifest import read_manifest, write_manifest
from zoo.storage import sha256_of_bytes

MODEL = [
    *("golden.safetensors", "manifest.json", "model.safetensors", "onnx/model.onnx"),
    *("onnx/verification.json", "zoo_config.json"),
]


def content(plan, name):
    (file,) = [file for file in plan.files if file.name == name]
    return file.source if isinstance(file.source, bytes) else file.source.read_bytes()


def write_bytes(path, found):
    path.write_bytes(found)
    return path


def test_a_plan_is_the_model_its_manifest_and_its_card(folder):
    plan = make_plan(folder, CARD)
    assert [file.name for file in plan.files] == ["README.md", *MODEL]
    assert plan.notes == ()
    assert plan.doubt == ""
    assert plan.size == sum(len(content(plan, file.name)) for file in plan.files)


def test_what_is_sent_is_what_the_sent_manifest_records(folder):
    plan = make_plan(folder, CARD)
    recorded = json.loads(content(plan, "manifest.json"))["files"]
    assert set(recorded) == set(MODEL) - {"manifest.json"}
    for name, facts in recorded.items():
        sent = content(plan, name)
        assert facts == {"sha256": sha256_of_bytes(sent), "bytes": len(sent)}


@pytest.mark.parametrize(
    "stray",
    [
        *("checkpoints/last.pt", "data.csv", "photos/1.png", ".env", "onnx/model.failed.onnx"),
        *("train.py", "splits.jsonl", "optimizer.safetensors", "onnx/model.onnx.bak"),
    ],
)
@pytest.mark.parametrize("recorded", [False, True])
def test_nothing_else_in_the_folder_is_published(folder, stray, recorded):
    (folder / stray).parent.mkdir(exist_ok=True)
    (folder / stray).write_text("{}")
    if recorded:
        write_manifest(folder)
    plan = make_plan(folder, CARD)
    assert [file.name for file in plan.files] == ["README.md", *MODEL]
    assert any(stray in note and "stays here" in note for note in plan.notes)


@pytest.mark.parametrize("name", ["model.safetensors", "onnx/model.onnx", "zoo_config.json"])
def test_a_file_that_is_not_what_was_recorded_is_never_published(folder, name):
    path = folder / name
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(DamagedFileError):
        make_plan(folder, CARD)


def test_golden_answers_that_are_all_to_pictures_stay_here_unless_they_are_allowed(tmp_path):
    folder = fill(tmp_path / "model", inputs=("discs/me.png", "checks/you.png"))
    plan = make_plan(folder, CARD)
    assert "golden.safetensors" not in [file.name for file in plan.files]
    assert "golden.safetensors" not in json.loads(content(plan, "manifest.json"))["files"]
    assert "2 of your pictures" in plan.notes[0]
    assert "cannot replay" in plan.notes[1]
    allowed = make_plan(folder, CARD, allow_samples=True)
    assert "golden.safetensors" in [file.name for file in allowed.files]
    assert allowed.notes == ()


def test_pictures_are_cut_out_of_the_golden_answers_and_the_manifest_follows(tmp_path):
    folder = fill(
        tmp_path / "model", inputs=("(unknown)/me.png", "(black)", "a/you.png", "(white)")
    )
    plan = make_plan(folder, CARD)
    (note,) = plan.notes
    assert "2 of your pictures stay here" in note
    sent = content(plan, "golden.safetensors")
    assert b"me.png" not in sent
    assert b"you.png" not in sent
    # Each row of what `fill` writes holds its own number.
    np.testing.assert_array_equal(load(sent)["pixel_values"][:, 0, 0, 0], [1, 3])
    with safe_open(write_bytes(tmp_path / "sent", sent), framework="numpy") as file:
        assert json.loads(file.metadata()["golden"])["inputs"] == ["(black)", "(white)"]
    recorded = json.loads(content(plan, "manifest.json"))["files"]["golden.safetensors"]
    assert recorded == {"sha256": sha256_of_bytes(sent), "bytes": len(sent)}


def test_reports_number_photos_instead_of_naming_them(folder, change):
    inputs = ["(noise)", "discs/jane doe.png", "checks/2.png", "my checks/2.png"]
    worst = {"sample": "checks/2.png", "output": "discs"}
    report = {
        "verdict": "pass",
        "file": "model.onnx",
        "levels": {},
        "worst": worst,
        "probed": inputs,
        "ties": 3,
        "edges": {"sample": "(noise)"},
        "findings": [{"detail": "the answer for discs/jane doe.png moves"}],
        "errors": {"(me)/3.png": "(me)/3.png is large", "32": "no room"},
    }
    change("onnx/verification.json", report | digest(folder / "onnx/model.onnx"))
    told = json.loads(content(make_plan(folder, CARD), "onnx/verification.json"))
    assert told["probed"] == ["(noise)", "photo 2", "photo 1", "photo 3"]
    assert told["worst"] == {"sample": "photo 1", "output": "discs"}
    assert told["edges"] == {"sample": "(noise)"}
    assert told["findings"] == [{"detail": "the answer for photo 2 moves"}]
    assert told["errors"] == {"photo 4": "photo 4 is large", "32": "no room"}
    assert told["ties"] == 3
    allowed = make_plan(folder, CARD, allow_samples=True)
    assert json.loads(content(allowed, "onnx/verification.json"))["probed"] == inputs


VARIANT = "onnx/model_int8.onnx"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, f"says nothing of {VARIANT}"),
        ({"precisions": {"int8": {"verdict": "refused", "sha256": "ours"}}}, "says nothing of"),
        ({"precisions": {"int8": {"verdict": "kept", "sha256": "0" * 64}}}, "other bytes of"),
        ({"precisions": {"int8": {"verdict": "kept", "sha256": "ours"}}}, ""),
        ({"others": {"model_int8.onnx": "ours"}}, ""),
    ],
)
def test_every_graph_has_to_be_proved(folder, change, said, words):
    (folder / VARIANT).write_bytes(b"fewer bits")
    ours = digest(folder / VARIANT)["sha256"]
    said = json.loads(json.dumps(said).replace("ours", ours))
    report = {"verdict": "pass", "file": "model.onnx"} | digest(folder / "onnx/model.onnx")
    change("onnx/verification.json", report | said)
    doubt = read_doubt(folder)
    assert (words in doubt) if words else not doubt


def test_weights_beside_a_graph_have_to_be_the_ones_that_were_proved(folder, change):
    (folder / "onnx/model.onnx.data").write_bytes(b"weights")
    proved = digest(folder / "onnx/model.onnx.data")["sha256"]
    report = {"verdict": "pass", "file": "model.onnx"} | digest(folder / "onnx/model.onnx")
    change("onnx/verification.json", report | {"others": {"model.onnx.data": proved}})
    assert not read_doubt(folder)
    (folder / "onnx/model.onnx.data").write_bytes(b"changed")
    write_manifest(folder)
    assert "other bytes of onnx/model.onnx.data" in read_doubt(folder)


def test_weights_that_gave_no_golden_answer_are_not_proved(folder):
    golden = {"format": 1, "inputs": ["(black)"], "weights_sha256": "0" * 64}
    pixels = {"pixel_values": np.zeros((1, 3, 2, 2), np.float32)}
    content = save(pixels, metadata={"golden": json.dumps(golden)})
    (folder / "golden.safetensors").write_bytes(content)
    write_manifest(folder)
    assert "other weights than model.safetensors" in read_doubt(folder)


def test_pictures_do_not_tell_where_they_lay(tmp_path):
    folder = fill(tmp_path / "model", inputs=("/home/me/photos/1.png",))
    with pytest.raises(PushError, match=r"golden\.safetensors holds the path '/home/me/photos"):
        make_plan(folder, CARD, allow_samples=True)


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (None, "it has no onnx/verification.json"),
        ({"verdict": "fail"}, "failed"),
        ({"verdict": "pass", "file": "model.onnx", "sha256": "0" * 64}, "about other bytes"),
        ({"verdict": "pass", "file": "other.onnx"}, "says nothing of onnx/model.onnx"),
        ([], "failed"),
    ],
)
def test_a_model_that_nothing_proves_is_refused(folder, report, words):
    if report is None:
        (folder / "onnx/verification.json").unlink()
    else:
        write(folder, "onnx/verification.json", report)
    write_manifest(folder)
    with pytest.raises(PushError, match=words) as caught:
        make_plan(folder, CARD)
    assert "--unverified" in caught.value.hint
    plan = make_plan(folder, CARD, allow_unverified=True)
    assert words in plan.doubt
    assert words in read_doubt(folder)
    assert any("NOT VERIFIED" in note for note in plan.notes)


def test_a_model_that_was_never_exported_is_unverified(folder):
    shutil.rmtree(folder / "onnx")
    write_manifest(folder)
    with pytest.raises(PushError, match=r"no onnx/model\.onnx"):
        make_plan(folder, CARD)


def test_an_absolute_path_is_cut_to_its_last_part_and_the_manifest_follows(folder, change):
    change("zoo_config.json", config(source="local", location="/home/me/runs/first/model"))
    report = {"verdict": "pass", "file": "model.onnx", "worst": "C:\\Users\\me\\a b.png"}
    change("onnx/verification.json", report | digest(folder / "onnx/model.onnx"))
    plan = make_plan(folder, CARD)
    told = json.loads(content(plan, "zoo_config.json"))
    assert told["backbone"]["weights"]["location"] == "model"
    assert json.loads(content(plan, "onnx/verification.json"))["worst"] == "a b.png"
    recorded = json.loads(content(plan, "manifest.json"))["files"]["zoo_config.json"]["sha256"]
    assert recorded == sha256_of_bytes(content(plan, "zoo_config.json"))
    assert len([note for note in plan.notes if "cut to their last part" in note]) == 2


def test_class_names_may_look_like_paths(folder, change):
    change("zoo_config.json", config())
    told = json.loads(content(make_plan(folder, CARD), "zoo_config.json"))
    assert told["targets"][0]["classes"] == ["/home/row", "discs"]


def test_texts_that_tell_more_are_refused_with_all_places(folder, change):
    found = config()
    found["notes"] = ["trained on /data/patients/2024 by night", "C:\\Users\\me\\x is bad: yes"]
    change("zoo_config.json", found)
    card = {"README.md": b"see /home/me/x.png and hf_" + b"a1" * 17}
    with pytest.raises(PushError) as caught:
        make_plan(folder, card)
    for place in ("'/data/patients/2024'", "README.md holds a token", "/home/me/x.png", "C:\\\\Us"):
        assert place in caught.value.problem
    assert "a1" * 17 not in str(caught.value)


def test_the_account_s_name_is_a_note_for_it_may_be_a_word(folder, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "marigold")
    plan = make_plan(folder, {"README.md": b"By marigold, of marigolds."})
    (note,) = plan.notes
    assert "README.md has 'marigold'" in note


def test_addresses_and_relative_paths_are_no_secrets(folder):
    text = b"[x](https://huggingface.co/home/me) and images/a.png, runs/x/model, 1/2, /, /home."
    assert make_plan(folder, {"README.md": text}).notes == ()


def test_the_card_may_be_edited_on_the_hub_so_that_no_manifest_records_it(folder):
    plan = make_plan(folder, {**CARD, "pictures/curves.png": b"png"})
    recorded = json.loads(content(plan, "manifest.json"))["files"]
    assert not {"README.md", "pictures/curves.png"} & set(recorded)
    assert "pictures/curves.png" in [file.name for file in plan.files]


@pytest.mark.parametrize("name", ["model.safetensors", "../x.png", "a/b.png", "pictures/x.py"])
def test_a_card_brings_pictures_alone(folder, name):
    with pytest.raises(ValueError, match="no part of a card"):
        make_plan(folder, {**CARD, name: b""})


ONE = {"sha256": "0" * 64, "bytes": 1}


@pytest.mark.parametrize(
    "listing",
    [
        [],
        {"format": 2, "files": {}},
        {"format": 1, "files": {"../x": ONE}},
        {"format": 1, "files": {"x": ONE | {"bytes": -1}}},
        {"format": 1, "files": {"x": ONE | {"sha256": "short"}}},
        {"format": 1, "files": {"x": {}}},
        {"format": 1, "files": {"a": ONE, "A": ONE}},
    ],
)
def test_a_manifest_from_elsewhere_is_read_strictly(tmp_path, listing):
    write(tmp_path, "manifest.json", listing)
    with pytest.raises(DamagedFileError):
        read_manifest(tmp_path / "manifest.json")
