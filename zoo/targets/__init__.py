"""What is to be learnt of a sample: how truths are written, scored, lowered and answered."""

from zoo.targets.calibration import (
    Calibration,
    doubt_temperature,
    fit_temperature,
    tune_thresholds,
)
from zoo.targets.class_metrics import ClassMetrics, ClassScore
from zoo.targets.classes import ClassAnswer, ClassTarget
from zoo.targets.joint import JointMetrics, Metrics, describe_scores, score_all
from zoo.targets.kinds import KINDS, Answer, Target, TargetMetrics
from zoo.targets.label_metrics import LabelScore, LabelsMetrics
from zoo.targets.labels import LabelsAnswer, LabelsTarget
from zoo.targets.losses import LOSSES, TargetLoss, is_known
from zoo.targets.scoring import Headline, say_figure
from zoo.targets.value_metrics import ValueMetrics, ValueScore
from zoo.targets.values import ValueAnswer, ValueTarget
from zoo.targets.weighting import UncertaintyWeights, balanced_class_weights

__all__ = [
    "KINDS",
    "LOSSES",
    "Answer",
    "Calibration",
    "ClassAnswer",
    "ClassMetrics",
    "ClassScore",
    "ClassTarget",
    "Headline",
    "JointMetrics",
    "LabelScore",
    "LabelsAnswer",
    "LabelsMetrics",
    "LabelsTarget",
    "Metrics",
    "Target",
    "TargetLoss",
    "TargetMetrics",
    "UncertaintyWeights",
    "ValueAnswer",
    "ValueMetrics",
    "ValueScore",
    "ValueTarget",
    "balanced_class_weights",
    "describe_scores",
    "doubt_temperature",
    "fit_temperature",
    "is_known",
    "say_figure",
    "score_all",
    "tune_thresholds",
]
