"""Training: `Model` with `fit`, callbacks, metrics and checkpoints that resume exactly."""

from framework.core.arguments import check_classes as _check_classes
from framework.train.callbacks import Averaging, Callback, Checkpoint, EarlyStopping, Progress
from framework.train.fit import Run
from framework.train.metrics import F1, Accuracy, MeanAbsoluteError, MeanSquaredError, Metric
from framework.train.model import Model

__all__ = [
    "F1",
    "Accuracy",
    "Averaging",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Model",
    "Progress",
    "Run",
]
_check_classes(globals(), set(__all__) - {"Run"})  # which `fit` makes
