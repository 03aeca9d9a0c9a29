"""Entries for repositories on the Hub: of zoo's own, of timm's layout, and of transformers'."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zoo.backbones.entries.model import MARK, from_model, inherit
from zoo.backbones.entries.timm import from_config, from_content, license_facts
from zoo.backbones.entries.timm_config import read_content
from zoo.backbones.entries.transformers_config import read_transformers
from zoo.errors import DamagedFileError, RegistryError, WeightsError
from zoo.hub.named_license import named_license
from zoo.hub.small_files import find_file
from zoo.manifest import NAME as MANIFEST
from zoo.manifest import Recorded, read_manifest
from zoo.model import CONFIG, ModelConfig, load_config
from zoo.model_files import CARD, PROCESSOR, WEIGHTS
from zoo.registry import FoundBackbone, Lock, Weights
from zoo.storage import sha256_of


@dataclass(frozen=True, slots=True, kw_only=True)
class _Repository:
    """A repository at one commit, whose small files are fetched as they are asked for."""

    repo: str
    """`org/name`."""
    snapshot: Path
    """Where the Hub's cache keeps the files of that commit; named after it."""
    reference: str
    """What the user called it, `hf-hub:` before it."""

    @property
    def commit(self) -> str:
        return self.snapshot.name

    @property
    def weights(self) -> dict[str, Any]:
        """Fields of `Weights` that say where they lie."""
        return {
            "source": "hub",
            "location": self.repo,
            "file": WEIGHTS,
            "revision": self.commit,
        }

    def has(self, name: str) -> bool:
        """Have a file in the snapshot, if the repository has it."""
        return find_file(self.repo, name, self.commit, self.reference) is not None


def describe_repository(name: str) -> FoundBackbone:
    """Describe a repository on the Hub from its own configuration.

    Args:
        name: `org/name` or `org/name@revision`.

    Raises:
        RegistryError: It holds no network that zoo can take, or is not what it says.
        WeightsError: The Hub cannot be asked, or has no such repository.
    """
    match = re.fullmatch(r"([\w.-]+/[\w.-]+)(?:@([\w./-]+))?", name)
    if match is None:
        raise RegistryError(
            f"hf-hub:{name} does not name a repository",
            hint="write hf-hub:org/name or hf-hub:org/name@revision",
        )
    repo, revision, reference = match[1], match[2], f"hf-hub:{name}"
    path = find_file(repo, "config.json", revision, reference)
    content: Mapping[str, Any] = {}
    if path is not None:
        content = read_content(path, reference)
    elif (path := find_file(repo, CONFIG, revision, reference)) is None:
        raise RegistryError(
            f"{reference} has no config.json to describe it",
            hint="choose a repository of an image network that zoo, timm or transformers saved",
        )
    found = _Repository(repo=repo, snapshot=path.parent, reference=reference)
    # Whoever trained further with another library may have taken the mark along, and no more.
    if path.name == CONFIG or (MARK in content and found.has(CONFIG)):
        return _from_zoo(found)
    if revision == found.commit:
        _hold(found, path, f"/{path.name}")
    if "architecture" in content:
        return from_content(content, reference, found.weights, reference)
    return _from_transformers(found, content)


def _from_transformers(found: _Repository, content: Mapping[str, Any]) -> FoundBackbone:
    found.has(PROCESSOR)
    config, assumptions = read_transformers(content, found.snapshot / PROCESSOR, found.reference)
    named, unread = _license_on_card(found)
    entry = from_config(
        found.reference,
        replace(config, license=named),
        found.weights | {"match": "transformers"},
        found.reference,
    )
    return replace(entry, assumptions=(*entry.assumptions, *assumptions, *unread))


def _from_zoo(found: _Repository) -> FoundBackbone:
    config, recorded = _read_model(found)
    weights, assumptions = _weights_of(found, config, recorded)
    return from_model(
        config, weights, name=found.repo, reference=found.reference, assumptions=assumptions
    )


def _read_model(found: _Repository) -> tuple[ModelConfig, Recorded]:
    """Read what a model is, and what its weights must be.

    Raises:
        RegistryError: Its manifest is missing, or records something else.
    """
    found.has(MANIFEST)
    try:
        recorded = read_manifest(found.snapshot / MANIFEST)
        config = load_config(found.snapshot)
    except DamagedFileError as cause:
        raise RegistryError(
            f"{found.reference} is not what zoo pushed: {cause.problem}",
            hint="somebody changed it without zoo: ask them, or name an earlier commit with "
            f"@; if only the copy here is damaged, delete {found.snapshot}",
        ) from cause
    if WEIGHTS not in recorded:
        raise RegistryError(
            f"{found.reference} has no {WEIGHTS} in its {MANIFEST}",
            hint="ask its owner to push it again, or name an earlier commit with @",
        )
    _hold(found, found.snapshot / MANIFEST)
    return config, recorded[WEIGHTS]


def _hold(found: _Repository, path: Path, suffix: str = "") -> None:
    """Hold a commit to the file that described it when it was first met.

    Args:
        found: The repository.
        path: The file.
        suffix: Of its key in `zoo.lock`; without one, `zoo pull` holds the commit to the same.

    Raises:
        RegistryError: It is another file now.
    """
    lock = Lock.default()
    key, digest = f"hub:{found.repo}@{found.commit}{suffix}", sha256_of(path)
    known = lock.add(key, sha256=digest, size=path.stat().st_size, revision=found.commit)
    if known.sha256 != digest:
        raise RegistryError(
            f"{found.reference} has been changed: on {known.first_fetched:%Y-%m-%d} the same "
            f"commit, {found.commit[:12]}, held other files",
            hint=f"do not use what the Hub sends; to accept it, remove {key!r} from {lock.path}",
        )


def _weights_of(
    found: _Repository, config: ModelConfig, recorded: Recorded
) -> tuple[Weights, tuple[str, ...]]:
    """Describe a model's weights: under the licence on its card, if that is not the inherited."""
    facts = found.weights | {"sha256": recorded.sha256, "bytes": recorded.bytes}
    named, assumptions = _license_on_card(found)
    inherited = config.backbone.weights.license if config.pretrained else ""
    if inherited and (named or "other").lower() in ("other", inherited.lower()):
        return inherit(config, **facts), assumptions
    said: list[str] = [*assumptions]
    terms = license_facts(named, f"https://huggingface.co/{found.repo}", said)
    terms = {"license_url": None, "commercial_use": None} | terms
    if inherited:
        said.append(f"licence {named}, as its card says; what it began with has {inherited}")
    return inherit(config, **facts, **terms), tuple(said)


def _license_on_card(found: _Repository) -> tuple[str | None, tuple[str, ...]]:
    """Read the licence that the card names; where that cannot be fetched, say so."""
    try:
        named = named_license(found.snapshot / CARD) if found.has(CARD) else None
    except WeightsError:
        return None, ("nothing of what its card says, which cannot be fetched",)
    return named, ()
