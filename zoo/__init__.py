"""Fine-tune pretrained networks, and end with a model that is proved to be the trained one.

Importing this package imports no torch: each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.backbones.find import find_backbone
    from zoo.data.check import check_dataset
    from zoo.data.dataset import Dataset, Samples
    from zoo.data.open import DataSettings, open_dataset
    from zoo.data.pixels import CacheSettings
    from zoo.errors import RecipeError, RunInterruptedError, ZooError
    from zoo.evaluation import evaluate
    from zoo.model import TrainedModel, load_model
    from zoo.prediction import Failure, Prediction, predict
    from zoo.progress import Progress
    from zoo.recipes import (
        AfterFrozen,
        Augment,
        DescendPhase,
        HeadRecipe,
        Lora,
        Recipe,
        SolvePhase,
        TopStages,
    )
    from zoo.registry import Backbone, Registry, load_registry
    from zoo.run import Run, RunRecord
    from zoo.training.finetune import finetune
    from zoo.training.plan import Settings
    from zoo.training.preview import preview_training
    from zoo.training.resume import resume

__all__ = [
    "AfterFrozen",
    "Augment",
    "Backbone",
    "CacheSettings",
    "DataSettings",
    "Dataset",
    "DescendPhase",
    "Failure",
    "HeadRecipe",
    "Lora",
    "Prediction",
    "Progress",
    "Recipe",
    "RecipeError",
    "Registry",
    "Run",
    "RunInterruptedError",
    "RunRecord",
    "Samples",
    "Settings",
    "SolvePhase",
    "TopStages",
    "TrainedModel",
    "ZooError",
    "check_dataset",
    "evaluate",
    "find_backbone",
    "finetune",
    "load_model",
    "load_registry",
    "open_dataset",
    "predict",
    "preview_training",
    "resume",
]

_HOMES = {
    "AfterFrozen": "zoo.recipes",
    "Augment": "zoo.recipes",
    "Backbone": "zoo.registry",
    "CacheSettings": "zoo.data.pixels",
    "DataSettings": "zoo.data.open",
    "Dataset": "zoo.data.dataset",
    "DescendPhase": "zoo.recipes",
    "Failure": "zoo.prediction",
    "HeadRecipe": "zoo.recipes",
    "Lora": "zoo.recipes",
    "Prediction": "zoo.prediction",
    "Progress": "zoo.progress",
    "Recipe": "zoo.recipes",
    "RecipeError": "zoo.errors",
    "Registry": "zoo.registry",
    "Run": "zoo.run",
    "RunInterruptedError": "zoo.errors",
    "RunRecord": "zoo.run",
    "Samples": "zoo.data.dataset",
    "Settings": "zoo.training.plan",
    "SolvePhase": "zoo.recipes",
    "TopStages": "zoo.recipes",
    "TrainedModel": "zoo.model",
    "ZooError": "zoo.errors",
    "check_dataset": "zoo.data.check",
    "evaluate": "zoo.evaluation",
    "find_backbone": "zoo.backbones.find",
    "finetune": "zoo.training.finetune",
    "load_model": "zoo.model",
    "load_registry": "zoo.registry",
    "open_dataset": "zoo.data.open",
    "predict": "zoo.prediction",
    "preview_training": "zoo.training.preview",
    "resume": "zoo.training.resume",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
