"""What the files of a model folder are called; needs no torch."""

WEIGHTS = "model.safetensors"
PROCESSOR = "preprocessor_config.json"
"""Pixels, as transformers and transformers.js read them."""
CARD = "README.md"
GOLDEN = "golden.safetensors"
