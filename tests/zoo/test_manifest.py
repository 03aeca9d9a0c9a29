import pytest

from zoo.errors import DamagedFileError
from zoo.manifest import check_file, is_inside, update_manifest, write_manifest
from zoo.storage import write_json


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "m" / "onnx").mkdir(parents=True)
    (tmp_path / "m" / "a.bin").write_bytes(b"content")
    (tmp_path / "m" / "onnx" / "b.bin").write_bytes(b"more")
    write_manifest(tmp_path / "m")
    return tmp_path / "m"


@pytest.mark.parametrize("name", ["a.bin", "onnx/b.bin"])
def test_an_unchanged_file_is_found(folder, name):
    assert check_file(folder, name) == folder / name


@pytest.mark.parametrize(
    ("content", "reason"), [(b"Content", "content is not"), (b"cont", "4 bytes instead of 7")]
)
def test_a_changed_file_is_damaged(folder, content, reason):
    (folder / "a.bin").write_bytes(content)
    with pytest.raises(DamagedFileError, match=reason):
        check_file(folder, "a.bin")


def test_missing_and_unknown_files_are_damage(folder):
    (folder / "a.bin").unlink()
    with pytest.raises(DamagedFileError, match="missing"):
        check_file(folder, "a.bin")
    (folder / "new").touch()
    with pytest.raises(DamagedFileError, match="not recorded"):
        check_file(folder, "new")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"files": 3}', '{"files": {"a.bin": 3}}'])
def test_a_damaged_manifest_is_a_clear_error(folder, content):
    (folder / "manifest.json").write_text(content)
    with pytest.raises(DamagedFileError, match=r"manifest\.json is damaged"):
        check_file(folder, "a.bin")


def test_an_update_records_what_was_written_and_blesses_nothing_else(folder):
    (folder / "a.bin").write_bytes(b"tampered")
    (folder / "onnx" / "b.bin").write_bytes(b"rewritten")
    update_manifest(folder, ["onnx/b.bin"])
    assert check_file(folder, "onnx/b.bin").exists()
    with pytest.raises(DamagedFileError, match=r"a\.bin"):
        check_file(folder, "a.bin")


def test_an_update_forgets_what_was_removed(folder):
    (folder / "a.bin").unlink()
    update_manifest(folder, ["a.bin"])
    (folder / "a.bin").write_bytes(b"content")
    with pytest.raises(DamagedFileError, match="not recorded"):
        check_file(folder, "a.bin")


@pytest.mark.parametrize(
    "name",
    [
        "../a",
        "/etc/passwd",
        "a/../../b",
        "..",
        "",
        "a//b",
        "C:\\a",
        "a\\..\\b",
        "a\0",
        "readme.md",
        "Manifest.JSON",
    ],
)
def test_a_manifest_names_no_file_outside(name, folder):
    entry = {"sha256": "0" * 64, "bytes": 1}
    write_json(folder / "manifest.json", {"format": 1, "files": {name: entry}})
    with pytest.raises(DamagedFileError, match="which is no file of its folder"):
        check_file(folder, "a.bin")


@pytest.mark.parametrize("name", ["model.safetensors", "onnx/model.onnx", "a/b/c.json", "größe.md"])
def test_plain_names_stay_in_their_folder(name):
    assert is_inside(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", "/etc/passwd", "..", "../x", "a/../../x", "a//b", "./a", "a/.", "C:x", "a\\b"),
        *("a\0b", "a\nb", "nul", "COM1.txt", "a/aux.json", "name.", "name ", ".git/config", "a|b"),
    ],
)
def test_names_that_leave_their_folder_or_are_no_files_anywhere_are_told(name):
    assert not is_inside(name)


def test_two_spellings_of_one_name_are_one_file_on_some_systems(folder):
    entry = {"sha256": "0" * 64, "bytes": 1}
    names = ["\u00e9.json", "e\u0301.json"]
    write_json(folder / "manifest.json", {"format": 1, "files": dict.fromkeys(names, entry)})
    with pytest.raises(DamagedFileError, match="which is no file of its folder"):
        check_file(folder, "a.bin")
