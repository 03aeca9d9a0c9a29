"""What training took, and what was not measured."""

from __future__ import annotations

from collections.abc import Iterator

from zoo.card.facts import Facts
from zoo.card.figures import count, duration
from zoo.card.markdown import escape, table
from zoo.run import RunRecord


def hardware(facts: Facts) -> str:
    """Report device and time; energy only by saying that nobody measured it."""
    rows = [*_run_rows(facts.record)] if facts.record else []
    backbone = facts.config.backbone
    rows += [
        ("parameters of the network, with its original classifier", f"{backbone.num_params:,}"),
        (
            f"multiply-accumulates of the backbone, of one image of {backbone.preprocess.size} px",
            f"{backbone.macs / 1e9:.2f} × 10⁹",
        ),
    ]
    text = (
        "Energy and emissions were **not measured**; no estimate is given, since it would rest "
        "on a guess. What was recorded:"
    )
    return f"## Energy and hardware\n\n{text}\n\n{table(('', ''), rows)}"


def _run_rows(record: RunRecord) -> Iterator[tuple[str, str]]:
    where = "GPU (CUDA)" if record.device.startswith("cuda") else "CPU"
    if record.device_name:
        yield "processor", escape(record.device_name)
    threads = count(record.threads, "CPU thread")
    together = f"{record.processes} processes of {threads}" if record.processes > 1 else threads
    yield "trained on", f"{where}, {together}, {record.precision}"
    if record.timing:
        yield "training time", duration(record.timing.seconds)
        yield (
            "training images through the network",
            f"{record.timing.images_per_second:,.0f} a second",
        )
