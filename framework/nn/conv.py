"""Convolutions and pooling as cells. Names are MindSpore's, defaults torch's: no padding, a bias."""

from __future__ import annotations

import math
from typing import Any

from framework import ops
from framework.core.tensor import Parameter, Tensor
from framework.errors import ArgumentError
from framework.nn.cell import Cell
from framework.ops.windows import Pair


class _Conv(Cell):
    def _weights(self, shape: tuple[int, ...], group: int, has_bias: bool) -> None:
        if min(shape) < 1:
            raise ArgumentError(
                f"{type(self).__name__}: {shape[1]!r} channels, {shape[0]!r} filters, kernel {shape[2:]}: "
                "ints from 1"
            )
        filters, channels = shape[:2]
        if group < 1 or channels % group or filters % group:
            raise ArgumentError(
                f"{type(self).__name__}: {channels} channels and {filters} filters do not divide into "
                f"{group} groups"
            )
        shape = (filters, channels // group, *shape[2:])
        bound = 1 / math.sqrt(math.prod(shape[1:]))
        self.weight = Parameter(ops.uniform(shape, -bound, bound))
        self.bias = Parameter(ops.uniform((filters,), -bound, bound)) if has_bias else None


class Conv2d(_Conv):
    """(n, in_channels, h, w) → (n, out_channels, h', w'); see `ops.conv2d`. Padding "same" keeps h and w.

    `weight` (out_channels, in_channels / group, height, width) and `bias` (out_channels,) begin uniform in
    ±1/√(elements of a filter), as torch's.

    Raises:
        ArgumentError: a size below 1, channels or filters that do not divide into the groups; when called,
        another padding.
        ShapeError: when called, an x that does not fit.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Any = 0,
        dilation: Pair = 1,
        group: int = 1,
        has_bias: bool = True,
    ) -> None:
        kernel = (kernel_size, kernel_size) if isinstance(kernel_size, int) else tuple(kernel_size)
        self._weights((out_channels, in_channels, *kernel), group, has_bias)
        self.stride, self.padding, self.dilation, self.group = stride, padding, dilation, group

    def construct(self, x: Tensor) -> Tensor:
        weight, bias = self.cast(self.weight), self.cast(self.bias)
        return ops.conv2d(x, weight, bias, self.stride, self.padding, self.dilation, self.group)


class Conv1d(_Conv):
    """(n, in_channels, length) → (n, out_channels, length'); otherwise as Conv2d."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: Any = 0,
        dilation: int = 1,
        group: int = 1,
        has_bias: bool = True,
    ) -> None:
        self._weights((out_channels, in_channels, kernel_size), group, has_bias)
        self.stride, self.padding, self.dilation, self.group = stride, padding, dilation, group

    def construct(self, x: Tensor) -> Tensor:
        weight, bias = self.cast(self.weight), self.cast(self.bias)
        return ops.conv1d(x, weight, bias, self.stride, self.padding, self.dilation, self.group)


class _Pool(Cell):
    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding


class MaxPool2d(_Pool):
    """The largest of each window of (n, c, h, w); the stride is the window if None."""

    def construct(self, x: Tensor) -> Tensor:
        return ops.max_pool2d(x, self.kernel_size, self.stride, self.padding)


class MaxPool1d(_Pool):
    """The largest of each window of (n, c, length); the stride is the window if None."""

    def construct(self, x: Tensor) -> Tensor:
        return ops.max_pool1d(x, self.kernel_size, self.stride, self.padding)


class AvgPool2d(_Pool):
    """The mean of each window of (n, c, h, w), padding included; the stride is the window if None."""

    def construct(self, x: Tensor) -> Tensor:
        return ops.avg_pool2d(x, self.kernel_size, self.stride, self.padding)


class AvgPool1d(_Pool):
    """The mean of each window of (n, c, length), padding included; the stride is the window if None."""

    def construct(self, x: Tensor) -> Tensor:
        return ops.avg_pool1d(x, self.kernel_size, self.stride, self.padding)


class AdaptiveAvgPool2d(Cell):
    """The mean of equal blocks of (n, c, h, w), `output_size` of them; 1 is the mean of the image."""

    def __init__(self, output_size: Pair) -> None:
        self.output_size = output_size

    def construct(self, x: Tensor) -> Tensor:
        return ops.adaptive_avg_pool2d(x, self.output_size)
