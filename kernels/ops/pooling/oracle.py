"""Pooling in NumPy, in the dtype of its input: a window at a time, over all planes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

Window = tuple[int, int, slice, slice]  # of the result: row, column; of the image: rows, columns


def max_pool2d(x: Any, *window: int) -> Any:
    return max_pool2d_indices(x, *window)[0]


def max_pool2d_indices(x: Any, *window: int) -> tuple[Any, Any]:
    h, w = x.shape[-2:]
    shape = (*x.shape[:-2], *_size(h, w, window))
    y, indices = np.empty(shape, x.dtype), np.empty(shape, np.int64)
    for i, j, rows, columns in _windows(h, w, window):
        part = x[..., rows, columns]
        wide = part.shape[-1]
        flat = part.reshape(*x.shape[:-2], part.shape[-2] * wide)
        nan = np.isnan(flat)
        at = np.where(nan.any(axis=-1), np.argmax(nan, axis=-1), np.argmax(flat, axis=-1))
        y[..., i, j] = np.take_along_axis(flat, at[..., None], axis=-1)[..., 0]
        indices[..., i, j] = (rows.start + at // wide) * w + columns.start + at % wide
    return y, indices


def max_pool2d_grad(dy: Any, indices: Any, h: int, w: int) -> Any:
    dx = np.zeros((*dy.shape[:-2], h * w), dy.dtype)
    flat, pooled = dx.reshape(math.prod(dy.shape[:-2]), h * w), dy.shape[-2] * dy.shape[-1]
    for plane, (values, places) in enumerate(
        zip(dy.reshape(len(flat), pooled), indices.reshape(len(flat), pooled), strict=True)
    ):
        np.add.at(flat[plane], places, values)
    return dx.reshape(*dy.shape[:-2], h, w)


def avg_pool2d(x: Any, *attributes: int) -> Any:
    *window, count_padding = attributes
    h, w = x.shape[-2:]
    y = np.empty((*x.shape[:-2], *_size(h, w, window)), x.dtype)
    for i, j, rows, columns in _windows(h, w, window):
        part = x[..., rows, columns]
        count = window[0] * window[1] if count_padding else part.shape[-2] * part.shape[-1]
        y[..., i, j] = np.sum(part, axis=(-2, -1)) / x.dtype.type(count)
    return y


def avg_pool2d_grad(dy: Any, h: int, w: int, *attributes: int) -> Any:
    *window, count_padding = attributes
    dx = np.zeros((*dy.shape[:-2], h, w), dy.dtype)
    for i, j, rows, columns in _windows(h, w, window):
        inside = (rows.stop - rows.start) * (columns.stop - columns.start)
        count = window[0] * window[1] if count_padding else inside
        dx[..., rows, columns] += (dy[..., i, j] / dy.dtype.type(count))[..., None, None]
    return dx


def _size(h: int, w: int, window: Any) -> tuple[int, int]:
    kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w = window
    return (h + 2 * pad_h - kernel_h) // stride_h + 1, (w + 2 * pad_w - kernel_w) // stride_w + 1


def _windows(h: int, w: int, window: Any) -> Iterator[Window]:
    kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w = window
    oh, ow = _size(h, w, window)
    for i in range(oh):
        top = i * stride_h - pad_h
        for j in range(ow):
            left = j * stride_w - pad_w
            yield (
                i,
                j,
                slice(max(top, 0), min(top + kernel_h, h)),
                slice(max(left, 0), min(left + kernel_w, w)),
            )
