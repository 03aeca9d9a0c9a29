"""Tensors of transformers' classifiers under timm's names."""

import torch

from zoo.backbones.tensor_names.transformers import to_timm

LAYER = "vit.encoder.layer.0.attention.attention"


def attention(**dtypes: torch.dtype) -> dict[str, torch.Tensor]:
    return {
        f"{LAYER}.{part}.weight": torch.ones(4, 4, dtype=dtypes.get(part, torch.float32))
        for part in ("query", "key", "value")
    }


def test_queries_keys_and_values_become_one_tensor():
    found = to_timm(attention(), "hf-hub:org/x")
    assert {name: value.shape for name, value in found.items()} == {
        "blocks.0.attn.qkv.weight": (12, 4)
    }


def test_those_of_different_kinds_are_not_made_alike():
    found = to_timm(attention(key=torch.int8), "hf-hub:org/x")
    assert found["blocks.0.attn.key.weight"].dtype == torch.int8
    assert len(found) == 3
