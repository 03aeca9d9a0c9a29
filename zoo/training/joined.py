"""Network and loss as one module, which all processes train together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from zoo.backbones.network import Network
from zoo.data.dataset import Samples
from zoo.inputs.transfer import send
from zoo.targets import is_known
from zoo.training.compiling import Compiled
from zoo.training.context import Training
from zoo.training.objective import Objective
from zoo.training.plan import Plan
from zoo.training.sharding import shard_loss


class Trained(nn.Module):
    """Images to the loss of a step."""

    def __init__(self, network: nn.Module, objective: Objective, autocast: Any) -> None:
        super().__init__()
        self.network = network
        self.objective = objective
        self._autocast = autocast

    def forward(self, pixels: Tensor, *rows: Any, **mixing: Any) -> Tensor:
        """Compute the loss of some rows; see `Objective.forward`."""
        with self._autocast():
            outputs = self.network(pixels)
        loss: Tensor = self.objective(outputs, *rows, **mixing)
        return loss


def join(training: Training, objective: Objective, usual_size: Callable[[], int]) -> nn.Module:
    """Make one module of network and loss, whose gradients are means over all processes.

    On GPUs a batch's statistics are those of all processes' images (SyncBatchNorm). The CPU has
    no such thing: there each process normalises its own images, and the first one's running
    statistics are kept. A network that is to be sharded is so from here on.

    Args:
        training: Has the network, and names its processes.
        objective: Judges its outputs.
        usual_size: Tells how many images most batches have; they are worth compiling for.
    """
    plan, processes = training.plan, training.processes
    if processes.count > 1 and plan.device.type == "cuda":
        training.network.body = synchronise_batch_norm(training.network.body)
    if plan.sharded:
        mesh = processes.mesh()
        training.spread_over(mesh)
        shard_loss(objective, mesh)
    network = training.network
    forward = Compiled(network, usual_size) if plan.compile else network
    trained = Trained(forward, objective, processes.accelerator.autocast)
    if processes.count == 1 or plan.sharded:
        return trained
    network.eval()
    rests = may_rest(objective, plan.dataset.train) or has_idle_parameters(network, plan)
    module = processes.join(trained, leaves_some_out=rests)
    _rehearse(module, objective, plan)
    return module


def synchronise_batch_norm(body: nn.Module) -> nn.Module:
    """Let BatchNorm layers that train see the images of all processes; no tensor is renamed."""
    from timm.layers.norm_act import convert_sync_batchnorm  # knows timm's own layers too

    synchronised: nn.Module = convert_sync_batchnorm(body)  # type: ignore[no-untyped-call]
    return synchronised


def may_rest(objective: Objective, train: Samples) -> bool:
    """Tell whether a step may know nothing of a target, whose head and weight then rest."""
    missing = any(not is_known(torch.from_numpy(truth)).all() for truth in train.truths.values())
    return objective.weights is not None and missing


def has_idle_parameters(network: Network, plan: Plan) -> bool:
    """Tell whether some of what trains has no part in the outputs.

    Args:
        network: In evaluation mode, which one image suffices for.
        plan: Names the size of the image.
    """
    trained = [value for value in network.parameters() if value.requires_grad]
    outputs = [output.sum() for output in network(_nothing(plan)).values()]
    gradients = torch.autograd.grad(outputs, trained, allow_unused=True)
    return any(gradient is None for gradient in gradients)


def _rehearse(module: nn.Module, objective: Objective, plan: Plan) -> None:
    """Let the exchange of gradients find the order that it keeps, before the first step.

    It does so after one backward pass. More than two processes add in another order from then
    on, and a resumed run would begin to do so at another step.
    """
    truths = {
        name: torch.from_numpy(truth[:1]) for name, truth in plan.dataset.train.truths.items()
    }
    divisors = objective.count(truths, plan.device)
    there = {name: send(truth, plan.device) for name, truth in truths.items()}
    loss = module(_nothing(plan), there, divisors)
    (loss * 0).backward()
    for parameter in module.parameters():
        parameter.grad = None


def _nothing(plan: Plan) -> Tensor:
    """Make one black image, [1, 3, size, size]."""
    size = plan.train_preprocess.size
    return torch.zeros(1, 3, size, size, device=plan.device)
