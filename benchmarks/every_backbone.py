"""Claim: every backbone in the registry exports, and its graph passes L0 and L1.

Usage: python benchmarks/every_backbone.py PHOTOS --rows FILE [--only NAME …] [--images N]
           [--latency] [--no-compile] [--limit SECONDS] [--retry]

Each network has its own image size, ten classes, and random weights made lifelike: what its
constructor sets to one number (scales, biases, layer scales of 1e-6, last scales of zero) is
drawn, BatchNorm has seen photos and pictures unlike any, and the head answers with a mean of 0
and a deviation of 1 over photos, so that an answer that ignores the image cannot pass. `auto`
chooses the exporter; levels L0 and L1 are zoo's own, on N other photos and the edge inputs.

With --latency, rows that passed get the time of one image in eager PyTorch (channels_last, as
zoo runs it), ONNX Runtime and torch.compile: on the same number of threads, taking turns, the
median; the graph is made again for it, and must have the same bytes.

A network is a process of its own with a time limit. What is finished is a line in FILE and is
not done again (with --retry, what broke is); the table is printed from these lines.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor

from export.attempts import export_first_that_passes, exporters_for
from export.exporters import Exporter
from export.graph import Graph, export_graph
from export.interface import INPUT
from export.levels import StructureLevel, verdict_of
from export.metadata import describe
from export.number_level import ParityLevel
from export.programs import run_candidate, run_reference
from export.same_numbers import compare_numbers
from export.samples import Inputs, gather_inputs
from export.session import open_session
from export.structure import examine_graph
from export.tolerances import measure_tolerances
from zoo.backbones.network import Network, build_network
from zoo.backbones.statistics import follows_inputs
from zoo.data.dataset import Samples, make_samples
from zoo.data.loading import load_prepared
from zoo.errors import VerificationError
from zoo.hardware import exact_float32, keep_freed_memory
from zoo.inputs.contract import Preprocess
from zoo.model import ModelConfig, TrainedModel, load_model, save_model
from zoo.progress import Silence
from zoo.registry import Backbone
from zoo.registry.files import built_in_registry
from zoo.storage import sha256_of_bytes
from zoo.targets import ClassTarget
from zoo.versions import collect_versions

TARGET = ClassTarget(classes=tuple("abcdefghij"))
SETTLING = 32
"""Photos on which BatchNorm and the head are set, none of them verified on."""
BATCH_NORM_SCALE = 0.3
"""Mean of BatchNorm's scales."""
LEAST_ROUNDS, LEAST_SECONDS = 15, 5.0
"""Of a measurement of latency; whichever takes longer."""
PHOTOS = frozenset({".jpg", ".jpeg", ".png", ".webp"})
CPU = torch.device("cpu")

