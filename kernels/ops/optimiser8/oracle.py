"""8-bit optimisers in NumPy, in the dtype given; codes and 16-bit storage are computed in float32."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kernels.ops.blockwise.oracle import dequantize_blockwise, quantize_blockwise

BLOCK = 256


def _decode(codes: Any, absmax: Any, values: Any) -> Any:
    return dequantize_blockwise(codes, absmax, values, BLOCK)


def _rates(about: Any) -> list[float]:
    return [float(each) for each in about]


def _wide(array: Any) -> Any:
    return array.astype(np.float32) if array.dtype.itemsize == 2 else array


def _encode(x: Any, codes: Any, absmax: Any, values: Any) -> None:
    codes[...], absmax[...] = quantize_blockwise(x, values, BLOCK)


def adamw_8bit(
    p: Any,
    g: Any,
    codes1: Any,
    absmax1: Any,
    values1: Any,
    codes2: Any,
    absmax2: Any,
    values2: Any,
    about: Any,
) -> tuple[()]:
    step, lr, beta1, beta2, eps, weight_decay, gnorm_scale, _, _ = _rates(about)
    bias = math.sqrt(1 - beta2**step)
    with np.errstate(invalid="ignore", over="ignore"):
        grad = _wide(g) * gnorm_scale
        finite = np.isfinite(grad)
        m = np.where(finite, beta1 * _decode(codes1, absmax1, values1) + (1 - beta1) * grad, 0)
        v = np.where(finite, beta2 * _decode(codes2, absmax2, values2) + (1 - beta2) * grad * grad, 0)
        rate = lr * bias / (1 - beta1**step)
        p[...] = np.where(
            finite, _wide(p) * (1 - lr * weight_decay) - rate * m / (np.sqrt(v) + eps * bias), p
        )
    _encode(m, codes1, absmax1, values1)
    _encode(v, codes2, absmax2, values2)
    return ()


def ademamix_8bit(
    p: Any,
    g: Any,
    codes1: Any,
    absmax1: Any,
    codes3: Any,
    absmax3: Any,
    values1: Any,
    codes2: Any,
    absmax2: Any,
    values2: Any,
    about: Any,
) -> tuple[()]:
    step, lr, beta1, beta2, eps, weight_decay, gnorm_scale, beta3, alpha = _rates(about)
    grad = _wide(g) * gnorm_scale
    fast = beta1 * _decode(codes1, absmax1, values1) + (1 - beta1) * grad
    slow = beta3 * _decode(codes3, absmax3, values1) + (1 - beta3) * grad
    v = beta2 * _decode(codes2, absmax2, values2) + (1 - beta2) * grad * grad
    update = (fast / (1 - beta1**step) + alpha * slow) / (np.sqrt(v) / math.sqrt(1 - beta2**step) + eps)
    p[...] = _wide(p) * (1 - lr * weight_decay) - lr * update
    _encode(fast, codes1, absmax1, values1)
    _encode(slow, codes3, absmax3, values1)
    _encode(v, codes2, absmax2, values2)
    return ()


def momentum_8bit(p: Any, g: Any, codes: Any, absmax: Any, values: Any, about: Any) -> tuple[()]:
    step, lr, beta1, _, _, weight_decay, gnorm_scale, _, _ = _rates(about)
    grad = _wide(g) * gnorm_scale + weight_decay * _wide(p)
    m = grad if step == 1 else beta1 * _decode(codes, absmax, values) + grad
    p[...] = _wide(p) - lr * m
    _encode(m, codes, absmax, values)
    return ()


def lion_8bit(p: Any, g: Any, codes: Any, absmax: Any, values: Any, about: Any) -> tuple[()]:
    _, lr, beta1, beta2, _, weight_decay, gnorm_scale, _, _ = _rates(about)
    grad, m = _wide(g) * gnorm_scale, _decode(codes, absmax, values)
    p[...] = _wide(p) * (1 - lr * weight_decay) - lr * np.sign(beta1 * m + (1 - beta1) * grad)
    _encode(beta2 * m + (1 - beta2) * grad, codes, absmax, values)
    return ()


def rmsprop_8bit(p: Any, g: Any, codes: Any, absmax: Any, values: Any, about: Any) -> tuple[()]:
    _, lr, beta1, _, eps, weight_decay, gnorm_scale, _, _ = _rates(about)
    grad = _wide(g) * gnorm_scale + weight_decay * _wide(p)
    s = beta1 * _decode(codes, absmax, values) + (1 - beta1) * grad * grad
    p[...] = _wide(p) - lr * grad / (np.sqrt(s) + eps)
    _encode(s, codes, absmax, values)
    return ()


def adagrad_8bit(p: Any, g: Any, codes: Any, absmax: Any, values: Any, about: Any) -> tuple[()]:
    _, lr, _, _, eps, weight_decay, gnorm_scale, _, _ = _rates(about)
    grad = _wide(g) * gnorm_scale + weight_decay * _wide(p)
    s = _decode(codes, absmax, values) + grad * grad
    p[...] = _wide(p) - lr * grad / (np.sqrt(s) + eps)
    _encode(s, codes, absmax, values)
    return ()
