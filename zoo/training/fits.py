"""Whether a recipe fits the data and the network, asked before anything is written."""

from __future__ import annotations

from collections.abc import Collection

import torch

from zoo.backbones.network import Network, trained_stages
from zoo.backbones.statistics import follows_inputs
from zoo.data.dataset import Dataset
from zoo.errors import RecipeError
from zoo.recipes import DescendPhase, Recipe
from zoo.targets import LOSSES, ClassTarget
from zoo.training.lora import require_linear
from zoo.training.objective import build_objective
from zoo.training.optimizers import build_optimizer


def require_fit_to_data(recipe: Recipe, dataset: Dataset, asked: Collection[str] = ()) -> None:
    """Refuse what means nothing for what is to be learnt.

    Args:
        recipe: With the user's changes.
        dataset: What is to be learnt, and from what.
        asked: Fields that the user changed. A recipe of the registry serves many data sets and
            may name losses for kinds of target that this one does not have.

    Raises:
        RecipeError: A loss, a weight or the sampling is for targets that are not there, or a loss
            does not fit the kind of its target.
    """
    targets = dataset.targets
    build_objective(recipe, targets, dataset.train)
    names, kinds = [target.name for target in targets], {target.kind for target in targets}
    have = f"the data has {', '.join(f'{t.name} ({t.kind})' for t in targets)}"
    if unknown := sorted(set(recipe.target_weights) - set(names)):
        raise RecipeError(f"no target is called {', '.join(unknown)} to weigh", hint=have)
    if recipe.target_weights and not any(recipe.target_weights.get(name, 1.0) for name in names):
        raise RecipeError("every target weighs 0; there is nothing to learn", hint=have)
    used = {recipe.losses[kind] for kind in kinds if kind in recipe.losses}
    if "losses" in asked and (idle := sorted(set(recipe.losses.values()) - used)):
        fitting = sorted({name for kind in kinds for name in LOSSES[kind]})
        raise RecipeError(
            f"no target is of a kind that the loss {', '.join(idle)} is for",
            hint=f"{have}; choose among {', '.join(fitting)}",
        )
    if "weighting" in asked and recipe.weighting == "uncertainty" and len(targets) == 1:
        raise RecipeError("one target alone has nothing to be weighed against", hint=have)
    if recipe.sampling == "balanced" and not any(isinstance(t, ClassTarget) for t in targets):
        raise RecipeError("there are no classes to draw equally often", hint=have)


def require_fit_to_network(recipe: Recipe, network: Network) -> None:
    """Refuse what has nothing to train in a network, as it was built.

    Raises:
        RecipeError: A phase names no optimiser that there is, stages that the network lacks,
            or parameters or linear layers that these stages lack.
    """
    for phase in recipe.phases:
        if isinstance(phase, DescendPhase):
            trained = trained_stages(phase, network.backbone)
            if phase.lora is not None:
                stages = network.backbone.stages
                paths = [path for stage in stages if stage in trained for path in stages[stage]]
                require_linear(network.body, paths)
            build_optimizer(network, phase, trained)


def require_images_for_all(
    recipe: Recipe, network: Network, *, count: int, processes: int, device: torch.device
) -> None:
    """Refuse steps that would count an image twice where all processes share batch statistics.

    A process without an image of its own goes along on another's, which its loss does not count
    but SyncBatchNorm does.

    Args:
        recipe: With the user's changes.
        network: As it was built.
        count: Training images.
        processes: How many train together.
        device: Where; on the CPU each has statistics of its own, and the first, which are kept,
            always has images.

    Raises:
        RecipeError: There are such steps.
    """
    adapts = any(
        isinstance(phase, DescendPhase) and phase.train != "head" and phase.batch_norm == "adapt"
        for phase in recipe.phases
    )
    shared = processes > 1 and device.type == "cuda" and any(map(follows_inputs, network.modules()))
    if not (adapts and shared):
        return
    size = min(recipe.batch_size * recipe.accumulate * processes, count)
    last = count % size if recipe.last_batch == "keep" else 0
    for images in (size, last):
        most, least = -(-images // processes), images // processes
        if -(-most // recipe.batch_size) > -(-least // recipe.batch_size):
            raise RecipeError(
                f"of a step of {images} images, some of {processes} processes have none in a "
                "batch, and their batch statistics would be those of others counted twice",
                hint="--batch-norm frozen, --set last_batch=drop, or another --batch-size",
            )
