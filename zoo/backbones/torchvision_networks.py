"""torchvision's networks; torchvision is imported to build the first."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import torch.nn.functional as F
from torch import fx, nn

from zoo.backbones.maps import FeatureMap

_WITHOUT_SIDE_OUTPUTS = {"aux_logits": False, "init_weights": False}
_OPTIONS: Mapping[str, Mapping[str, bool]] = {
    "googlenet": _WITHOUT_SIDE_OUTPUTS,
    "inception_v3": _WITHOUT_SIDE_OUTPUTS,
}
"""What an architecture needs beyond its name."""


def build(architecture: str, num_classes: int) -> nn.Module:
    """Build a network with random weights.

    Args:
        architecture: What `torchvision.models.list_models` calls it.
        num_classes: Outputs of its classifier.
    """
    from torchvision.models import get_model

    network: nn.Module = get_model(
        architecture, weights=None, num_classes=num_classes, **_OPTIONS.get(architecture, {})
    )
    return network


def feature_map(network: nn.Module) -> FeatureMap:
    """Find the way to the last feature map: up to where anything is pooled to a fixed size.

    Raises:
        ValueError: Nothing is.
    """
    with warnings.catch_warnings():
        # fx tells of everything that it does not trace alike in both modes.
        warnings.simplefilter("ignore")
        traced = fx.GraphModule(network, _Tracer().trace(network))
    pools = [node for node in traced.graph.nodes if _is_pooling(node, network)]
    if not pools:
        raise ValueError("nothing in it pools one")
    (output,) = (node for node in traced.graph.nodes if node.op == "output")
    output.args = (pools[-1].args[0],)
    traced.graph.eliminate_dead_code()
    traced.recompile()
    traced.delete_all_unused_submodules()
    return FeatureMap(traced, traced.forward)


class _Tracer(fx.Tracer):
    """Keeps what behaves otherwise in training whole; fx would write one mode down.

    What is computed from buffers is part of the graph: as constants, they would stay on the
    device that they were traced on.
    """

    proxy_buffer_attributes = True

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        """Tell whether a module is one node of the graph."""
        from torchvision.ops import StochasticDepth

        return isinstance(module, StochasticDepth) or super().is_leaf_module(module, name)


def _is_pooling(node: fx.Node, network: nn.Module) -> bool:
    """Tell whether a node gathers a whole map into a few cells, or into none."""
    if node.op == "call_module":
        return isinstance(network.get_submodule(str(node.target)), nn.AdaptiveAvgPool2d)
    return node.target in (F.adaptive_avg_pool2d, "mean")
