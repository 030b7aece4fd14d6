"""Root-mean-square normalisation and its gradients in NumPy, in the dtype of their inputs."""

from __future__ import annotations

from typing import Any

import numpy as np


def rms_norm(x: Any, weight: Any, eps: float) -> Any:
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        rstd = _rstd(x, eps)
        y = x * rstd
    return y if weight is None else y * weight, rstd[..., 0]


def rms_norm_grad(dy: Any, x: Any, weight: Any, eps: float) -> Any:
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        rstd = _rstd(x, eps)
        normal = x * rstd
        g = dy if weight is None else dy * weight
        dx = rstd * (g - normal * _mean(g * normal))
    return dx, np.sum(dy * normal, axis=tuple(range(x.ndim - 1)))


def _rstd(x: Any, eps: float) -> Any:
    return 1 / np.sqrt(_mean(x * x) + x.dtype.type(eps))


def _mean(x: Any) -> Any:
    return np.sum(x, axis=-1, keepdims=True) / x.dtype.type(x.shape[-1])
