"""Convolution and pooling of sequences and images."""

from __future__ import annotations

from typing import Any

from framework.core.tensor import Tensor, apply, as_tensor
from framework.errors import ArgumentError, ShapeError
from framework.ops.coerce import Operand, pair
from framework.ops.elementwise import add
from framework.ops.reduce import mean
from framework.ops.shape import concat, expand_dims, narrow, reshape, squeeze
from framework.prims import windows as p

Pair = int | tuple[int, int]


def _two(value: Any, name: str) -> tuple[int, int]:
    given = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(given) != 2:
        raise ShapeError(f"{name} {value!r}: an int, or one for height and one for width, is needed")
    return given[0].__index__(), given[1].__index__()


def _same(w: Tensor, stride: tuple[int, int], dilation: tuple[int, int]) -> tuple[int, int]:
    reach = [dilation[i] * (w.shape[-2 + i] - 1) for i in (0, 1)]
    if stride != (1, 1) or any(r % 2 for r in reach):
        raise ArgumentError(
            f"padding 'same' with stride {stride} and a window that reaches {reach[0] + 1} x {reach[1] + 1}: "
            "stride 1 "
            "and odd reaches are needed. Cure: pad unevenly by ops.pad first"
        )
    return reach[0] // 2, reach[1] // 2


def conv2d(
    x: Operand,
    weight: Operand,
    bias: Operand | None = None,
    stride: Pair = 1,
    padding: Any = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Tensor:
    """y[n, k, i, j] = bias[k] + Σ weight[k, c, r, s] · x[n, c, i·stride + r·dilation − padding, …].

    x (n, c, h, w), weight (filters, c / groups, r, s), bias (filters,) → (n, filters, h', w') with
    h' = (h + 2·padding − dilation·(r − 1) − 1) // stride + 1. Padding is of zeros; "same" keeps h and w,
    "valid" is 0. Raises ShapeError for shapes that do not fit, ArgumentError where "same" would need uneven
    padding, and for another word.
    Source: torch.nn.functional.conv2d (a correlation: the filter is not turned over).
    """
    image, w = pair(x, weight)
    if w.ndim != 4 or image.ndim != 4:
        raise ShapeError(f"conv2d: x has shape {image.shape}, weight {w.shape}; both need four dimensions")
    steps, spread = _two(stride, "conv2d: stride"), _two(dilation, "conv2d: dilation")
    if isinstance(padding, str) and padding not in ("same", "valid"):
        raise ArgumentError(f"conv2d: padding {padding!r} is unknown; give numbers, 'same' or 'valid'")
    pads = (
        _same(w, steps, spread)
        if padding == "same"
        else _two(0 if padding == "valid" else padding, "padding")
    )
    y: Tensor = apply(p.CONV, image, w, stride=steps, padding=pads, dilation=spread, groups=groups)
    return y if bias is None else add(y, reshape(bias, (-1, 1, 1)))


def conv1d(
    x: Operand,
    weight: Operand,
    bias: Operand | None = None,
    stride: int = 1,
    padding: Any = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Tensor:
    """conv2d of sequences: x (n, c, length), weight (filters, c / groups, width). As torch's conv1d."""
    image, w = as_tensor(x), as_tensor(weight)
    if w.ndim != 3 or image.ndim != 3:
        raise ShapeError(f"conv1d: x has shape {image.shape}, weight {w.shape}; both need three dimensions")
    pads = padding if isinstance(padding, str) else (0, padding)
    y = conv2d(expand_dims(image, 2), expand_dims(w, 2), bias, (1, stride), pads, (1, dilation), groups)
    return squeeze(y, 2)


def _windows(kernel_size: Pair, stride: Pair | None, padding: Pair, name: str) -> dict[str, tuple[int, int]]:
    kernel = _two(kernel_size, f"{name}: kernel_size")
    return {
        "kernel": kernel,
        "stride": kernel if stride is None else _two(stride, f"{name}: stride"),
        "padding": _two(padding, f"{name}: padding"),
    }


def max_pool2d(x: Operand, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0) -> Tensor:
    """The largest element of each window of (n, c, h, w); NaN if there is one. The stride is the window if
    None.

    The first of equal elements gets the gradient. Raises ShapeError where there is no room for a window, or
    padding is more than half of it. As torch's max_pool2d.
    """
    result: Tensor = apply(p.MAX_POOL, as_tensor(x), **_windows(kernel_size, stride, padding, "max_pool2d"))[
        0
    ]
    return result


def avg_pool2d(x: Operand, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0) -> Tensor:
    """The mean of each window of (n, c, h, w), zeros of the padding included. As torch's avg_pool2d; see
    max_pool2d.
    """
    result: Tensor = apply(p.AVG_POOL, as_tensor(x), **_windows(kernel_size, stride, padding, "avg_pool2d"))
    return result


def max_pool1d(x: Operand, kernel_size: int, stride: int | None = None, padding: int = 0) -> Tensor:
    """max_pool2d of sequences (n, c, length). As torch's max_pool1d."""
    steps = kernel_size if stride is None else stride
    return squeeze(max_pool2d(expand_dims(x, 2), (1, kernel_size), (1, steps), (0, padding)), 2)


def avg_pool1d(x: Operand, kernel_size: int, stride: int | None = None, padding: int = 0) -> Tensor:
    """avg_pool2d of sequences (n, c, length). As torch's avg_pool1d."""
    steps = kernel_size if stride is None else stride
    return squeeze(avg_pool2d(expand_dims(x, 2), (1, kernel_size), (1, steps), (0, padding)), 2)


def adaptive_avg_pool2d(x: Operand, output_size: Pair) -> Tensor:
    """The mean of `output_size` blocks of (n, c, h, w); where they do not divide evenly they overlap, as
    torch's.
    """
    image, (high, wide) = as_tensor(x), _two(output_size, "adaptive_avg_pool2d: output_size")
    if image.ndim != 4 or high < 1 or wide < 1:
        raise ShapeError(
            f"adaptive_avg_pool2d: x has shape {image.shape}, output_size {output_size}; (n, c, h, w) is "
            "needed"
        )
    return _blocks(_blocks(image, -2, high), -1, wide)


def _blocks(x: Tensor, axis: int, count: int) -> Tensor:
    """Means of `count` blocks of an axis: from ⌊i·size / count⌋ to ⌈(i + 1)·size / count⌉."""
    size = x.shape[axis]
    bounds = [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]
    return concat([mean(narrow(x, axis, a, b - a), axis=axis, keepdims=True) for a, b in bounds], axis)


__all__ = ["adaptive_avg_pool2d", "avg_pool1d", "avg_pool2d", "conv1d", "conv2d", "max_pool1d", "max_pool2d"]
