"""What of a model folder is published: a list of files, each looked at before anything is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import PushError
from zoo.hub.golden import is_made_up, list_golden_inputs, without_pictures
from zoo.hub.planned import PlannedFile, from_bytes
from zoo.hub.privacy import without_paths, without_photos
from zoo.hub.proof import find_doubt
from zoo.hub.texts import require_private
from zoo.manifest import NAME as MANIFEST
from zoo.manifest import Recorded, check_file, read_manifest, to_data
from zoo.model_files import CARD, GOLDEN
from zoo.storage import read_json

PUBLISHED = re.compile(
    r"model\.safetensors|zoo_config\.json|config\.json|preprocessor_config\.json"
    r"|golden\.safetensors|onnx/verification[\w-]*\.json|onnx/model[\w-]*\.onnx(\.data)?"
)
"""What of a manifest is published: nothing else, whatever else lies there."""
_REPORT = re.compile(r"onnx/verification[\w-]*\.json")
_PICTURE = re.compile(r"pictures/[\w-]+\.png")
_LOCK = re.compile(r"(^|/)\.[\w-]+\.turn$")
"""Files that processes take turns by: they say nothing, and nobody left them there."""
_AGAIN = "copy the model folder again, or let `zoo export` write it anew"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is published of a model folder."""

    folder: Path
    files: tuple[PlannedFile, ...]
    """In name order; the manifest and the card among them."""
    notes: tuple[str, ...]
    """What was left out or changed, and why."""
    doubt: str
    """Why the model counts as unverified; empty if it is proved."""

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)


def read_doubt(folder: Path) -> str:
    """Say why a model folder counts as unverified; empty if it is proved. A card says so too.

    Raises:
        DamagedFileError: The manifest or the report is not what zoo writes.
    """
    return find_doubt(folder, read_manifest(folder / MANIFEST))


def make_plan(
    folder: Path,
    card: Mapping[str, bytes],
    *,
    allow_samples: bool = False,
    allow_unverified: bool = False,
) -> Plan:
    """Choose what is published, and check every file against the manifest.

    Args:
        folder: The model folder.
        card: `README.md` and its pictures, by name.
        allow_samples: Publish the golden answers to your own pictures, and what their files
            are called.
        allow_unverified: Publish a model that nothing proves.

    Raises:
        PushError: The model is unverified, or a text tells what must not be published.
        DamagedFileError: A file is not what the manifest recorded.
    """
    recorded = read_manifest(folder / MANIFEST)
    doubt = find_doubt(folder, recorded)
    if doubt and not allow_unverified:
        raise PushError(
            f"{folder} is not verified: {doubt}",
            hint="`zoo export` exports and verifies; with --unverified it is pushed all the same, "
            "and its card says so",
        )
    notes = [f"NOT VERIFIED: {doubt}"] if doubt else []
    names = [name for name in recorded if PUBLISHED.fullmatch(name) and "failed" not in name]
    notes += list(_list_left_out(folder, recorded, names, card))
    files: list[PlannedFile] = []
    for name, path in _check(folder, sorted(names)).items():
        if name == GOLDEN and not allow_samples:
            files += _take_golden(path, recorded[name], notes)
        elif name.endswith(".json"):
            files.append(_take_json(path, name, notes, allow_samples=allow_samples))
        else:
            files.append(_as_it_is(path, name, recorded[name]))
    files.append(_record(files))
    files += [_take_card(name, content) for name, content in card.items()]
    notes += require_private(files)
    ordered = tuple(sorted(files, key=lambda file: file.name))
    return Plan(folder=folder, files=ordered, notes=tuple(notes), doubt=doubt)


def _check(folder: Path, names: list[str]) -> dict[str, Path]:
    """Hash files side by side; each must be what was recorded."""
    with ThreadPoolExecutor() as threads:
        paths = threads.map(lambda name: check_file(folder, name, hint=_AGAIN), names)
        return dict(zip(names, paths, strict=True))


def _list_left_out(
    folder: Path, recorded: Mapping[str, Recorded], names: list[str], card: Mapping[str, bytes]
) -> Iterator[str]:
    lying = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    lying = {name for name in lying if not _LOCK.search(name)}
    for name in sorted((lying | set(recorded)) - {*names, *card, MANIFEST, CARD}):
        why = "not of a kind that is published" if name in recorded else f"not in {MANIFEST}"
        yield f"{name} stays here: {why}"


def _take_golden(path: Path, recorded: Recorded, notes: list[str]) -> Iterator[PlannedFile]:
    """Leave photos out of the golden answers, and the file where it holds nothing else."""
    real = sum(not is_made_up(name) for name in list_golden_inputs(path))
    if not real:
        yield _as_it_is(path, GOLDEN, recorded)
        return
    rest = without_pictures(path)
    notes.append(f"{GOLDEN}: {real} of your pictures stay here; --allow-samples publishes them")
    if rest is not None:
        yield from_bytes(GOLDEN, rest)
        return
    notes.append(
        f"{GOLDEN} holds nothing else: whoever pulls the model cannot replay it, until "
        "`zoo export` has written it anew"
    )


def _take_json(path: Path, name: str, notes: list[str], *, allow_samples: bool) -> PlannedFile:
    content = read_json(path)
    told = without_paths(name, content)
    if told != content:
        notes.append(f"{name}: absolute paths in it are cut to their last part")
    if _REPORT.fullmatch(name) and not allow_samples:
        told = without_photos(told)
    if told == content:
        return from_bytes(name, path.read_bytes())
    return from_bytes(name, f"{json.dumps(told, indent=2, ensure_ascii=False)}\n".encode())


def _as_it_is(path: Path, name: str, recorded: Recorded) -> PlannedFile:
    return PlannedFile(name=name, sha256=recorded.sha256, size=recorded.bytes, source=path)


def _record(files: list[PlannedFile]) -> PlannedFile:
    """Write the manifest of what is published.

    The card is not in it: whoever may write to the repository may edit the card there.
    """
    listing = {file.name: Recorded(sha256=file.sha256, bytes=file.size) for file in files}
    text = json.dumps(to_data(listing), indent=2, ensure_ascii=False)
    return from_bytes(MANIFEST, f"{text}\n".encode())


def is_picture(name: str) -> bool:
    """Tell whether a file can be a picture of a card."""
    return _PICTURE.fullmatch(name) is not None


def _take_card(name: str, content: bytes) -> PlannedFile:
    if name != CARD and not is_picture(name):
        raise ValueError(f"{name!r} is no part of a card")
    return from_bytes(name, content)
