// Classify pictures with transformers.js: node classify.mjs MODULES MODELS NAME OPTIONS PICTURE…
// MODULES is a node_modules folder; OPTIONS is JSON, what `pipeline` takes. Prints JSON.
import { createRequire } from "node:module";

const [modules, models, name, options, ...pictures] = process.argv.slice(2);
const { AutoConfig, RawImage, env, pipeline } = createRequire(`${modules}/-`)(
  "@huggingface/transformers",
);
env.localModelPath = models;
env.allowRemoteModels = false;

const config = await AutoConfig.from_pretrained(name);
config.model_type = "vit"; // the pipeline asks for a type of its own; the graph decides
const classify = await pipeline("image-classification", name, { config, ...JSON.parse(options) });
// Its only filter that smooths what it shrinks.
classify.processor.image_processor.resample = "lanczos";
const said = [];
for (const picture of pictures) {
  const { pixel_values } = await classify.processor(await RawImage.read(picture));
  said.push({
    answers: await classify(picture, { top_k: null }),
    shape: pixel_values.dims,
    pixels: Array.from(pixel_values.data),
  });
}
console.log(JSON.stringify(said));
