"""Linear heads on cached features, solved to convergence at a strength chosen by held-out loss."""

from zoo.training.probe.classes import fit_class_probe
from zoo.training.probe.labels import fit_labels_probe
from zoo.training.probe.result import Probe
from zoo.training.probe.values import fit_value_probe

__all__ = ["Probe", "fit_class_probe", "fit_labels_probe", "fit_value_probe"]
