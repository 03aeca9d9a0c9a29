"""Answer images with the model.onnx beside this file: python predict.py IMAGE|FOLDER ...

Prints a JSON object an image. Needs onnxruntime, numpy and pillow; labels, thresholds and
preprocessing are the model's own. What cannot be read is named on stderr, with exit code 1.
"""

import json
import os
import re
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # ONNX Runtime reads it when imported
import onnxruntime

IMAGE = re.compile(r"[^.].*\.(jpe|jpe?g|jfif|png|bmp|webp|tiff?|gif|p[bgnp]m|avif)", re.IGNORECASE)


def find(path: Path) -> list[Path]:
    """List the images in a folder; a file is itself."""
    return [p for p in sorted(path.rglob("*")) if IMAGE.fullmatch(p.name)] or [path]


def read(path: Path) -> Image.Image:
    """Decode into upright RGB: 16 bits scaled to 8, transparency over white."""
    with Image.open(path) as file:
        image = ImageOps.exif_transpose(file)
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image)
        if image.mode == "F" or values.min() < 0 or values.max() > 65_535:
            raise ValueError("32-bit pixels have no defined range")
        image = Image.fromarray(np.rint(values / 257).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def prepare(image: Image.Image, how: dict[str, Any]) -> np.ndarray:
    """Resize in float32, crop the centre, normalise: [1, 3, size, size]."""
    short, size = min(image.size), how["size"]
    sides = (short, short) if how["crop_mode"] == "squash" else image.size
    width, height = (how["resize"] * side // short for side in sides)
    left, top = round((width - size) / 2), round((height - size) / 2)
    kernel = Image.Resampling[how["interpolation"].upper()]
    planes = map(Image.fromarray, np.moveaxis(np.asarray(image, np.float32), 2, 0))
    resized = np.stack([np.asarray(p.resize((width, height), kernel)) for p in planes])
    mean, std = (np.array(how[key], np.float32)[:, None, None] for key in ("mean", "std"))
    pixels = resized[None, :, top : top + size, left : left + size]
    return (pixels / np.float32(255) - mean) / std


def answer(target: dict[str, Any], output: np.ndarray) -> dict[str, Any]:
    """Say what the outputs for one target mean."""
    if target["kind"] == "value":
        values = dict(zip(target["columns"], output.tolist(), strict=True))
        return {"values": values} if len(values) > 1 else {"value": output.tolist()[0]}
    names, logits = target["classes"], output.astype(np.float64)
    if target["kind"] == "class":
        scores = np.exp(logits - np.logaddexp.reduce(logits))
        top = [(names[at], float(scores[at])) for at in np.argsort(-scores, kind="stable")[:5]]
        return {"label": top[0][0], "score": top[0][1], "top": top}
    scores, cuts = np.exp(-np.logaddexp(0, -logits)), target["thresholds"] or 0.5
    given = [names[at] for at in np.argsort(-scores, kind="stable") if (scores > cuts)[at]]
    return {"labels": given, "scores": dict(zip(names, scores.tolist(), strict=True))}


def main(arguments: list[str]) -> int:
    """Answer all images; 1 if one cannot be read."""
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    model, failed = Path(__file__).with_name("model.onnx"), 0
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    facts = session.get_modelmeta().custom_metadata_map
    targets, how = (json.loads(facts[key]) for key in ("zoo.targets", "zoo.preprocess"))
    for path in (path for argument in arguments for path in find(Path(argument))):
        try:
            pixels = prepare(read(path), how)
        except Exception as problem:  # noqa: BLE001 - Pillow's have no common base
            sys.stderr.write(f"{path}: {problem}\n")
            failed = 1
            continue
        outputs = session.run([target["output"] for target in targets], {"pixel_values": pixels})
        answers = {t["name"]: answer(t, out[0]) for t, out in zip(targets, outputs, strict=True)}
        said = answers if len(answers) > 1 else next(iter(answers.values()))
        sys.stdout.write(json.dumps({"file": str(path), **said}) + "\n")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) if sys.argv[1:] else __doc__)
