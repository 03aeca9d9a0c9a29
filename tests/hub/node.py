"""transformers.js in Node, of the folder that ZOO_NODE_MODULES names, talking to a server here."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

PACKAGE = "@huggingface/transformers"
_FIRST = Path(__file__).with_name("point_at_hub.mjs")


def find_modules() -> Path:
    """Find the folder that `npm install` filled; the test is skipped where there is none."""
    folder = Path(os.environ.get("ZOO_NODE_MODULES", "node_modules"))
    if shutil.which("node") is None:
        pytest.skip("there is no node on this machine")
    if not (folder / PACKAGE).is_dir():
        pytest.skip(f"ZOO_NODE_MODULES names no folder with {PACKAGE}")
    return folder


def run_in_node(
    source: str, folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a source as it stands, in a folder where the package was installed.

    Args:
        source: An ECMAScript module.
        folder: Where it and the package's folder are put.
        environment: The process's; HF_ENDPOINT and HF_HOME are heard as the Python client does.
    """
    (folder / "node_modules").symlink_to(find_modules(), target_is_directory=True)
    shutil.copy(_FIRST, folder)
    (folder / "snippet.mjs").write_text(source, encoding="utf-8")
    return subprocess.run(
        ["node", "--import", f"./{_FIRST.name}", "snippet.mjs"],
        cwd=folder,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
