"""Networks of torchvision at the smallest size that tells, with numbers that no other has."""

import torch
from torch import nn

from zoo.backbones.tensor_names.counterparts import TORCHVISION_IN_TIMM

SMALLEST = {
    "inception_v3": 96,
    **dict.fromkeys(("vit_b_16", "vit_b_32", "vit_h_14", "vit_l_16", "vit_l_32"), 224),
}
"""Where 64 px are too few, and the table does not say so."""


def smallest(name: str) -> int:
    """The smallest size at which both are one, from 64 px on."""
    sizes = TORCHVISION_IN_TIMM[name].sizes
    return SMALLEST.get(name, 64 if sizes is None else max(64, sizes.start))


def shake(network: nn.Module) -> None:
    """Give tensors numbers that a network which forgot or mixed them up would not have.

    Variances are small enough for their epsilon to tell, and weights for a layer not to make
    more of its input than it is: 152 of them would overflow.
    """
    torch.manual_seed(0)
    for name, tensor in network.named_parameters():
        if tensor.ndim == 1 or name.endswith(("bias_table", "class_token", "layer_scale")):
            nn.init.normal_(tensor, 0, 0.3)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.running_mean, module.bias):
                nn.init.normal_(tensor, 0, 0.1)
            nn.init.uniform_(module.running_var, 0.01, 1.0)
            nn.init.uniform_(module.weight, 0.2, 0.7)
