// Loaded before a script: transformers.js asks HF_ENDPOINT, which it does not read by itself.
import { env } from "@huggingface/transformers";

env.remoteHost = `${process.env.HF_ENDPOINT}/`;
env.cacheDir = `${process.env.HF_HOME}/transformers.js`;
