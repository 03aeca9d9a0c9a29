"""Whether timm has a model's network and head, under which name, and if not, why."""

from __future__ import annotations

from torch import nn

from zoo.backbones.measure import build_on_meta
from zoo.backbones.tensor_names.counterparts import TORCHVISION_IN_TIMM, Counterpart
from zoo.backbones.tensor_names.file import is_renamed
from zoo.model import ModelConfig


def find_counterpart(config: ModelConfig) -> Counterpart | str:
    """Find timm's network for a model, or the reason why there is none."""
    found = _find_network(config)
    if isinstance(found, str):
        return found
    return _obstacle_in_head(config, found) or found


def _find_network(config: ModelConfig) -> Counterpart | str:
    backbone, size = config.backbone, config.preprocess.size
    if backbone.builder == "timm":
        return Counterpart(architecture=backbone.architecture)
    if backbone.builder != "torchvision":
        return f"its network is built by {backbone.builder}, which timm knows nothing of"
    found = TORCHVISION_IN_TIMM.get(backbone.architecture)
    if found is None:
        return f"timm has no network that computes what torchvision's {backbone.architecture} does"
    if found.sizes is not None and size not in found.sizes:
        return f"timm's {found.architecture} takes images of {size} px otherwise than torchvision's"
    if is_renamed(backbone) and config.tensor_names == "library":
        return "its tensors have torchvision's names: an earlier zoo wrote the file"
    return found


def _obstacle_in_head(config: ModelConfig, found: Counterpart) -> str | None:
    """Say what keeps timm's own classifier from standing for the head."""
    if len(config.targets) > 1:
        return f"it answers {len(config.targets)} targets, and a network of timm's has one head"
    if config.head.features != "pooled":
        return "its head reads the feature map before it is pooled"
    if count := len(config.head.hidden):
        return f"its head has {count} hidden layer{'s' * (count > 1)}, and timm's has none"
    if config.backbone.builder == "timm" and not _ends_in_linear(config):
        return f"the last layer of timm's {found.architecture} is no linear one"
    return None


def _ends_in_linear(config: ModelConfig) -> bool:
    backbone, (target,) = config.backbone, config.targets
    network = build_on_meta("timm", backbone.architecture, target.num_outputs)
    return isinstance(network.get_submodule(backbone.classifier), nn.Linear)
