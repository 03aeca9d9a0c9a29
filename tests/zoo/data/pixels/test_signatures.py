import os
from pathlib import Path

import numpy as np

from zoo.data.pixels.signatures import MISSING, SIGNATURE, key_of, sign_files


def test_a_file_keeps_its_key_and_shows_that_it_changed(root, files):
    before = sign_files(root, files)
    (root / files[1]).write_bytes(b"another")
    os.utime(root / files[2], ns=(0, 5))
    after = sign_files(root, files)
    np.testing.assert_array_equal(before["key"], after["key"])
    assert after["size"][1] == 7
    assert after["mtime_ns"][2] == 5
    changed = np.flatnonzero(before != after)
    assert changed.tolist() == [1, 2]


def test_names_may_be_relative_absolute_paths_or_an_array(root, files):
    relative = sign_files(root, files)
    for names in (
        [str(root / name) for name in files],
        [Path(name) for name in files],
        np.array(files, dtype=np.dtypes.StringDType()),
    ):
        np.testing.assert_array_equal(sign_files(root, names), relative)


def test_different_files_have_different_keys(root, files):
    assert len(set(sign_files(root, files)["key"].tolist())) == len(files)


def test_a_missing_file_is_signed_as_missing(root):
    signature = sign_files(root, ["no.png"])
    assert signature.tolist() == [(key_of(f"{root}/no.png"), MISSING, MISSING)]


def test_a_signature_is_small_so_that_a_million_are():
    assert SIGNATURE.itemsize == 24
