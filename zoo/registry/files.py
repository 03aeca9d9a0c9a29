"""The registry files there are: built-in, the user's, the project's, and those named."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

import platformdirs

from zoo.errors import BrokenRegistryError, RegistryError
from zoo.registry.catalogue import Layer, Registry, lay_over
from zoo.registry.document import Document, json_path, parse_document
from zoo.registry.lock import Lock

BUILT_IN = "built-in"
PROJECT_FILE = "zoo.registry.json"
HUB = "hub:"


def built_in_path() -> Path:
    """Find the catalogue beside this package (a wheel) or above it (a checkout)."""
    package = Path(__file__).resolve().parent.parent
    places = (package / "registry.json", package.parent / "registry.json")
    return next(place for place in places if place.exists())


def user_path() -> Path:
    """Name the user's own registry, which need not exist (`~/.config/zoo/registry.json`)."""
    return platformdirs.user_config_path("zoo") / "registry.json"


def project_path() -> Path:
    """Name the registry of the working folder, which need not exist."""
    return Path.cwd() / PROJECT_FILE


def load_registry(named: Iterable[str | Path] = (), *, lock: Lock | None = None) -> Registry:
    """Lay the built-in registry, the user's, the project's and the named ones over each other.

    Args:
        named: Further files, or `hub:org/name[@revision]`; the last one counts most.
        lock: Remembers what registries on the Hub held.

    Raises:
        RegistryError: A file is missing or wrong; every mistake in it is listed.
    """
    layers = [_built_in_layer()]
    layers += [_file(path) for path in (user_path(), project_path()) if path.exists()]
    for name in map(str, named):
        if name.startswith(HUB):
            layers.append(_from_hub(name, lock or Lock.default()))
        else:
            layers.append(_file(Path(name).expanduser()))
    return lay_over(layers)


def built_in_registry() -> Registry:
    """Load the catalogue that zoo brings along, and nothing of the user's."""
    return lay_over([_built_in_layer()])


def layers_beneath(path: Path) -> list[Layer]:
    """Read what a file would lie over: the other registries there are, as far as they are right."""
    layers = [_built_in_layer()]
    for other in (user_path(), project_path()):
        if other.exists() and not (path.exists() and other.samefile(path)):
            with suppress(RegistryError):
                lay_over([*layers, _file(other)])
                layers.append(_file(other))
    return layers


def read_document(path: Path) -> Document:
    """Read and parse one registry file.

    Raises:
        RegistryError: It is missing, or wrong.
    """
    try:
        content = path.read_bytes()
    except OSError as cause:
        raise RegistryError(
            f"cannot read the registry {path}: {cause.strerror}",
            hint="check the path; a registry is a file, or hub:org/name[@revision]",
        ) from cause
    return parse_document(content, origin=str(path))


def _file(path: Path) -> Layer:
    return Layer(origin=str(path), document=read_document(path), folder=path.resolve().parent)


@cache
def _built_in_layer() -> Layer:
    return Layer(origin=BUILT_IN, document=read_document(built_in_path()))


def _from_hub(name: str, lock: Lock) -> Layer:
    """Fetch `registry.json` of a Hub repository, held to what its revision held before."""
    from zoo.registry.hub import fetch_registry

    match = re.fullmatch(r"hub:([\w.-]+/[\w.-]+)(?:@([\w./-]+))?", name)
    if match is None:
        raise RegistryError(
            f"{name!r} does not name a registry on the Hub",
            hint="write --registry hub:org/name or hub:org/name@revision",
        )
    path, commit = fetch_registry(match[1], match[2], lock)
    origin = f"hub:{match[1]}@{commit[:12]}"
    document = parse_document(path.read_bytes(), origin=origin)
    mistakes = [
        f"{json_path(('backbones', at))}.weights ({entry.name}): a registry on the Hub cannot name "
        "a folder of this machine"
        for at, entry in enumerate(document.backbones)
        if entry.weights.source == "local"
    ]
    if mistakes:
        raise BrokenRegistryError(origin, mistakes)
    return Layer(origin=origin, document=document)
