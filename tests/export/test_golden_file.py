import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from safetensors import safe_open

from export.golden_file import Golden, GoldenTarget, read_golden, to_bytes
from zoo.errors import DamagedFileError, RunError

RNG = np.random.default_rng(0)


def target(name: str, width: int, thresholds: tuple[float, ...] | None = None) -> GoldenTarget:
    exact = RNG.normal(size=(2, width))
    return GoldenTarget(
        name=name,
        kind="class" if thresholds is None else "labels",
        output=name,
        names=tuple("abc"[:width]),
        thresholds=thresholds,
        float32=exact.astype(np.float32),
        float64=exact,
        bound=np.full((2, width), 1e-5),
    )


GOLDEN = Golden(
    pixel_values=RNG.normal(size=(2, 3, 4, 4)).astype(np.float32),
    inputs=("cat/é.jpg", "(black)"),
    targets=(target("kind", 3), target("tags", 2, (0.4, 0.6))),
    weights_sha256="0" * 64,
    device="cpu",
    versions={"torch": "2", "python": "3"},
)


@pytest.fixture
def path(tmp_path):
    (tmp_path / "golden.safetensors").write_bytes(to_bytes(GOLDEN))
    return tmp_path / "golden.safetensors"


def rewrite_facts(path, change) -> None:
    """Change the facts in the header and leave the tensors as they are."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    facts = json.loads(header["__metadata__"]["golden"])
    change(facts)
    header["__metadata__"]["golden"] = json.dumps(facts)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


def test_what_is_read_is_what_was_written(path):
    found = read_golden(path)
    np.testing.assert_array_equal(found.pixel_values, GOLDEN.pixel_values, strict=True)
    assert (found.inputs, found.versions) == (GOLDEN.inputs, GOLDEN.versions)
    for ours, theirs in zip(GOLDEN.targets, found.targets, strict=True):
        assert (theirs.name, theirs.names, theirs.thresholds) == (
            ours.name,
            ours.names,
            ours.thresholds,
        )
        for part in ("float32", "float64", "bound"):
            np.testing.assert_array_equal(getattr(theirs, part), getattr(ours, part), strict=True)


def test_the_same_golden_is_the_same_bytes(path):
    """All facts are one entry: safetensors writes several in an order of its own."""
    assert to_bytes(read_golden(path)) == path.read_bytes()
    with safe_open(path, framework="numpy") as file:
        assert list(file.metadata()) == ["golden"]


def test_a_file_cut_short_is_damaged(path):
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedFileError, match=r"golden\.safetensors is damaged") as caught:
        read_golden(path)
    assert "zoo export" in caught.value.hint


@pytest.mark.parametrize(
    "change",
    [
        lambda facts: facts.pop("inputs"),
        lambda facts: facts["inputs"].pop(),
        lambda facts: facts.update(targets=[]),
        lambda facts: facts["targets"].append(facts["targets"][0]),
        lambda facts: facts["targets"][0].update(names=["a"]),
        lambda facts: facts.update(targets="kind"),
    ],
)
def test_facts_that_do_not_fit_the_tensors_are_damage(path, change):
    rewrite_facts(path, change)
    with pytest.raises(DamagedFileError):
        read_golden(path)


def test_a_safetensors_file_of_something_else_is_damaged(path):
    rewrite_facts(path, dict.clear)
    with pytest.raises(DamagedFileError):
        read_golden(path)


def test_a_later_format_is_refused_and_not_called_damaged(path):
    rewrite_facts(path, lambda facts: facts.update(format=2))
    with pytest.raises(RunError, match="has format 2; this version of zoo reads 1") as caught:
        read_golden(path)
    assert not isinstance(caught.value, DamagedFileError)


def test_answers_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match="other shapes"):
        replace(GOLDEN.targets[0], bound=np.zeros(2))
