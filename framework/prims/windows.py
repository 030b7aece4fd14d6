"""Records of what looks at windows of images: convolution, largest and mean of windows, and their transposes.

Arrays are (n, channels, height, width). Convolution is bilinear, so each of its three products (result, input
gradient, weight gradient) has the two others as derivatives, to any order; the same holds for the mean of
windows and its transpose, and for picking the largest elements by their places and putting them back there.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

import framework.ops as ops
from framework.core.prim import Aval, Prim, define
from framework.core.tensor import apply
from framework.errors import DTypeError, ShapeError

KERNEL_DTYPES = (
    "float32",
    "float16",
    "bfloat16",
)  # what kernels/ has these for; others run as sums over the window


def _ours(x: Any) -> bool:
    return x.dtype.name in KERNEL_DTYPES


def _along(name: str, axis: str, size: int, kernel: int, stride: int, pad: int, dilation: int = 1) -> int:
    reach = dilation * (kernel - 1) + 1
    if min(kernel, stride, dilation) < 1 or pad < 0 or size + 2 * pad < reach:
        raise ShapeError(
            f"{name}: along the {axis} of size {size}: window {kernel}, stride {stride}, padding {pad}, "
            "dilation "
            f"{dilation}; window, stride and dilation of 1 or more, padding of 0 or more, and room for one "
            "window"
        )
    return (size + 2 * pad - reach) // stride + 1


# Convolution. Attributes: stride, padding, dilation are pairs (height, width).


def _conv_shape(x: Any, w: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Aval:
    if len(x.shape) != 4 or len(w.shape) != 4 or x.shape[1] != w.shape[1] * groups or w.shape[0] % groups:
        raise ShapeError(
            f"conv2d: x {x.shape}, weight {w.shape}, groups {groups}; x (n, channels, height, width), weight "
            "(filters, channels / groups, height, width) and filters that divide among the groups are needed"
        )
    if x.dtype != w.dtype or x.dtype.kind in "iubc":
        raise DTypeError(
            f"conv2d: x is {x.dtype.name}, weight {w.dtype.name}; one floating-point dtype is needed"
        )
    sizes = [
        _along("conv2d", axis, x.shape[i], w.shape[i], stride[i - 2], padding[i - 2], dilation[i - 2])
        for i, axis in ((2, "height"), (3, "width"))
    ]
    return Aval((x.shape[0], w.shape[0], *sizes), x.dtype)


def _padded(xp: Any, x: Any, padding: tuple[int, int], value: float = 0) -> Any:
    return xp.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2), constant_values=value)


def _tap(i: int, j: int, stride: Any, out: Any, dilation: Any = (1, 1)) -> tuple[Any, ...]:
    """Where in the padded image the element (i, j) of every window lies."""
    return (
        slice(None),
        slice(None),
        slice(i * dilation[0], i * dilation[0] + stride[0] * (out[0] - 1) + 1, stride[0]),
        slice(j * dilation[1], j * dilation[1] + stride[1] * (out[1] - 1) + 1, stride[1]),
    )


def _taps(kernel: Any) -> Any:
    return ((i, j) for i in range(kernel[0]) for j in range(kernel[1]))


def _grouped(xp: Any, x: Any, groups: int) -> Any:
    return x.reshape(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:])


def _conv(xp: Any, x: Any, w: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    if _ours(x):
        import kernels

        return kernels.conv2d(
            xp.ascontiguousarray(x),
            xp.ascontiguousarray(w),
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
        )
    n, k, *out = _conv_shape(x, w, stride, padding, dilation, groups).shape
    image = _padded(xp, x, padding)
    filters = w.reshape(groups, k // groups, *w.shape[1:])
    y = xp.zeros((n, groups, k // groups, *out), x.dtype)
    for i, j in _taps(w.shape[2:]):
        seen = _grouped(xp, image[_tap(i, j, stride, out, dilation)], groups)
        y += xp.einsum("ngchw,gkc->ngkhw", seen, filters[..., i, j])
    return y.reshape(n, k, *out)


def _conv_dx(
    xp: Any, g: Any, w: Any, size: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    n, k, *out = g.shape
    shape = (n, w.shape[1] * groups, *size)
    if _ours(g):
        import kernels

        like = xp.empty(shape, g.dtype)  # its values do not matter to this gradient
        at = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        return kernels.conv2d_grad(
            like, xp.ascontiguousarray(w), xp.ascontiguousarray(g), **at, want=(True, False, False)
        )[0]
    dx = xp.zeros((n, shape[1], size[0] + 2 * padding[0], size[1] + 2 * padding[1]), g.dtype)
    filters = w.reshape(groups, k // groups, *w.shape[1:])
    for i, j in _taps(w.shape[2:]):
        part = xp.einsum("ngkhw,gkc->ngchw", _grouped(xp, g, groups), filters[..., i, j])
        dx[_tap(i, j, stride, out, dilation)] += part.reshape(n, shape[1], *out)
    return dx[:, :, padding[0] : padding[0] + size[0], padding[1] : padding[1] + size[1]]


def _conv_dw(
    xp: Any, x: Any, g: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    k, *out = g.shape[1:]
    shape = (k, x.shape[1] // groups, *kernel)
    if _ours(x):
        import kernels

        like = xp.empty(shape, g.dtype)
        at = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        return kernels.conv2d_grad(
            xp.ascontiguousarray(x), like, xp.ascontiguousarray(g), **at, want=(False, True, False)
        )[1]
    image = _padded(xp, x, padding)
    dw = xp.empty((groups, k // groups, *shape[1:]), g.dtype)
    for i, j in _taps(kernel):
        seen = _grouped(xp, image[_tap(i, j, stride, out, dilation)], groups)
        dw[..., i, j] = xp.einsum("ngkhw,ngchw->gkc", _grouped(xp, g, groups), seen)
    return dw.reshape(shape)


def _fold_batch(prim: Any, ins: Any, bdims: Any, attrs: Any) -> Any:
    """The first operand's batch goes into its n; a batch of filters goes one by one."""
    from framework.transforms.vmap import loop

    if bdims[0] is None or any(d is not None for d in bdims[1:]):
        return loop(prim, ins, bdims, attrs)
    x = ops.moveaxis(ins[0], bdims[0], 0)
    out = apply(prim, ops.reshape(x, (x.shape[0] * x.shape[1], *x.shape[2:])), *ins[1:], **attrs)
    return ops.reshape(out, (*x.shape[:2], *out.shape[1:])), 0


