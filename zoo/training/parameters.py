"""Which parameters are biases, which belong to normalisation layers, and which never decay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatch
from functools import cache
from typing import Literal

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

ParameterKind = Literal["all", "biases", "norms"]

_TORCHVISION_EMBEDDINGS = ("class_token", "pos_embedding", "relative_position_bias_table")
"""Parameters of more than one dimension that torchvision's training reference lets one spare
from weight decay (its `--transformer-embedding-decay`)."""


def select_parameters(
    body: nn.Module, parameters: Mapping[str, nn.Parameter], kind: ParameterKind
) -> dict[str, nn.Parameter]:
    """Keep the parameters of one kind: BitFit (arXiv:2106.10199), or norms (arXiv:2003.00152).

    Args:
        body: The network that they belong to.
        parameters: Candidates, such as those of a stage, under any names.
        kind: `all` keeps every one.
    """
    if kind == "all":
        return dict(parameters)
    wanted = bias_ids(body) if kind == "biases" else norm_ids(body)
    return {name: value for name, value in parameters.items() if id(value) in wanted}


def bias_ids(body: nn.Module) -> set[int]:
    """Collect the `id` of every bias, those of normalisation layers included.

    A bias is a vector that its module calls `bias` or `…_bias`, such as `in_proj_bias`; tables
    of relative positions are none.
    """
    return {
        id(parameter)
        for name, parameter in body.named_parameters()
        if parameter.ndim == 1 and name.rpartition(".")[2].endswith("bias")
    }


def norm_ids(body: nn.Module) -> set[int]:
    """Collect the `id` of every scale and shift of a normalisation layer, by the layer's type."""
    layers = (module for module in body.modules() if isinstance(module, _normalisations()))
    return {id(parameter) for layer in layers for parameter in layer.parameters(recurse=False)}


def undecayed_ids(body: nn.Module) -> set[int]:
    """Collect the `id` of every parameter that weight decay spares.

    These are vectors and scalars, normalisation layers, and the embeddings that the network's
    library names (timm's `no_weight_decay`, and torchvision's training reference).
    """
    method: Callable[[], set[str]] | None = getattr(body, "no_weight_decay", None)
    patterns = {*(method() if method else ()), *(f"*{name}" for name in _TORCHVISION_EMBEDDINGS)}
    return norm_ids(body) | {
        id(parameter)
        for name, parameter in body.named_parameters()
        if parameter.ndim <= 1 or any(fnmatch(name, pattern) for pattern in patterns)
    }


@cache
def _normalisations() -> tuple[type[nn.Module], ...]:
    """List the layers that normalise; what subclasses them counts as well."""
    from timm.layers import evo_norm, filter_response_norm, norm

    return (
        _NormBase,
        nn.GroupNorm,
        nn.LayerNorm,
        nn.RMSNorm,
        evo_norm.EvoNorm2dB0,
        evo_norm.EvoNorm2dB1,
        evo_norm.EvoNorm2dB2,
        evo_norm.EvoNorm2dS0,
        evo_norm.EvoNorm2dS1,
        evo_norm.EvoNorm2dS2,
        filter_response_norm.FilterResponseNormAct2d,
        filter_response_norm.FilterResponseNormTlu2d,
        norm.RmsNorm,
        norm.RmsNorm2d,
        norm.RmsNorm2dFp32,
        norm.RmsNormFp32,
        norm.SimpleNorm,
        norm.SimpleNorm2d,
        norm.SimpleNorm2dFp32,
        norm.SimpleNormFp32,
    )
