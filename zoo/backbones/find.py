"""What a name means: an entry of the registry, a library's network, a repository, a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from zoo.errors import UnknownBackboneError
from zoo.registry import FoundBackbone, Registry


def find_backbone(name: str, registry: Registry) -> FoundBackbone:
    """Find what a name means.

    Args:
        name: An entry of the registry, `timm/NAME`, `torchvision/NAME[.WEIGHTS]`,
            `hf-hub:org/name[@revision]`, `BUILDER/ARCHITECTURE` of another builder, or a run
            or model folder.
        registry: Is asked first.

    Raises:
        UnknownBackboneError: It means nothing; the hint has the nearest entry.
        RegistryError: The library, repository or folder does not hold such a network.
    """
    if name in registry.backbones:
        return FoundBackbone(registry.backbones[name], name, registry.origins[name])
    for prefix, describe in PREFIXES.items():
        if name.startswith(prefix):
            return describe(name.removeprefix(prefix))
    if "/" in name and (built := _by_builder(name)):
        return built
    folder = Path(name).expanduser()
    if name and _is_folder(folder):
        return _in_folder(folder)
    raise UnknownBackboneError(name, registry.backbones)


def reference_of(name: str) -> str:
    """Say what a name means wherever one stands: a folder's is its whole path."""
    folder = Path(name).expanduser()
    is_folder = not name.startswith(tuple(PREFIXES)) and _is_folder(folder)
    return str(folder.resolve()) if is_folder else name


def _is_folder(path: Path) -> bool:
    with suppress(OSError):
        return path.is_dir()
    return False  # such as a name longer than a file's can be


# Each way to describe a network is imported when it is first gone: they need torch, and an
# entry of the registry does not.


def _on_the_hub(name: str) -> FoundBackbone:
    from zoo.backbones.entries.hub import describe_repository

    return describe_repository(name)


def _in_timm(name: str) -> FoundBackbone:
    from zoo.backbones.entries.timm import describe_timm

    return describe_timm(name)


def _in_torchvision(name: str) -> FoundBackbone:
    from zoo.backbones.entries.torchvision import describe_torchvision

    return describe_torchvision(name)


def _by_builder(name: str) -> FoundBackbone | None:
    from zoo.backbones.builders import BUILDERS
    from zoo.backbones.entries.builder import describe_architecture

    builder, _, architecture = name.partition("/")
    return describe_architecture(builder, architecture) if builder in BUILDERS else None


def _in_folder(folder: Path) -> FoundBackbone:
    from zoo.backbones.entries.folder import describe_folder

    return describe_folder(folder)


PREFIXES: Mapping[str, Callable[[str], FoundBackbone]] = {
    "hf-hub:": _on_the_hub,
    "timm/": _in_timm,
    "torchvision/": _in_torchvision,
}
"""What stands before names that are not the registry's."""
