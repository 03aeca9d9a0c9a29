"""A trained network as an ONNX graph: names, axes, opset, metadata, reproducible bytes."""

from __future__ import annotations

import copy
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import onnx_ir.passes.common as passes
import torch

from zoo.errors import ExportError
from zoo.model import TrainedModel, weights_sha256

INPUT, OUTPUT, BATCH = "pixel_values", "logits", "batch_size"
OPSET = 20
"""Default opset: the first with a native Gelu, and read by ONNX Runtime since 1.17."""

_TRACED_BATCH = 3
"""Not 1, which the exporter takes for a constant; and a size that no check uses again."""


def export_graph(model: TrainedModel, folder: Path, *, opset: int = OPSET) -> bytes:
    """Turn a model into the bytes of one self-contained ONNX file.

    The same model, opset and versions give the same bytes: what the exporter notes about
    source files and paths is removed.

    Args:
        model: The trained network.
        folder: The model folder it was read from; its weights' sha256 goes into the metadata.
        opset: Version of the operator set.

    Raises:
        ExportError: The exporter refuses the network.
    """
    network = copy.deepcopy(model.network).cpu().float().eval()
    size = model.preprocess.size
    example = torch.zeros(_TRACED_BATCH, 3, size, size)
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                network,
                (example,),
                dynamo=True,
                dynamic_shapes=({0: BATCH},),
                input_names=[INPUT],
                output_names=[OUTPUT],
                opset_version=opset,
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as cause:
        raise ExportError(
            f"torch {torch.__version__} cannot export {model.config.backbone.name}: "
            f"{str(cause).splitlines()[0]}",
            hint="try another --opset",
        ) from cause
    assert program is not None
    passes.ClearMetadataAndDocStringPass()(program.model)
    for value in program.model.graph.inputs:
        value.metadata_props.clear()
    with TemporaryDirectory() as place:
        path = Path(place, "model.onnx")
        program.save(path, external_data=False)
        proto = onnx.load(path)
    del proto.graph.value_info[:]
    onnx.helper.set_model_props(proto, describe(model, folder))
    content: bytes = proto.SerializeToString(deterministic=True)
    return content


def describe(model: TrainedModel, folder: Path) -> dict[str, str]:
    """Collect what an ONNX file says about itself, by documented key."""
    config = model.config
    facts: Mapping[str, object] = {
        "zoo.format": 1,
        "zoo.task": "image-classification",
        "zoo.labels": config.target.classes,
        "zoo.preprocess": {
            "channels": "RGB",
            "resize": config.preprocess.resize,
            "size": config.preprocess.size,
            "interpolation": config.preprocess.interpolation,
            "antialias": True,
            "mean": config.preprocess.mean,
            "std": config.preprocess.std,
        },
        "zoo.backbone": config.backbone.name,
        "zoo.weights_license": config.backbone.weights.license,
        "zoo.weights_sha256": weights_sha256(folder),
        "zoo.data_fingerprint": config.data_fingerprint,
        "zoo.version": config.zoo_version,
    }
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in sorted(facts.items())
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's notes about shared axis names and deprecations off the screen."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
