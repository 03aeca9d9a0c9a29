"""Claim: zoo pushes and pulls in 1.2 times the official client's time, in memory that stays flat.

Usage: python benchmarks/hub_transfer.py [--megabytes N …] [--rounds N]

A model folder of two large files goes to a Hub on this machine, which is the tests' own, and
back. The client uploads with `upload_folder` and downloads with `snapshot_download` into its
cache and then to a folder; zoo checks every file besides. Every transfer is a process of its own
with an empty cache; rounds alternate; ratios are medians over the rounds. Seconds are those of
the transfer, without imports. Memory is the most that a process ever had resident (Linux).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from safetensors.numpy import save_file

from tests.hub.server import HubServer
from zoo.manifest import write_manifest
from zoo.storage import sha256_of

MEASURED = """
import json, sys, time
from pathlib import Path
{imports}
folder, repo, back = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
began = time.perf_counter()
{transfer}
seconds = time.perf_counter() - began
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
memory = int(status["VmHWM"].split()[0]) * 1024
print(json.dumps([seconds, memory]))
"""
ZOO = """
from zoo.hub.names import parse_reference
from zoo.hub.plan import make_plan
from zoo.hub.pull import pull
from zoo.hub.push import PushSettings, push
from zoo.registry import Lock
"""
TRANSFERS = {
    ("push", "client"): (
        "from huggingface_hub import HfApi",
        "HfApi().create_repo(repo); HfApi().upload_folder(repo_id=repo, folder_path=folder)",
    ),
    ("push", "zoo"): (
        ZOO,
        'push(make_plan(folder, {"README.md": b"# Big"}), parse_reference(repo), PushSettings())',
    ),
    ("pull", "client"): (
        "import shutil; from huggingface_hub import snapshot_download",
        "shutil.copytree(snapshot_download(repo), back)",
    ),
    ("pull", "zoo"): (ZOO, 'pull(parse_reference(repo), back, Lock(Path(f"{back}.lock")))'),
}


def make_folder(folder: Path, megabytes: int) -> Path:
    """Write what a model folder holds, half of it weights and half a graph, of random bytes."""
    rng = np.random.default_rng(0)
    half = rng.integers(0, 256, megabytes * 500_000, dtype=np.uint8)
    (folder / "onnx").mkdir(parents=True)
    save_file({"classifier.weight": half}, folder / "model.safetensors")
    (folder / "onnx/model.onnx").write_bytes(half[::-1].tobytes())
    (folder / "zoo_config.json").write_text("{}")
    report = {
        "verdict": "pass",
        "file": "model.onnx",
        "sha256": sha256_of(folder / "onnx/model.onnx"),
    }
    (folder / "onnx/verification.json").write_text(json.dumps(report))
    write_manifest(folder)
    return folder


def transfer(hub: HubServer, folder: Path, place: Path, verb: str, tool: str) -> list[float]:
    """Move a model once; seconds and bytes of memory."""
    imports, code = TRANSFERS[verb, tool]
    environment = {
        "HF_ENDPOINT": hub.address,
        "HF_TOKEN": hub.accounts.token("alice"),
        "HF_HOME": str(place / "hf"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    done = subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "-c"),
            MEASURED.format(imports=imports, transfer=code),
            *(str(folder), f"alice/{tool}", str(place / "back")),
        ],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: list[float] = json.loads(done.stdout.splitlines()[-1])
    return found


def run_round(folder: Path) -> dict[tuple[str, str], list[float]]:
    """Push by both tools, then pull by both, to and from a Hub that held nothing."""
    with HubServer() as hub:
        hub.part_size = None
        found = {}
        for verb, tool in TRANSFERS:
            with TemporaryDirectory() as place:
                found[verb, tool] = transfer(hub, folder, Path(place), verb, tool)
        return found


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[50, 500])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print("| MB | | client, s | zoo, s | ratio | client, at most MB resident | zoo |")
    print("|---|---|---|---|---|---|---|")
    for megabytes in arguments.megabytes:
        with TemporaryDirectory() as place:
            folder = make_folder(Path(place, "model"), megabytes)
            rounds = [run_round(folder) for _ in range(arguments.rounds)]
        for verb in ("push", "pull"):
            client, zoo = ([r[verb, tool] for r in rounds] for tool in ("client", "zoo"))
            ratio = statistics.median(b[0] / a[0] for a, b in zip(client, zoo, strict=True))
            cells = [
                *(f"{statistics.median(part[0] for part in each):.1f}" for each in (client, zoo)),
                f"**{ratio:.2f}**",
                *(f"{max(part[1] for part in each) / 1e6:.0f}" for each in (client, zoo)),
            ]
            print(f"| {megabytes} | {verb} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
