"""Normalising layers: over features (layer, RMS), over the batch, over groups of channels.

Statistics are computed in float32 or wider, whatever the input: sums of 16-bit numbers lose what is
normalised by.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework import ops
from framework.core import dtypes
from framework.core.tensor import Parameter, Tensor
from framework.errors import ArgumentError, ShapeError
from framework.nn.cell import Cell
from framework.ops.shape import as_shape


class _Affine(Cell):
    """What the norms share: a weight of ones and a bias of zeros, or neither."""

    def _affine(self, shape: tuple[int, ...], weight: bool, bias: bool) -> None:
        self.weight = Parameter(np.ones(shape, np.float32)) if weight else None
        self.bias = Parameter(np.zeros(shape, np.float32)) if bias else None

    def _scaled(self, normal: Tensor, like: Tensor, shape: tuple[int, ...]) -> Tensor:
        """`normal` times weight plus bias, both seen in `shape`, in the dtype of `like`."""
        if self.weight is not None:
            normal = normal * ops.reshape(self.weight, shape)
        if self.bias is not None:
            normal = normal + ops.reshape(self.bias, shape)
        return ops.cast(normal, like.dtype)


class LayerNorm(_Affine):
    """(x − mean) / √(variance + eps) · weight + bias over the last axes, `normalized_shape` (Ba et al. 2016).

    Raises:
        ShapeError: other last axes.
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float = 1e-5,
        affine: bool = True,
        has_bias: bool = True,
    ) -> None:
        self.normalized_shape, self.eps = _shape(normalized_shape), eps
        self._affine(self.normalized_shape, affine, affine and has_bias)

    def construct(self, x: Tensor) -> Tensor:
        rows = _rows(self, x)
        normal = ops.layer_norm(rows, _flat(self.weight), _flat(self.bias), eps=self.eps)
        return ops.cast(ops.reshape(normal, x.shape), x.dtype)


class RMSNorm(_Affine):
    """x / √(mean of x² + eps) · weight over the last axes, `normalized_shape` (Zhang and Sennrich 2019).

    Raises:
        ShapeError: other last axes.
    """

    def __init__(
        self, normalized_shape: int | tuple[int, ...], eps: float = 1e-6, affine: bool = True
    ) -> None:
        self.normalized_shape, self.eps = _shape(normalized_shape), eps
        self._affine(self.normalized_shape, affine, False)

    def construct(self, x: Tensor) -> Tensor:
        normal = ops.rms_norm(_rows(self, x), _flat(self.weight), eps=self.eps)
        return ops.cast(ops.reshape(normal, x.shape), x.dtype)


class GroupNorm(_Affine):
    """Normalises (N, num_channels, …) over each group of channels with all their positions (Wu and He 2018).

    Raises:
        ArgumentError: `num_channels` is no multiple of `num_groups`.
        ShapeError: another number of channels.
    """

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True) -> None:
        if num_groups < 1 or num_channels % num_groups:
            raise ArgumentError(f"GroupNorm: {num_channels} channels do not divide into {num_groups} groups")
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self._affine((num_channels,), affine, affine)

    def construct(self, x: Tensor) -> Tensor:
        shape = _channels(self, x, self.num_channels)
        grouped = ops.reshape(wide(x), (x.shape[0], self.num_groups, -1))
        return self._scaled(ops.reshape(ops.layer_norm(grouped, eps=self.eps), x.shape), x, shape)


class BatchNorm(_Affine):
    """Normalises (N, num_features, …) over the batch and all positions of each channel (Ioffe and Szegedy
    2015).

    In training by the batch's own mean and variance, which also move the running ones:
    running ← (1 − momentum)·running + momentum·batch, with the unbiased variance. As in torch, `momentum` is
    the weight of the new value. In evaluation by the running ones.

    Raises:
        ArgumentError: `num_features` is less than 1.
        ShapeError: another number of channels; in training, one value per channel alone.
    """

    ranks: tuple[int, ...] = ()

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True
    ) -> None:
        if num_features < 1:
            raise ArgumentError(f"{type(self).__name__}: num_features is {num_features}; 1 or more is needed")
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self._affine((num_features,), affine, affine)
        self.running_mean = Parameter(np.zeros(num_features, np.float32), requires_grad=False)
        self.running_var = Parameter(np.ones(num_features, np.float32), requires_grad=False)

    def construct(self, x: Tensor) -> Tensor:
        shape = _channels(self, x, self.num_features, self.ranks)
        whole = wide(x)
        mean, variance = self._moments(whole) if self.training else (self.running_mean, self.running_var)
        centred = whole - ops.reshape(mean, shape)
        return self._scaled(centred * ops.rsqrt(ops.reshape(variance, shape) + self.eps), x, shape)

    def _moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        axes = (0, *range(2, x.ndim))
        count = x.size // self.num_features
        if count < 2:
            raise ShapeError(
                f"{type(self).__name__}: shape {x.shape} has one value per channel; training needs two"
            )
        mean = ops.mean(x, axis=axes)
        centred = x - ops.reshape(mean, (1, -1, *[1] * (x.ndim - 2)))
        variance = ops.mean(centred * centred, axis=axes)
        for running, new in ((self.running_mean, mean), (self.running_var, variance * (count / (count - 1)))):
            old = running.held
            running.assign(old + (ops.stop_gradient(new) - old) * self.momentum)
        return mean, variance


class BatchNorm1d(BatchNorm):
    """BatchNorm of (N, C) or (N, C, L)."""

    ranks = (2, 3)


class BatchNorm2d(BatchNorm):
    """BatchNorm of (N, C, H, W)."""

    ranks = (4,)


def _shape(normalized_shape: int | tuple[int, ...]) -> tuple[int, ...]:
    return as_shape(normalized_shape)


def _rows(cell: Any, x: Tensor) -> Tensor:
    """The axes to be normalised as one, in float32 or wider."""
    shape = cell.normalized_shape
    if x.shape[max(0, x.ndim - len(shape)) :] != shape:
        raise ShapeError(f"{type(cell).__name__}: x has shape {x.shape}; its last axes must be {shape}")
    return ops.reshape(wide(x), (*x.shape[: x.ndim - len(shape)], math.prod(shape)))


def _flat(x: Tensor | None) -> Tensor | None:
    return None if x is None else ops.reshape(x, (-1,))


def _channels(cell: Any, x: Tensor, count: int, ranks: tuple[int, ...] = ()) -> tuple[int, ...]:
    if x.ndim < 2 or x.shape[1] != count or (ranks and x.ndim not in ranks):
        rank = " or ".join(map(str, ranks)) or "2 or more"
        raise ShapeError(
            f"{type(cell).__name__}: x has shape {x.shape}; {rank} axes are needed, the second {count}"
        )
    return (1, count, *[1] * (x.ndim - 2))


def wide(x: Tensor) -> Tensor:
    """x, in float32 if it is narrower: means and losses are computed in it."""
    return x.astype(dtypes.float32) if x.dtype.itemsize < 4 else x
