"""Softmax, log-softmax and their gradients in NumPy, in the dtype of their inputs."""

from __future__ import annotations

from typing import Any

import numpy as np


def softmax(x: Any) -> Any:
    with np.errstate(invalid="ignore"):
        e = np.exp(_shifted(x))
        return e / np.sum(e, axis=-1, keepdims=True)


def log_softmax(x: Any) -> Any:
    with np.errstate(invalid="ignore"):
        shifted = _shifted(x)
        return shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))


def softmax_grad(dy: Any, y: Any) -> Any:
    return y * (dy - np.sum(dy * y, axis=-1, keepdims=True))


def log_softmax_grad(dy: Any, y: Any) -> Any:
    return dy - np.exp(y) * np.sum(dy, axis=-1, keepdims=True)


def _shifted(x: Any) -> Any:
    return x - np.max(x, axis=-1, keepdims=True, initial=-np.inf)
