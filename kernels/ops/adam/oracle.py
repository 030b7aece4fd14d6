"""A step of Adam and of AdamW in NumPy, in the dtype of the parameters, which are updated in place."""

from __future__ import annotations

from typing import Any

import numpy as np

Nothing = tuple[()]  # all results are written into the arguments


def adam(param: Any, m: Any, v: Any, grad: Any, rates: Any, low: Any) -> Nothing:
    decay = param.dtype.type(rates[4])
    grad = grad.astype(param.dtype)
    return _step(param, m, v, grad + decay * param if decay else grad, rates, low)


def adamw(param: Any, m: Any, v: Any, grad: Any, rates: Any, low: Any) -> Nothing:
    param *= param.dtype.type(1 - rates[0] * rates[4])
    return _step(param, m, v, grad.astype(param.dtype), rates, low)


def _step(param: Any, m: Any, v: Any, g: Any, rates: Any, low: Any) -> Nothing:
    c = param.dtype.type
    lr, beta1, beta2, eps, _, left1, left2 = (float(each) for each in rates)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        m[...] = c(beta1) * m + c(1 - beta1) * g
        v[...] = c(beta2) * v + c(1 - beta2) * (g * g)
        param -= c(lr / left1) * (m / (np.sqrt(v) * c(1 / np.sqrt(left2)) + c(eps)))
    if low is not None:
        low[...] = param
    return ()
