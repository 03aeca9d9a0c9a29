"""What an export leaves in a model folder: a graph under its name, and whatever goes with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from export.files import (
    FAILED_FILE,
    FAILED_REPORT_FILE,
    ONNX_FILE,
    PRECISION_FILES,
    RAW_FILE,
    REPORT_FILE,
)
from export.golden_file import GOLDEN_FILE
from export.graph import Graph, remove_graph, write_graph
from export.hostile import remember
from export.onnx_file import OnnxFile
from export.weights_beside import WEIGHTS_SUFFIX
from zoo.errors import RunError, StorageError
from zoo.manifest import update_manifest
from zoo.storage import remove_unfinished, write_bytes

_TURN = ".export.turn"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Let one export at a time write into a folder, and clear away what a killed one left.

    Raises:
        RunError: Another export writes into it at this moment.
        StorageError: The folder cannot be written to.
    """
    turn = FileLock(folder / _TURN)
    try:
        turn.acquire(timeout=0)
    except Timeout as cause:
        raise RunError(
            f"another export writes into {folder}", hint="wait for it, or copy the model folder"
        ) from cause
    except OSError as cause:
        raise StorageError(folder / ONNX_FILE, cause) from cause
    try:
        remove_unfinished(folder)
        yield
    finally:
        # The lock's file is not removed here: whoever took the turn since would lose it.
        turn.release()


@contextmanager
def staged(graph: Graph, folder: Path) -> Iterator[OnnxFile]:
    """Give a graph to a verification: on disk, beside its weights, only if it has to be."""
    if graph.weights is None:
        remember(graph.content)
        yield OnnxFile(name=ONNX_FILE.name, content=graph.content)
        return
    place = folder / f".onnx.{uuid4().hex}.part"
    place.mkdir()
    try:
        path = place / ONNX_FILE.name
        write_graph(graph, path)
        yield OnnxFile(name=path.name, content=path.read_bytes(), path=path)
    finally:
        remove_graph(place / ONNX_FILE.name)
        place.rmdir()


def keep(folder: Path, graph: Graph, raw: OnnxFile | None) -> tuple[str, ...]:
    """Give a graph the model's name, and remove what was made of an earlier one.

    Until its report is written nothing proves it.

    Returns:
        The graphs that were removed and have no successor.
    """
    made = (RAW_FILE, *PRECISION_FILES.values())
    removed = [file.name for file in made if (folder / file).exists()]
    for file in (REPORT_FILE, *made):
        (folder / file).unlink(missing_ok=True)
    write_graph(graph, folder / ONNX_FILE)
    if raw is not None:
        write_bytes(folder / RAW_FILE, raw.content)
    remove_graph(folder / FAILED_FILE)
    (folder / FAILED_REPORT_FILE).unlink(missing_ok=True)
    record(folder)
    return tuple(name for name in removed if raw is None or name != raw.name)


def set_aside(folder: Path, graph: Graph) -> OnnxFile:
    """Keep a graph that failed under another name; an earlier one that passed stays."""
    path = folder / FAILED_FILE
    write_graph(graph, path)
    record(folder)
    beside = None if graph.weights is None else path
    return OnnxFile(name=path.name, content=path.read_bytes(), path=beside)


def record(folder: Path) -> None:
    """Bring the manifest to all that an export writes or removes."""
    graphs = [file.as_posix() for file in (ONNX_FILE, FAILED_FILE)]
    beside = [f"{name}{WEIGHTS_SUFFIX}" for name in graphs]
    files = (RAW_FILE, *PRECISION_FILES.values(), REPORT_FILE, FAILED_REPORT_FILE, GOLDEN_FILE)
    update_manifest(folder, [*graphs, *beside, *(file.as_posix() for file in files)])
