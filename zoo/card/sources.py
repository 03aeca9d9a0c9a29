"""The sources that a card shows, as templates of `string`; what a `$` names is put in its place.

A source for one kind of target is what all kinds have in common, and what is done with the answers.
"""

from __future__ import annotations

from collections.abc import Mapping

from zoo.recipes import TargetKind

ZOO = """
# zoo pull $repo --to $name
from pathlib import Path

import zoo

model = zoo.load_model(Path("$name"))
(prediction,) = zoo.predict(model, [Path("photo.jpg")])
print(prediction)
"""

TIMM = """
import timm
import torch
from PIL import Image, ImageOps

model = timm.create_model("hf-hub:$repo", pretrained=True).eval()
config = timm.data.resolve_model_data_config(model)
transform = timm.data.create_transform(**config, is_training=False)

image = ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGB")
with torch.inference_mode():
    outputs = model(transform(image)[None])[0]
names = model.pretrained_cfg["label_names"]
"""

TIMM_ANSWERS: Mapping[TargetKind, str] = {
    "class": """
probabilities = outputs.softmax(dim=0)
for at in probabilities.argsort(descending=True)[:5]:
    print(f"{probabilities[at]:.3f}  {names[at]}")
""",
    "labels": """
for name, probability in zip(names, outputs.sigmoid()):
    print(f"{probability:.3f}  {name}")
""",
    "value": """
for name, value in zip(names, outputs):
    print(f"{name}: {value:g}")
""",
}

TRANSFORMERS = """
from transformers import pipeline

classify = pipeline("image-classification", model="$repo")
print(classify("photo.jpg"$options))
"""

ONNX = """
import json

import numpy as np
import onnxruntime
from huggingface_hub import snapshot_download
from PIL import Image, ImageOps

folder = snapshot_download("$repo", allow_patterns="onnx/model.onnx*")
file = f"{folder}/onnx/model.onnx"
session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])

image = ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGB")
$resize
# Band by band in float32: an RGB image would be rounded to 8 bits.
bands = [band.convert("F").resize(shape, Image.Resampling.$filter) for band in image.split()]
pixels = np.stack(bands, axis=-1)
top, left = (round((side - $size) / 2) for side in pixels.shape[:2])
pixels = pixels[top : top + $size, left : left + $size] / 255
pixels = (pixels - $mean) / $std
pixels = pixels.transpose(2, 0, 1)[None].astype(np.float32)

targets = json.loads(session.get_modelmeta().custom_metadata_map["zoo.targets"])
outputs = session.run([target["output"] for target in targets], {"pixel_values": pixels})
"""

RESIZE = {
    "center": "shape = [int($resize * side / min(image.size)) for side in image.size]",
    "squash": "shape = [$resize, $resize]",
}

ONNX_ANSWERS: Mapping[TargetKind, str] = {
    "class": """
names, logits = targets[0]["classes"], outputs[0][0]
probabilities = np.exp(logits - logits.max())
probabilities /= probabilities.sum()
for at in probabilities.argsort()[::-1][:5]:
    print(f"{probabilities[at]:.3f}  {names[at]}")
""",
    "labels": """
target, logits = targets[0], outputs[0][0]
probabilities = 1 / (1 + np.exp(-logits))
thresholds = target["thresholds"] or [0.5] * len(logits)
for name, probability, threshold in zip(target["classes"], probabilities, thresholds):
    print(f"{probability:.3f}  {name}{'  <- given' if probability > threshold else ''}")
""",
    "value": """
for name, value in zip(targets[0]["columns"], outputs[0][0]):
    print(f"{name}: {value:g}")
""",
}

ONNX_SEVERAL = """
for target, output in zip(targets, outputs):
    # Logits of classes (softmax) and of labels (sigmoid); values in the data's own units.
    names = target.get("classes") or target["columns"]
    print(target["name"], target["kind"], dict(zip(names, output[0].tolist())))
"""

JS = """
import { AutoConfig, pipeline } from "@huggingface/transformers";

const id = "$repo";
const config = await AutoConfig.from_pretrained(id);
config.model_type = "vit"; // any that the pipeline knows: the ONNX file is the network
const classify = await pipeline("image-classification", id, { config, dtype: "fp32" });
classify.processor.image_processor.resample = "lanczos"; // in Node, only this one smooths
console.log(await classify("photo.jpg"));
"""

JS_TENSORS = """
import { AutoImageProcessor, PreTrainedModel, load_image } from "@huggingface/transformers";

const id = "$repo";
const model = await PreTrainedModel.from_pretrained(id, { dtype: "fp32" });
const processor = await AutoImageProcessor.from_pretrained(id);
processor.resample = "lanczos"; // in Node, only this one smooths
const { logits } = await model(await processor(await load_image("photo.jpg")));
const answers = $answers.tolist()[0];
answers.forEach((answer, at) => console.log(model.config.id2label[at], answer));
"""

JS_ANSWERS = {"labels": "logits.sigmoid()", "value": "logits"}