Row = dict[str, Any]
Engines = dict[str, Callable[[], object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """L0 and L1 of one graph."""

    structure: StructureLevel
    numbers: ParityLevel
    seconds: float

    @property
    def verdict(self) -> str:
        """Whether both pass."""
        return verdict_of(self.structure.verdict == self.numbers.verdict == "pass")

    def raise_if_failed(self) -> None:
        """Say what is wrong."""
        levels = {"L0": self.structure, "L1": self.numbers}
        wrong = [f"{n} {found.explain()}" for n, found in levels.items() if found.verdict == "fail"]
        if wrong:
            raise VerificationError("; ".join(wrong))


def choose_photos(root: Path, images: int) -> tuple[Samples, list[Path]]:
    """Draw photos to verify on, and others to set statistics by."""
    files = sorted(path for path in root.rglob("*") if path.suffix.lower() in PHOTOS)
    drawn = np.random.default_rng(0).permutation(len(files))[: images + SETTLING]
    chosen = [files[at] for at in drawn]
    names = [str(path.relative_to(root)) for path in chosen[:images]]
    samples = make_samples(root, names, {TARGET.name: np.zeros(images, dtype=np.int64)})
    return samples, chosen[images:]


def load_photos(paths: Sequence[Path], contract: Preprocess) -> Tensor:
    """Decode photos as the network sees them."""
    batches = load_prepared(paths, contract, batch_size=len(paths), workers=0)
    return torch.cat([batch.pixel_values for batch in batches])


def build_lifelike(backbone: Backbone, photos: Tensor) -> Network:
    """Build a network with random weights, no two channels of which are alike."""
    network = build_network(backbone, {TARGET.name: TARGET.num_outputs}, size=photos.shape[-1])
    network.eval().requires_grad_(requires_grad=False)
    draw = torch.Generator().manual_seed(0)
    for name, parameter in network.body.named_parameters():
        if (parameter.max() - parameter.min()).item() < 1e-4:
            _redraw(parameter, name, draw)
    settle_statistics(network, torch.cat([photos, draw_odd_pictures(photos, draw)]))
    standardise_answers(network, photos, draw)
    return network


def _redraw(parameter: Tensor, name: str, draw: torch.Generator) -> None:
    """Draw what was set to one number: biases around it, scales by half of it either way.

    A scale of nothing, as of a block that is to begin as the identity, becomes 0.3.
    """
    if "bias" in name:
        parameter.add_(torch.randn(parameter.shape, generator=draw), alpha=0.1)
    else:
        level = max(parameter.mean().item(), 0.3)
        parameter.copy_(level * (0.5 + torch.rand(parameter.shape, generator=draw)))


def draw_odd_pictures(photos: Tensor, draw: torch.Generator) -> Tensor:
    """Draw half as many pictures of noise, of extremes and of one colour, as bright as photos.

    Trained networks answer such edge inputs within four deviations. Random ones whose BatchNorm
    knows photos only blow them up, layer by layer, to thousands: the noise floor, which is the
    largest over all inputs, would say nothing of photos.
    """
    low, high = photos.amin(dim=(0, 2, 3)), photos.amax(dim=(0, 2, 3))
    noise, plain = (
        torch.rand(len(photos) // 4, 3, *size, generator=draw)
        for size in (photos.shape[2:], (1, 1))
    )
    for pictures in (noise, plain):
        pictures[::2].round_()
    odd = torch.cat([noise, plain.expand_as(noise)])
    return low[:, None, None] + (high - low)[:, None, None] * odd


def settle_statistics(network: Network, images: Tensor) -> None:
    """Let BatchNorm average what it sees in a batch of all images.

    Its scales are made small: with those of about 1, swish and squeeze-and-excitation let an
    answer grow faster than its image, in every layer.
    """
    layers = [layer for layer in network.modules() if follows_inputs(layer)]
    for layer in layers:
        layer.weight.mul_(BATCH_NORM_SCALE)
        layer.reset_running_stats()
        layer.momentum = None
        layer.train()
    if layers:
        network(images)
    network.eval()


def standardise_answers(network: Network, photos: Tensor, draw: torch.Generator) -> None:
    """Draw a head whose answers differ between photos, and not only between classes."""
    features = torch.cat([network.body(batch) for batch in photos.split(16)]).double()
    head = network.heads[TARGET.name].last
    weight = torch.randn(head.weight.shape, generator=draw).double()
    answers = features @ weight.T
    deviation, mean = torch.std_mean(answers, dim=0)
    head.weight.copy_(weight / deviation[:, None])
    head.bias.copy_(-mean / deviation)


def make_model(backbone: Backbone, paths: Sequence[Path], folder: Path) -> TrainedModel:
    """Write a model folder and load it, as an export finds it."""
    config = ModelConfig(
        backbone=backbone,
        preprocess=backbone.preprocess,
        targets=(TARGET,),
        data_fingerprint="0" * 64,
        recipe="none",
        pretrained=False,
        zoo_version="benchmark",
    )
    with torch.no_grad():
        photos = load_photos(paths, backbone.preprocess)
        save_model(folder, build_lifelike(backbone, photos), config)
    return load_model(folder)


def prove(model: TrainedModel, folder: Path, inputs: Inputs, graph: Graph) -> Proof:
    """Verify L0 and L1."""
    began = time.perf_counter()
    findings = examine_graph(onnx.load_from_string(graph.content), describe(model, folder))
    passed = all(finding.passed for finding in findings)
    onnx_model = open_session(graph.content, CPU)
    with exact_float32():
        reference = run_reference(model, inputs, Silence())
        candidate = run_candidate(onnx_model, model, inputs, Silence())
    tolerances = measure_tolerances(model.targets, inputs, reference)
    return Proof(
        structure=StructureLevel(verdict=verdict_of(passed), findings=findings),
        numbers=compare_numbers(model.targets, inputs, reference, candidate, tolerances),
        seconds=time.perf_counter() - began,
    )


def examine(backbone: Backbone, arguments: argparse.Namespace, folder: Path) -> Row:
    """Export one network by the exporter that passes, and give its figures."""
    samples, others = choose_photos(arguments.photos, arguments.images)
    model = make_model(backbone, others, folder)
    inputs = gather_inputs(samples, model.preprocess, 0, Silence())
    seconds: dict[Exporter, float] = {}

    def export(exporter: Exporter) -> Graph:
        began = time.perf_counter()
        graph = export_graph(model, folder, exporter=exporter)
        seconds[exporter] = time.perf_counter() - began
        return graph

    exported = export_first_that_passes(
        exporters_for("auto"), export, lambda graph: prove(model, folder, inputs, graph)
    )
    graph, proof = exported.graph, exported.report
    return {
        "backbone": backbone.name,
        "parameters": sum(weights.numel() for weights in model.network.parameters()),
        "size": model.preprocess.size,
        "failure": None,
        "exporter": graph.exporter,
        "attempts": [asdict(attempt) for attempt in exported.attempts],
        "export_seconds": seconds[graph.exporter],
        "verify_seconds": proof.seconds,
        "nodes": len(onnx.load_from_string(graph.content).graph.node),
        "bytes": len(graph.content),
        "sha256": sha256_of_bytes(graph.content),
        "L0": proof.structure.verdict,
        "L1": proof.numbers.verdict,
        **_figures(proof.numbers),
    }


def _figures(numbers: ParityLevel) -> Row:
    names = (
        *("noise_floor", "max_abs_error_float64", "error_ratio", "max_abs_error", "bound"),
        *("spread", "agreement", "num_samples"),
    )
    return {name: getattr(numbers, name) for name in names} | {"ties": len(numbers.ties)}


def time_engines(backbone: Backbone, arguments: argparse.Namespace, folder: Path) -> Row:
    """Measure how long one image takes each engine; the networks are those of `examine`."""
    samples, others = choose_photos(arguments.photos, arguments.images)
    model = make_model(backbone, others, folder)
    content = export_graph(model, folder, exporter=arguments.exporter).content
    image = load_photos(samples.paths[:1], model.preprocess)
    engines = {"eager": _call_eager(model.network, image), "onnx": _call_onnx(content, image)}
    row: Row = {
        "backbone": backbone.name,
        "latency_failure": None,
        "latency_sha256": sha256_of_bytes(content),
        "threads": torch.get_num_threads(),
    }
    with torch.inference_mode():
        if arguments.compile:
            row |= _compile(model.network, image, engines)
        return row | _compare_times(take_turns(engines))


def _compile(network: torch.nn.Module, image: Tensor, engines: Engines) -> Row:
    """Add the compiled network to the engines, or say why it cannot be compiled."""
    began = time.perf_counter()
    compiled = _call_eager(torch.compile(network, dynamic=False), image)
    try:
        compiled()
    except RuntimeError as error:
        return {"compile_failure": str(error).strip().partition("\n")[0][:300]}
    engines["compiled"] = compiled
    return {"compile_failure": None, "compile_seconds": time.perf_counter() - began}


def _compare_times(times: dict[str, list[float]]) -> Row:
    row: Row = {f"{name}_ms": statistics.median(found) * 1e3 for name, found in times.items()}
    for name in times.keys() - {"eager"}:
        pairs = zip(times["eager"], times[name], strict=True)
        row[f"eager/{name}"] = statistics.median(eager / other for eager, other in pairs)
    return row


def _call_eager(network: torch.nn.Module, image: Tensor) -> Callable[[], object]:
    laid_out = image.to(memory_format=torch.channels_last)
    return lambda: network(laid_out)


def _call_onnx(content: bytes, image: Tensor) -> Callable[[], object]:
    # Imported here: `export` has switched its telemetry off by now.
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    pixels = image.numpy()
    return lambda: session.run(None, {INPUT: pixels})


def take_turns(engines: Engines) -> dict[str, list[float]]:
    """Call each engine in turn, after two rounds to warm up; the seconds of each call."""
    times: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(2):
        for call in engines.values():
            call()
    began = time.perf_counter()
    while len(times["eager"]) < LEAST_ROUNDS or time.perf_counter() - began < LEAST_SECONDS:
        for name, call in engines.items():
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    return times


def read_rows(path: Path) -> dict[str, Row]:
    """Read what was found so far; later lines add to earlier ones of the same network."""
    rows: dict[str, Row] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        found = json.loads(line)
        rows[found["backbone"]] = rows.get(found["backbone"], {}) | found
    return rows


def has_passed(row: Row) -> bool:
    """Tell whether a network's graph passed both levels."""
    return (row.get("L0"), row.get("L1")) == ("pass", "pass")


def is_due(row: Row, *, latency: bool, retry: bool) -> bool:
    """Tell whether a network still has to run."""
    failure = "latency_failure" if latency else "failure"
    done = "eager_ms" in row if latency else "L1" in row
    if latency and not has_passed(row):
        return False
    return not done and (retry or not row.get(failure))


def run_child(name: str, row: Row, arguments: argparse.Namespace) -> Row:
    """Run one network in a process of its own; what breaks it costs its row only."""
    words = [str(arguments.photos), "--images", str(arguments.images), "--child", name]
    if arguments.latency:
        words += ["--latency", "--exporter", row["exporter"]]
    words += [] if arguments.compile else ["--no-compile"]
    failure = "latency_failure" if arguments.latency else "failure"
    with TemporaryDirectory() as place:
        try:
            done = subprocess.run(
                [sys.executable, __file__, *words],
                capture_output=True,
                text=True,
                check=False,
                timeout=arguments.limit,
                env={**os.environ, "TMPDIR": place, "TORCHINDUCTOR_COMPILE_THREADS": "1"},
            )
        except subprocess.TimeoutExpired:
            return {"backbone": name, failure: f"not finished after {arguments.limit:.0f} s"}
    if done.returncode == 0:
        found: Row = json.loads(done.stdout.splitlines()[-1])
        return found
    last = (done.stderr.strip().splitlines() or ["no word of why"])[-1]
    return {"backbone": name, failure: f"exit {done.returncode}: {last[:500]}"}


def run_all(backbones: Sequence[Backbone], arguments: argparse.Namespace) -> None:
    """Run what is due, the quick ones first, and add a line for each."""
    for backbone in backbones:
        row = read_rows(arguments.rows).get(backbone.name, {})
        if not is_due(row, latency=arguments.latency, retry=arguments.retry):
            continue
        began = time.perf_counter()
        found = run_child(backbone.name, row, arguments)
        with arguments.rows.open("a") as file:
            file.write(json.dumps(found) + "\n")
        seconds = time.perf_counter() - began
        print(f"{seconds:6.0f} s  {backbone.name}", file=sys.stderr, flush=True)


def choose_backbones(names: Sequence[str]) -> list[Backbone]:
    """Choose from the registry, all by default, those first that take least time."""
    registry = built_in_registry()
    found = [registry.backbone(name) for name in names] or list(registry.backbones.values())
    return sorted(found, key=lambda b: (b.num_params * b.preprocess.size**2, b.name))


COLUMNS: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("backbone", lambda row: row["backbone"]),
    ("parameters, M", lambda row: f"{row['parameters'] / 1e6:.1f}"),
    ("pixels", lambda row: str(row["size"])),
    ("exporter", lambda row: write_exporter(row)),
    ("export, s", lambda row: f"{row['export_seconds']:.0f}"),
    ("nodes", lambda row: str(row["nodes"])),
    ("MB", lambda row: f"{row['bytes'] / 1e6:.1f}"),
    ("noise floor", lambda row: f"{row['noise_floor']:.1e}"),
    ("ONNX's error", lambda row: f"{row['max_abs_error_float64']:.1e}"),
    ("ratio", lambda row: f"{row['error_ratio']:.2f}"),
    ("of the bound", lambda row: f"{row['max_abs_error'] / row['bound']:.0%}"),
    ("spread", lambda row: f"{row['spread']:.1f}"),
    ("L0", lambda row: row["L0"]),
    ("L1", lambda row: row["L1"]),
)
LATENCIES: tuple[tuple[str, str], ...] = (
    *(("eager, ms", "eager_ms"), ("ONNX, ms", "onnx_ms"), ("compiled, ms", "compiled_ms")),
    *(("eager / ONNX", "eager/onnx"), ("eager / compiled", "eager/compiled")),
)


def write_exporter(row: Row) -> str:
    """Name the exporter that was used, and those that were tried in vain."""
    others = [f"{a['exporter']} {a['outcome']}" for a in row["attempts"] if a["outcome"] != "kept"]
    return f"{row['exporter']} ({', '.join(others)})" if others else row["exporter"]


def write_cells(row: Row) -> Iterator[str]:
    """Write a row's cells; what was not measured is left empty."""
    for _, write in COLUMNS:
        yield write(row) if "L1" in row else ""
    for title, key in LATENCIES:
        digits = 1 if "ms" in title else 2
        yield f"{row[key]:.{digits}f}" if key in row else ""


def print_table(rows: Sequence[Row]) -> None:
    """Print the table, then what it comes to, and what went wrong."""
    titles = [title for title, _ in (*COLUMNS, *LATENCIES)]
    print(f"| {' | '.join(titles)} |\n{'|---' * len(titles)}|")
    for row in rows:
        cells = [row["backbone"], *list(write_cells(row))[1:]]
        print(f"| {' | '.join(cells)} |")
    print()
    for line in (*sum_up(rows), *(text for row in rows for text in explain(row))):
        print(f"- {line}")


def sum_up(rows: Sequence[Row]) -> Iterator[str]:
    """Say what the rows come to, and on what machine."""
    passed = [row for row in rows if has_passed(row)]
    yield f"{len(passed)} of {len(rows)} networks pass L0 and L1"
    timed = [row for row in rows if "eager_ms" in row]
    same = [row for row in timed if row["latency_sha256"] == row["sha256"]]
    yield f"{len(same)} of the {len(timed)} that were exported again gave the same bytes"
    for key in ("error_ratio", "eager/onnx", "eager/compiled"):
        if found := [row[key] for row in rows if key in row]:
            middle, least, most = statistics.median(found), min(found), max(found)
            yield f"{key}: median {middle:.2f}, from {least:.2f} to {most:.2f}"
    threads = ", ".join(sorted({str(row["threads"]) for row in timed})) or "no"
    yield f"{platform.machine()} with {os.cpu_count()} cores; latencies with {threads} thread"
    from onnxruntime import __version__ as runtime

    versions = collect_versions() | {"onnxruntime": runtime}
    yield ", ".join(f"{name} {number}" for name, number in versions.items())


def explain(row: Row) -> Iterator[str]:
    """Say what went wrong with a network."""
    for key in ("failure", "latency_failure", "compile_failure"):
        if row.get(key):
            yield f"{row['backbone']}, {key.replace('_', ' ')}: {row[key]}"
    for attempt in row.get("attempts", ()):
        if attempt["reason"]:
            words = (row["backbone"], attempt["exporter"], attempt["outcome"])
            yield f"{' '.join(words)}: {attempt['reason']}"


def main() -> None:
    """Run what is due, and print one table; or, as a child, one network's row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--rows", type=Path, default=Path("every_backbone.jsonl"))
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--latency", action="store_true")
    parser.add_argument("--no-compile", dest="compile", action="store_false")
    parser.add_argument("--limit", type=float, default=3600.0)
    parser.add_argument("--retry", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--exporter", default="dynamo", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child is None:
        backbones = choose_backbones(arguments.only)
        run_all(backbones, arguments)
        rows = read_rows(arguments.rows)
        print_table([rows[b.name] for b in backbones if b.name in rows])
        return
    keep_freed_memory()
    backbone = built_in_registry().backbone(arguments.child)
    measure = time_engines if arguments.latency else examine
    with TemporaryDirectory() as place:
        print(json.dumps(measure(backbone, arguments, Path(place))))


if __name__ == "__main__":
    main()
