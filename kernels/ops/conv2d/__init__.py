"""Convolution of images, and its gradients."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

from kernels.call import call
from kernels.errors import BadArgument
from kernels.ops.conv2d import plans
from kernels.registry import Cpu, Cuda, Operator
from kernels.schema import Array, Attribute, Dims, Schema, Work
from kernels.toolchain.grids import thread_per
from kernels.toolchain.isa import SIMD

Pair = int | tuple[int, int]

ATTRIBUTES = tuple(
    Attribute(name, "int")
    for name in ("stride_h", "stride_w", "pad_h", "pad_w", "dilation_h", "dilation_w", "groups")
)
VERSIONS = [Cpu("v1_naive", "v1_naive.c", dtypes=("f32",)), Cpu("v2_tiles", "v2_tiles.cpp", levels=SIMD)]
IMAGE, FILTERS, RESULT = "n c h w", "k cg r s", "n k oh ow"


def _along(d: Dims, axis: str, size: int, filter_size: int) -> int:
    """The size of the result along an axis."""
    stride, pad, dilation = d[f"stride_{axis}"], d[f"pad_{axis}"], d[f"dilation_{axis}"]
    reach = dilation * (filter_size - 1) + 1
    if stride < 1 or dilation < 1 or pad < 0 or filter_size < 1 or size + 2 * pad < reach:
        raise BadArgument(
            f"conv2d: along {axis} of size {size}: filter {filter_size}, stride {stride}, padding {pad}, "
            f"dilation {dilation}; needed: filter, stride and dilation of 1 or more, padding of 0 or more, "
            "room for one filter"
        )
    return (size + 2 * pad - reach) // stride + 1


def _derive(d: Dims) -> Mapping[str, int]:
    groups = d["groups"]
    if groups < 1 or d["c"] != d["cg"] * groups or d["k"] % groups:
        raise BadArgument(
            f"conv2d: x has {d['c']} channels, weight is for {d['cg']} in each of {groups} groups and has "
            f"{d['k']} filters; needed: {groups} x {d['cg']} channels, filters that divide among the groups"
        )
    oh, ow = _along(d, "h", d["h"], d["r"]), _along(d, "w", d["w"], d["s"])
    if (d.get("oh", oh), d.get("ow", ow)) != (oh, ow):
        raise BadArgument(f"conv2d: dy is of {d['oh']}x{d['ow']}; this convolution gives {oh}x{ow}")
    return {"oh": oh, "ow": ow}


def _flops(d: Mapping[str, int]) -> float:
    return 2 * d["n"] * d["k"] * d["oh"] * d["ow"] * d["cg"] * d["r"] * d["s"]


def _bytes(d: Mapping[str, int]) -> float:
    images = d["n"] * (d["c"] * d["h"] * d["w"] + d["k"] * d["oh"] * d["ow"])
    return (images + d["k"] * d["cg"] * d["r"] * d["s"]) * d["itemsize"]


CONV2D = Operator(
    Schema(
        "conv2d",
        [Array("x", IMAGE), Array("weight", FILTERS), Array("bias", "k", optional=True)],
        [Array("y", RESULT)],
        ATTRIBUTES,
        derive=_derive,
    ),
    Work(flops=_flops, bytes=_bytes),
    __name__,
    [
        *VERSIONS,
        Cuda("v1_naive", "v1_naive.cu", thread_per("n", "k", "oh", "ow")),
        Cuda("v2_tiles", "v2_tiles.cu", plans.tiles, registers=200, fits=plans.in_tiles),
    ],
)
CONV2D_GRAD = Operator(
    Schema(
        "conv2d_grad",
        [Array("x", IMAGE), Array("weight", FILTERS), Array("dy", RESULT)],
        [Array("dx", IMAGE), Array("dweight", FILTERS), Array("dbias", "k")],
        ATTRIBUTES,
        derive=_derive,
    ),
    Work(flops=lambda d: 2 * _flops(d), bytes=lambda d: 2 * _bytes(d)),
    __name__,
    [*VERSIONS, Cuda("v1_naive", "v1_naive.cu", plans.naive_grad)],
)
OPERATORS = (CONV2D, CONV2D_GRAD)


def _attributes(stride: Pair, padding: Pair, dilation: Pair, groups: int) -> tuple[int, ...]:
    return (*_pair(stride), *_pair(padding), *_pair(dilation), operator.index(groups))


def _pair(value: Pair) -> tuple[int, int]:
    if isinstance(value, tuple):
        height, width = value
        return operator.index(height), operator.index(width)
    return (operator.index(value),) * 2


def conv2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
    out: Any = None,
    version: str | None = None,
) -> Any:
    """y[n, k, i, j] = bias[k] + the sum of weight[k, c, r, s] · x[n, c, i·stride + r·dilation - padding, …].

    Args:
        x: (n, channels, height, width); float32, bfloat16 or float16. Sums are in float32.
        weight: (filters, channels / groups, filter height, filter width).
        bias: (filters,), or None.
        stride, padding, dilation: height and width, or one number for both; the padding is of zeros.
        groups: filters and channels are cut into so many groups; a filter sees the channels of its group.
        out: where the result goes.
        version: a version by name.

    Returns:
        (n, filters, (height + 2 padding - dilation (filter height - 1) - 1) // stride + 1, … width), of x's
        dtype.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit, or there is no room for one filter.

    Source: PyTorch's `conv2d` (a correlation: the filter is not turned over).
    """
    return call(CONV2D, (x, weight, bias), _attributes(stride, padding, dilation, groups), out, version)


def conv2d_grad(
    x: Any,
    weight: Any,
    dy: Any,
    *,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
    want: tuple[bool, bool, bool] = (True, True, True),
    out: Any = None,
    version: str | None = None,
) -> Any:
    """The gradients of `conv2d` by x, weight and bias.

    Args:
        x, weight, stride, padding, dilation, groups: as given to `conv2d`.
        dy: the gradient of its result.
        want: which of the three to compute.
        out: where they go: a tuple of three, None for one that is not wanted.
        version: a version by name.

    Returns:
        (dx, dweight, dbias) in the shapes of x, weight and bias; None for one that is not wanted.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.
    """
    attributes = _attributes(stride, padding, dilation, groups)
    return call(CONV2D_GRAD, (x, weight, dy), attributes, out, version, want=want)
