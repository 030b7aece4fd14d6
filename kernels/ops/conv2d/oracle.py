"""Convolution and its gradients in NumPy, in the dtype of the input: a tap of the filters at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

Taps = Iterator[tuple[int, int, tuple[slice, slice]]]


def conv2d(x: Any, weight: Any, bias: Any, *attributes: int) -> Any:
    groups = attributes[-1]
    oh, ow = _size(x, weight, attributes)
    y = np.zeros((groups, len(weight) // groups, len(x), oh * ow), x.dtype)
    padded, filters = _by_group(_padded(x, attributes), groups), _split(weight, groups)
    for r, s, (rows, columns) in _taps(weight, attributes, oh, ow):
        pixels = padded[..., rows, columns]
        pixels = pixels.reshape(*pixels.shape[:3], oh * ow)
        for c in range(pixels.shape[1]):
            y += filters[:, :, c, r, s][:, :, None, None] * pixels[:, c][:, None]
    if bias is not None:
        y += bias.reshape(groups, len(weight) // groups, 1, 1)
    return _from_group(y.reshape(*y.shape[:3], oh, ow))


def conv2d_grad(x: Any, weight: Any, dy: Any, *attributes: int) -> tuple[Any, Any, Any]:
    pad_h, pad_w, groups = attributes[2], attributes[3], attributes[-1]
    oh, ow = dy.shape[-2:]
    padded, filters, gradient = (
        _by_group(_padded(x, attributes), groups),
        _split(weight, groups),
        _by_group(dy, groups),
    )
    dx, dw = np.zeros_like(padded), np.zeros_like(filters)
    for r, s, (rows, columns) in _taps(weight, attributes, oh, ow):
        for c in range(padded.shape[1]):
            taken = padded[:, c][:, None, :, rows, columns]
            dw[:, :, c, r, s] = np.sum(gradient * taken, axis=(2, 3, 4))
            dx[:, c, :, rows, columns] += np.sum(
                filters[:, :, c, r, s][..., None, None, None] * gradient, axis=1
            )
    h, w = x.shape[-2:]
    return (
        _from_group(dx)[:, :, pad_h : pad_h + h, pad_w : pad_w + w],
        dw.reshape(weight.shape),
        np.sum(dy, axis=(0, 2, 3)),
    )


def _size(x: Any, weight: Any, attributes: Any) -> tuple[int, int]:
    stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, _ = attributes
    (h, w), (r, s) = x.shape[-2:], weight.shape[-2:]
    return (
        (h + 2 * pad_h - dilation_h * (r - 1) - 1) // stride_h + 1,
        (w + 2 * pad_w - dilation_w * (s - 1) - 1) // stride_w + 1,
    )


def _taps(weight: Any, attributes: Any, oh: int, ow: int) -> Taps:
    """Each place of a filter, and what of the padded image it meets."""
    stride_h, stride_w, _, _, dilation_h, dilation_w, _ = attributes
    for r in range(weight.shape[-2]):
        for s in range(weight.shape[-1]):
            top, left = r * dilation_h, s * dilation_w
            rows = slice(top, top + (oh - 1) * stride_h + 1, stride_h)
            yield r, s, (rows, slice(left, left + (ow - 1) * stride_w + 1, stride_w))


def _padded(x: Any, attributes: Any) -> Any:
    pad_h, pad_w = attributes[2:4]
    return np.pad(x, ((0, 0), (0, 0), (pad_h, pad_h), (pad_w, pad_w)))


def _by_group(x: Any, groups: int) -> Any:
    """(n, channels, h, w) as (groups, channels of a group, n, h, w)"""
    n, c, h, w = x.shape
    return np.ascontiguousarray(x.reshape(n, groups, c // groups, h, w).transpose(1, 2, 0, 3, 4))


def _from_group(x: Any) -> Any:
    groups, channels, n, h, w = x.shape
    return x.transpose(2, 0, 1, 3, 4).reshape(n, groups * channels, h, w)


def _split(weight: Any, groups: int) -> Any:
    return weight.reshape(groups, len(weight) // groups, *weight.shape[1:])
