"""Claim: keeping freed memory makes a training step on the CPU faster.

Each round runs in two processes, one after the other, with and without it: the setting belongs
to a process. The ratio is the median over rounds.
"""

import argparse
import statistics
import subprocess
import sys

STEP = """
import sys, time, torch
from zoo.backbones.network import build_network
from zoo.hardware import keep_freed_memory
from zoo.registry import load_registry
if sys.argv[1] == "kept": keep_freed_memory()
torch.set_num_threads(int(sys.argv[2]))
entry = load_registry().backbone("efficientnet_lite0")
network = build_network(entry, 10).place(torch.device("cpu"))
network.freeze_except(frozenset(entry.stages), "frozen")
network.train()
optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)
images = torch.randn(32, 3, 192, 192).contiguous(memory_format=torch.channels_last)
labels = torch.randint(0, 10, (32,))
for step in range(13):
    if step == 3: began = time.perf_counter()
    torch.nn.functional.cross_entropy(network(images), labels).backward()
    optimizer.step(); optimizer.zero_grad()
print(10 * 32 / (time.perf_counter() - began))
"""


def measure(kind: str, threads: int) -> float:
    """Images per second of ten steps after three."""
    command = [sys.executable, "-c", STEP, kind, str(threads)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    print("| round | given back, images/s | kept, images/s | ratio |\n|---|---|---|---|")
    ratios = []
    for number in range(1, arguments.rounds + 1):
        given, kept = (measure(kind, arguments.threads) for kind in ("given", "kept"))
        ratios.append(kept / given)
        print(f"| {number} | {given:.1f} | {kept:.1f} | {ratios[-1]:.2f} |", flush=True)
    print(f"| median | | | **{statistics.median(ratios):.2f}** |")


if __name__ == "__main__":
    main()
