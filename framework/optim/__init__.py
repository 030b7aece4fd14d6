"""Optimisers, learning-rate schedules, and what is done to gradients and parameters around a step."""

from framework.core.arguments import check_classes as _check_classes
from framework.ops.contracts import finish as _finish
from framework.optim import contracts as _contracts
from framework.optim.gradients import (
    ExponentialMovingAverage,
    GradientAccumulation,
    clip_by_global_norm,
    clip_by_value,
    global_norm,
)
from framework.optim.optimizer import Optimizer
from framework.optim.rules import LAMB, SGD, Adafactor, Adam, AdamW, Lion
from framework.optim.schedules import (
    CosineDecayLR,
    ExponentialDecayLR,
    PiecewiseConstantLR,
    PolynomialDecayLR,
    WarmUpLR,
)

__all__ = [
    "LAMB",
    "SGD",
    "Adafactor",
    "Adam",
    "AdamW",
    "CosineDecayLR",
    "ExponentialDecayLR",
    "ExponentialMovingAverage",
    "GradientAccumulation",
    "Lion",
    "Optimizer",
    "PiecewiseConstantLR",
    "PolynomialDecayLR",
    "WarmUpLR",
    "clip_by_global_norm",
    "clip_by_value",
    "global_norm",
]
_finish(globals(), _contracts.OPTIMISERS)
_check_classes(globals(), __all__)