def _bilinear(out: Any, ins: Any, ts: Any, prim: Any, attrs: Any) -> Any:
    parts = [
        apply(prim, *[t if i == j else x for j, x in enumerate(ins)], **attrs)
        for i, t in enumerate(ts)
        if t is not None
    ]
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


def _conv_cost(x: Any, w: Any, **attrs: Any) -> tuple[int, int]:
    y = _conv_shape(x, w, **attrs)
    moved = prod(x.shape) + prod(w.shape) + prod(y.shape)
    return 2 * prod(y.shape) * prod(w.shape[1:]), moved * x.dtype.itemsize


CONV: Prim = define(
    "conv2d",
    _conv,
    _conv_shape,
    vjp=(
        lambda g, o, x, w, **at: apply(CONV_DX, g, w, size=tuple(x.shape[2:]), **at),
        lambda g, o, x, w, **at: apply(CONV_DW, x, g, kernel=tuple(w.shape[2:]), **at),
    ),
    jvp=lambda o, ins, ts, **at: _bilinear(o, ins, ts, CONV, at),
    vmap=_fold_batch,
    cost=_conv_cost,
)
CONV_DX: Prim = define(
    "conv2d_dx",
    _conv_dx,
    lambda g, w, size, groups, **at: Aval((g.shape[0], w.shape[1] * groups, *size), g.dtype),
    vjp=(
        lambda h, o, g, w, size, **at: apply(CONV, h, w, **at),
        lambda h, o, g, w, size, **at: apply(CONV_DW, h, g, kernel=tuple(w.shape[2:]), **at),
    ),
    jvp=lambda o, ins, ts, **at: _bilinear(o, ins, ts, CONV_DX, at),
    vmap=_fold_batch,
    cost=lambda g, w, **at: (2 * prod(g.shape) * prod(w.shape[1:]), 3 * prod(g.shape) * g.dtype.itemsize),
)
CONV_DW: Prim = define(
    "conv2d_dw",
    _conv_dw,
    lambda x, g, kernel, groups, **at: Aval((g.shape[1], x.shape[1] // groups, *kernel), g.dtype),
    vjp=(
        lambda h, o, x, g, kernel, **at: apply(CONV_DX, g, h, size=tuple(x.shape[2:]), **at),
        lambda h, o, x, g, kernel, **at: apply(CONV, x, h, **at),
    ),
    jvp=lambda o, ins, ts, **at: _bilinear(o, ins, ts, CONV_DW, at),
    cost=lambda x, g, kernel, groups, **at: (
        2 * prod(g.shape) * x.shape[1] // groups * prod(kernel),
        (prod(x.shape) + prod(g.shape)) * x.dtype.itemsize,
    ),
)


# Pooling. Attributes: kernel, stride, padding are pairs (height, width).


def _pool_shape(name: str, x: Any, kernel: Any, stride: Any, padding: Any) -> tuple[int, ...]:
    if len(x.shape) != 4 or x.dtype.kind in "iubc":
        raise ShapeError(
            f"{name}: x has shape {x.shape} and dtype {x.dtype.name}; floating (n, c, h, w) is needed"
        )
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        raise ShapeError(f"{name}: padding {padding} for a window of {kernel}; at most half of it is allowed")
    sizes = [
        _along(name, a, x.shape[i], kernel[i - 2], stride[i - 2], padding[i - 2]) for i, a in _IMAGE_AXES
    ]
    return (*x.shape[:2], *sizes)


_IMAGE_AXES = ((2, "height"), (3, "width"))


def _max_pool_shape(x: Any, kernel: Any, stride: Any, padding: Any) -> tuple[Aval, Aval]:
    shape = _pool_shape("max_pool2d", x, kernel, stride, padding)
    return Aval(shape, x.dtype), Aval(shape, np.dtype(np.int64))


def _max_pool(xp: Any, x: Any, kernel: Any, stride: Any, padding: Any) -> Any:
    if _ours(x):
        import kernels

        return kernels.max_pool2d(
            xp.ascontiguousarray(x), kernel, stride=stride, padding=padding, indices=True
        )
    (_, _, *out) = _pool_shape("max_pool2d", x, kernel, stride, padding)
    image = _padded(xp, x, padding, -np.inf)
    numbers = xp.arange(x.shape[2] * x.shape[3]).reshape(1, 1, *x.shape[2:])
    numbers = _padded(xp, numbers, padding, -1)  # -1: padding, never the largest
    best: Any = None
    place: Any = None
    for i, j in _taps(kernel):
        tap = _tap(i, j, stride, out)
        new, here = image[tap], xp.broadcast_to(numbers[tap], image[tap].shape)
        if best is None:
            best, place = new, here
            continue
        better = (here >= 0) & ((place < 0) | (new > best) | (xp.isnan(new) & ~xp.isnan(best)))
        best, place = xp.where(better, new, best), xp.where(better, here, place)
    return best, place


MAX_POOL: Prim = define(
    "max_pool2d",
    _max_pool,
    _max_pool_shape,
    vjp=lambda g, o, x, **at: (apply(UNPOOL, g[0], o[1], size=tuple(x.shape[2:])),),
    jvp=lambda o, ins, ts, **at: (apply(GATHER_POOLED, ts[0], o[1]), None),
    vmap=lambda prim, ins, bdims, attrs: _fold_pool(prim, ins, bdims, attrs),
    multi=True,
)


def _unpool(xp: Any, g: Any, places: Any, size: Any) -> Any:
    if _ours(g):
        import kernels

        return kernels.max_pool2d_grad(xp.ascontiguousarray(g), xp.ascontiguousarray(places), *size)
    flat = xp.zeros((g.shape[0] * g.shape[1], size[0] * size[1]), g.dtype)
    rows = xp.arange(flat.shape[0])[:, None]
    xp.add.at(flat, (rows, places.reshape(flat.shape[0], -1)), g.reshape(flat.shape[0], -1))
    return flat.reshape(*g.shape[:2], *size)


UNPOOL: Prim = define(
    "max_unpool2d",
    _unpool,
    lambda g, places, size: Aval((*g.shape[:2], *size), g.dtype),
    vjp=(lambda h, o, g, places, size: apply(GATHER_POOLED, h, places), None),
    jvp=lambda o, ins, ts, size: None if ts[0] is None else apply(UNPOOL, ts[0], ins[1], size=size),
)
GATHER_POOLED: Prim = define(
    "gather_pooled2d",
    lambda xp, x, places: xp.take_along_axis(
        x.reshape(*x.shape[:2], -1), places.reshape(*places.shape[:2], -1), axis=-1
    ).reshape(places.shape),
    lambda x, places: Aval(places.shape, x.dtype),
    vjp=(lambda g, o, x, places: apply(UNPOOL, g, places, size=tuple(x.shape[2:])), None),
    jvp=lambda o, ins, ts: None if ts[0] is None else apply(GATHER_POOLED, ts[0], ins[1]),
)


def _fold_pool(prim: Any, ins: Sequence[Any], bdims: Any, attrs: Any) -> Any:
    x = ops.moveaxis(ins[0], bdims[0], 0)
    outs = apply(prim, ops.reshape(x, (x.shape[0] * x.shape[1], *x.shape[2:])), **attrs)
    return tuple([ops.reshape(out, (*x.shape[:2], *out.shape[1:])) for out in outs]), (0,) * len(outs)


def _avg_pool(xp: Any, x: Any, kernel: Any, stride: Any, padding: Any) -> Any:
    if _ours(x):
        import kernels

        return kernels.avg_pool2d(xp.ascontiguousarray(x), kernel, stride=stride, padding=padding)
    shape = _pool_shape("avg_pool2d", x, kernel, stride, padding)
    image, y = _padded(xp, x, padding), xp.zeros(shape, x.dtype)
    for i, j in _taps(kernel):
        y += image[_tap(i, j, stride, shape[2:])]
    return y / (kernel[0] * kernel[1])


def _avg_unpool(xp: Any, g: Any, size: Any, kernel: Any, stride: Any, padding: Any) -> Any:
    if _ours(g):
        import kernels

        return kernels.avg_pool2d_grad(xp.ascontiguousarray(g), *size, kernel, stride=stride, padding=padding)
    dx = xp.zeros((*g.shape[:2], size[0] + 2 * padding[0], size[1] + 2 * padding[1]), g.dtype)
    for i, j in _taps(kernel):
        dx[_tap(i, j, stride, g.shape[2:])] += g / (kernel[0] * kernel[1])
    return dx[:, :, padding[0] : padding[0] + size[0], padding[1] : padding[1] + size[1]]


AVG_POOL: Prim = define(
    "avg_pool2d",
    _avg_pool,
    lambda x, **at: Aval(_pool_shape("avg_pool2d", x, **at), x.dtype),
    vjp=(lambda g, o, x, **at: apply(AVG_UNPOOL, g, size=tuple(x.shape[2:]), **at),),
    jvp="linear",
    vmap=_fold_batch,
)
AVG_UNPOOL: Prim = define(
    "avg_unpool2d",
    _avg_unpool,
    lambda g, size, **at: Aval((*g.shape[:2], *size), g.dtype),
    vjp=(lambda h, o, g, size, **at: apply(AVG_POOL, h, **at),),
    jvp="linear",
    vmap=_fold_batch,
)
