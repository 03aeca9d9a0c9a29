"""Fine-tune pretrained networks, and end with a model that is proved to be the trained one.

Importing this package imports no torch: each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.data.check import check_dataset
    from zoo.data.open import DataSettings, open_dataset
    from zoo.data.pixels import CacheSettings
    from zoo.errors import ZooError
    from zoo.evaluation import evaluate
    from zoo.model import load_model
    from zoo.prediction import predict
    from zoo.registry import load_registry
    from zoo.run import Run
    from zoo.training.finetune import finetune
    from zoo.training.plan import Settings
    from zoo.training.resume import resume

__all__ = [
    "CacheSettings",
    "DataSettings",
    "Run",
    "Settings",
    "ZooError",
    "check_dataset",
    "evaluate",
    "finetune",
    "load_model",
    "load_registry",
    "open_dataset",
    "predict",
    "resume",
]

_HOMES = {
    "CacheSettings": "zoo.data.pixels",
    "DataSettings": "zoo.data.open",
    "check_dataset": "zoo.data.check",
    "Run": "zoo.run",
    "Settings": "zoo.training.plan",
    "ZooError": "zoo.errors",
    "evaluate": "zoo.evaluation",
    "finetune": "zoo.training.finetune",
    "load_model": "zoo.model",
    "load_registry": "zoo.registry",
    "open_dataset": "zoo.data.open",
    "predict": "zoo.prediction",
    "resume": "zoo.training.resume",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
