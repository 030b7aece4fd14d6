"""Layer normalisation and its gradients in NumPy, in the dtype of their inputs."""

from __future__ import annotations

from typing import Any

import numpy as np


def layer_norm(x: Any, weight: Any, bias: Any, eps: float) -> Any:
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        mean, rstd, normal = _normalised(x, eps)
    y = normal if weight is None else normal * weight
    return y if bias is None else y + bias, mean[..., 0], rstd[..., 0]


def layer_norm_grad(dy: Any, x: Any, weight: Any, eps: float) -> Any:
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        _, rstd, normal = _normalised(x, eps)
        g = dy if weight is None else dy * weight
        dx = rstd * (g - _mean(g) - normal * _mean(g * normal))
    rows = tuple(range(x.ndim - 1))
    return dx, np.sum(dy * normal, axis=rows), np.sum(dy, axis=rows)


def _normalised(x: Any, eps: float) -> tuple[Any, Any, Any]:
    mean = _mean(x)
    centred = x - mean
    rstd = 1 / np.sqrt(_mean(centred * centred) + x.dtype.type(eps))
    return mean, rstd, centred * rstd


def _mean(x: Any) -> Any:
    return np.sum(x, axis=-1, keepdims=True) / x.dtype.type(x.shape[-1])
