import contextlib
import io
import os
import pickle
import random
import warnings
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path

import pytest
import torch

from zoo.torch_files import find_dishonest, read_torch_file

NEW, OLD = {"_use_new_zipfile_serialization": True}, {"_use_new_zipfile_serialization": False}


class Attack:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)


@pytest.mark.parametrize("layout", [NEW, OLD])
def test_tensors_and_plain_values_come_back(layout, tmp_path):
    content = {"a": torch.arange(3), "b": [1, 2.0, "three", None], "c": OrderedDict(d=True)}
    torch.save(content, tmp_path / "f.pt", **layout)
    found = read_torch_file(tmp_path / "f.pt")
    assert torch.equal(found.pop("a"), content.pop("a"))
    assert found == content


@pytest.mark.parametrize("layout", [NEW, OLD, None])
def test_a_payload_is_not_run(layout, tmp_path):
    path, marker = tmp_path / "f.pt", tmp_path / "marker"
    if layout is None:
        path.write_bytes(pickle.dumps({"a": Attack(marker)}, protocol=2))
    else:
        torch.save({"a": Attack(marker)}, path, **layout)
    with pytest.raises(ValueError, match=r"posix\.mkdir|nt\.mkdir") as caught:
        read_torch_file(path)
    assert not marker.exists()
    assert "weights_only" not in str(caught.value), "torch advises to run it"
    with contextlib.suppress(RuntimeError):  # of a bare pickle, when it has run it
        torch.load(path, weights_only=False)
    assert marker.exists(), "it would have run"


@pytest.mark.parametrize("layout", [NEW, OLD])
def test_damage_of_any_kind_is_one_kind_of_error(layout, tmp_path):
    """torch itself meets it with KeyError, IndexError, UnicodeDecodeError, AssertionError, …"""
    buffer = io.BytesIO()
    torch.save({"a.weight": torch.ones(8, 8), "b": torch.arange(4)}, buffer, **layout)
    outcomes: Counter[str] = Counter()
    for seed in range(300):
        (tmp_path / "f.pt").write_bytes(_harm(buffer.getvalue(), random.Random(seed)))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                read_torch_file(tmp_path / "f.pt")
                outcomes["read"] += 1
            except ValueError:
                outcomes["refused"] += 1
    assert outcomes["refused"] > 100


def test_a_packed_archive_is_refused(tmp_path):
    """A hundred megabytes of zeros pack into a hundred kilobytes."""
    torch.save({"a": torch.zeros(1_000_000)}, tmp_path / "f.pt")
    with (
        zipfile.ZipFile(tmp_path / "f.pt") as plain,
        zipfile.ZipFile(tmp_path / "packed.pt", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for member in plain.infolist():
            packed.writestr(member.filename, plain.read(member))
    assert (tmp_path / "packed.pt").stat().st_size < 10_000
    with pytest.raises(ValueError, match="is compressed, which torch.save never does"):
        read_torch_file(tmp_path / "packed.pt")


def test_views_that_are_larger_than_what_they_view_are_found(tmp_path):
    terabyte = torch.zeros(1).expand(1 << 38)
    torch.save({"net": {"a": terabyte, "b": torch.zeros(2)}}, tmp_path / "f.pt")
    assert (tmp_path / "f.pt").stat().st_size < 2_000
    assert list(find_dishonest(read_torch_file(tmp_path / "f.pt"))) == [
        "  net.a has shape [274877906944] and fewer numbers"
    ]


def test_sparse_tensors_are_found_and_slices_are_not():
    sparse = torch.sparse_coo_tensor([[0]], [1.0], (1 << 38,), check_invariants=True)
    assert list(find_dishonest({"a": sparse}))
    assert not list(find_dishonest({"a": torch.zeros(8)[2:6], "b": torch.zeros(4, 4).T, "c": 3}))


def test_what_holds_itself_has_an_end():
    endless: list[object] = [torch.zeros(1)]
    endless.append(endless)
    assert not list(find_dishonest({"a": endless}))


def test_a_file_that_is_not_there_is_the_operating_systems_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_torch_file(tmp_path / "none.pt")


def _harm(content: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.2:
        return content[: rng.randrange(len(content))]
    changed = bytearray(content)
    for _ in range(rng.choice((1, 2, 8))):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)
