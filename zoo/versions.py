"""The versions of what decides a result."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("finezoo", "torch", "torchvision", "timm", "pillow", "numpy")


def collect_versions() -> dict[str, str]:
    """Collect the versions of Python and of the packages that decide a result."""
    return {"python": sys.version.split()[0], **_installed(_PACKAGES)}


def zoo_version() -> str:
    """Version of this distribution."""
    return _installed(("finezoo",))["finezoo"]


def _installed(packages: tuple[str, ...]) -> Mapping[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
