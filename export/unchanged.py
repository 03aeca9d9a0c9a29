"""Are the files of an export still the ones that were exported? Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from export.files import FAILED_FILE, ONNX_FILE
from export.finding import Finding
from zoo.manifest import NAME, recorded_files
from zoo.storage import sha256_of

UNCHANGED = "unchanged since export"


def find_changes(folder: Path) -> Iterator[Finding]:
    """Hold every file of an export against `manifest.json`, and look for those that it lacks.

    Reports are left out, which are written anew, and so is what failed.
    """
    recorded = {name: sha256 for name, sha256 in recorded_files(folder).items() if _counts(name)}
    present = {
        path.relative_to(folder).as_posix(): path
        for path in sorted((folder / ONNX_FILE.parent).iterdir())
        if path.is_file()
    }
    for name in sorted({*recorded, *filter(_counts, present)}):
        found = sha256_of(present[name]) if name in present else None
        yield _compare(name, found, recorded.get(name))


def _counts(name: str) -> bool:
    """Tell whether a file of the model folder is a graph, or the weights beside one."""
    path = Path(name)
    graph = path.suffix == ".onnx" or path.name.endswith(".onnx.data")
    return graph and path.parent == ONNX_FILE.parent and not path.name.startswith(FAILED_FILE.name)


def _compare(name: str, found: str | None, recorded: str | None) -> Finding:
    passed = found is not None and found == recorded
    if passed:
        detail = f"the sha256 in {NAME}"
    elif found is None:
        detail = f"missing, and recorded in {NAME}"
    elif recorded is None:
        detail = f"not recorded in {NAME}"
    else:
        detail = f"sha256 {found[:16]}…; {NAME} has {recorded[:16]}…"
    prefix = "" if name == ONNX_FILE.as_posix() else f"{Path(name).name}: "
    return Finding(name=f"{prefix}{UNCHANGED}", passed=passed, detail=detail)
