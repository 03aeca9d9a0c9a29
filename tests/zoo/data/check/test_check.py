import json

import numpy as np
import pytest
from PIL import Image

from tests.textures import COPIES, dataset_of, save, texture
from zoo.data.check import SEVERITIES, check_dataset
from zoo.data.folder import open_folder


@pytest.fixture
def folder(tmp_path):
    """Two classes, split; nothing wrong with them."""
    for split, start, count in (("train", 0, 12), ("val", 100, 4)):
        for at in range(count):
            save(texture(start + at), tmp_path / split / "a" / f"{at}.png")
            save(texture(start + at + 50), tmp_path / split / "b" / f"{at}.png")
    return tmp_path


def check(folder, **options):
    return check_dataset(open_folder(folder, skip_bad=True), **options)


def files_of(report, kind):
    finding = report.of_kind(kind)
    return [[str(place) for place in group] for group in finding.groups] if finding else []


def test_good_data_gives_no_finding_and_a_summary(folder):
    report = check(folder)
    assert report.findings == ()
    assert not report.spoils
    assert report.summary.images == {"train": 24, "validation": 8}
    assert report.summary.targets == {"label": "2 classes"}
    assert report.summary.classes == {"label": {"a": 12, "b": 12}}
    assert report.summary.modes == {"RGB": 32}
    assert report.summary.formats == {"PNG": 32}
    assert report.summary.sizes.median == (160, 120)


def test_a_near_duplicate_across_splits_is_a_warning(folder):
    save(COPIES["recompressed"](texture(3)), folder / "val" / "a" / "copy.jpg")
    report = check(folder)
    assert files_of(report, "near-leaks") == [["train/a/3.png", "val/a/copy.jpg"]]
    assert "1 of validation" in report.of_kind("near-leaks").text
    assert [finding.kind for finding in report.findings] == ["near-leaks"]
    assert not report.spoils


def test_a_near_duplicate_of_another_class_is_a_warning_with_both_classes(folder):
    save(COPIES["mirrored"](texture(3)), folder / "train" / "b" / "copy.png")
    report = check(folder)
    assert files_of(report, "near-repeats") == [["train/a/3.png", "train/b/copy.png (mirrored)"]]
    assert files_of(report, "near-conflicts") == [["train/a/3.png (a)", "train/b/copy.png (b)"]]
    assert not report.spoils


def test_an_identical_copy_is_no_near_duplicate(folder):
    save(texture(3), folder / "val" / "a" / "copy.png")
    report = check(folder)
    assert [finding.kind for finding in report.findings] == ["leaks"]
    assert report.spoils


def test_near_duplicates_are_looked_for_only_if_asked(folder):
    save(COPIES["recompressed"](texture(3)), folder / "val" / "a" / "copy.jpg")
    assert check(folder, near=False).findings == ()


def test_files_that_are_no_images_are_told_of(folder):
    (folder / "train" / "a" / "broken.jpg").write_bytes(b"nothing")
    (folder / "train" / "b" / "notes.txt").write_text("hello")
    report = check(folder)
    assert files_of(report, "unreadable") == [["train/a/broken.jpg (not an image)"]]
    assert files_of(report, "ignored") == [["train/b/notes.txt"]]
    assert report.spoils


def test_a_file_that_only_the_check_opens_is_told_of(tmp_path):
    for number in range(3):
        save(texture(number), tmp_path / f"{number}.png")
    (tmp_path / "3.png").write_bytes(b"nothing")
    splits = {"train": {"0.png": "a", "3.png": "b"}, "validation": {"1.png": "a", "gone.png": "b"}}
    report = check_dataset(dataset_of(tmp_path, splits, hashed=False))
    unreadable = report.of_kind("unreadable").groups
    assert [group[0].file for group in unreadable] == ["3.png", "gone.png"]
    assert [group[0].split for group in unreadable] == ["train", "validation"]
    assert sum(report.summary.formats.values()) == 2


def test_odd_images_are_told_of(folder):
    place = folder / "train" / "a"
    save(Image.new("RGB", (60, 60), "teal"), place / "flat.png")
    save(texture(70, (30, 90)), place / "tiny.png")
    save(texture(71, (600, 100)), place / "long.png")
    save(texture(72).convert("RGBA"), place / "clear.png")
    save(texture(73).convert("CMYK"), place / "print.jpg")
    save(texture(74).convert("P"), place / "palette.gif")
    deep = np.asarray(texture(75).convert("L"), dtype=np.uint16) * 257
    save(Image.fromarray(deep), place / "deep.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    save(texture(76), place / "turned.jpg", exif=exif)
    report = check(folder)
    expected = {
        "constant": "flat.png (60 x 60)",
        "tiny": "tiny.png (30 x 90)",
        "aspect": "long.png (600 x 100)",
        "transparent": "clear.png (160 x 120)",
        "mode-CMYK": "print.jpg (160 x 120)",
        "mode-P": "palette.gif (160 x 120)",
        "mode-I;16": "deep.png (160 x 120)",
        "turned": "turned.jpg (160 x 120)",
    }
    assert {f.kind: str(f.groups[0][0]) for f in report.findings} == {
        kind: f"train/a/{name}" for kind, name in expected.items()
    }
    order = [SEVERITIES.index(finding.severity) for finding in report.findings]
    assert order == sorted(order)
    assert not report.spoils


@pytest.mark.parametrize(("img_size", "tiny"), [(224, False), (481, False), (484, True)])
def test_what_is_tiny_depends_on_what_the_network_sees(folder, img_size, tiny):
    report = check(folder, img_size=img_size)
    assert (report.of_kind("tiny") is not None) == tiny


def test_a_report_is_json(folder):
    save(texture(3), folder / "val" / "a" / "copy.png")
    found = json.loads(json.dumps(check(folder).to_json(), allow_nan=False))
    assert found["spoils"] is True
    assert found["summary"]["images"] == {"train": 24, "validation": 9}
    assert found["findings"][0]["kind"] == "leaks"
    assert found["findings"][0]["groups"][0][1] == {
        "file": "val/a/copy.png",
        "split": "validation",
        "remark": "",
    }


def test_progress_hears_of_every_image(folder):
    class Listener:
        def __init__(self):
            self.totals, self.done = {}, {}

        def note(self, text):
            raise AssertionError(text)

        def start(self, task, total):
            self.task = task
            self.totals[task], self.done[task] = total, 0

        def advance(self, count, figures=""):
            self.done[self.task] += count

        def finish(self):
            pass

    listener = Listener()
    check(folder, progress=listener)
    assert listener.done == listener.totals
    assert listener.totals["check"] == 32
