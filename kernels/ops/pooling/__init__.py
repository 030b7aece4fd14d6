"""Largest and average of the windows of an image, and their gradients."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

from kernels.call import call
from kernels.errors import BadArgument
from kernels.registry import Cpu, Cuda, Launch, Operator, Step
from kernels.schema import Array, Attribute, Dims, Schema, Work
from kernels.toolchain import grids
from kernels.toolchain.isa import SIMD

Pair = int | tuple[int, int]

WINDOW = tuple(
    Attribute(name, "int") for name in ("kernel_h", "kernel_w", "stride_h", "stride_w", "pad_h", "pad_w")
)
SIZE = (Attribute("h", "int"), Attribute("w", "int"))
VERSIONS = [Cpu("v1_naive", "v1_naive.c", dtypes=("f32",)), Cpu("v2_rows", "v2_rows.cpp", levels=SIMD)]


def _naive(plan: grids.Plan) -> Cuda:
    return Cuda("v1_naive", "v1_naive.cu", plan)


def _by_planes(dims: grids.Dims, dtypes: str) -> Launch:
    """A block to a plane, whose sums are float32 in scratch memory."""
    planes, size = int(dims["planes"]), int(dims["h"] * dims["w"])
    return Launch(
        (Step("", grids.blocks(planes, 1), (grids.THREADS, 1, 1)),), scratch=max(1, planes * size) * 4
    )


def _pooled(d: Dims) -> tuple[int, int]:
    """Height and width of what comes out.

    Raises:
        BadArgument: the windows are none, or one of them could lie in the padding alone.
    """
    sizes = []
    for name, size in (("h", d["h"]), ("w", d["w"])):
        kernel, stride, pad = d[f"kernel_{name}"], d[f"stride_{name}"], d[f"pad_{name}"]
        if kernel < 1 or stride < 1 or not 0 <= pad < kernel or size + 2 * pad < kernel:
            raise BadArgument(
                f"pooling: along {name} of size {size}: kernel {kernel}, stride {stride}, padding {pad}; "
                "needed: kernel and stride of 1 or more, padding from 0 to kernel - 1, room for one window"
            )
        sizes.append((size + 2 * pad - kernel) // stride + 1)
    return sizes[0], sizes[1]


def _forward(d: Dims) -> Mapping[str, int]:
    oh, ow = _pooled(d)
    return {"oh": oh, "ow": ow}


def _gradient(d: Dims) -> Mapping[str, int]:
    oh, ow = _pooled(d)
    if (oh, ow) != (d["oh"], d["ow"]):
        raise BadArgument(
            f"pooling: dy is of {d['oh']}x{d['ow']}; such windows of {d['h']}x{d['w']} give {oh}x{ow}"
        )
    return {}


def _forward_bytes(d: Mapping[str, int]) -> float:
    return d["planes"] * (d["h"] * d["w"] + d["oh"] * d["ow"]) * d["itemsize"]


def _flops(d: Mapping[str, int]) -> float:
    return d["planes"] * d["oh"] * d["ow"] * d["kernel_h"] * d["kernel_w"]


PER_WINDOW = grids.thread_per("planes", "oh", "ow")
IMAGE, POOLED = "planes* h w", "planes* oh ow"
MAX = Operator(
    Schema("max_pool2d", [Array("x", IMAGE)], [Array("y", POOLED)], WINDOW, derive=_forward),
    Work(flops=_flops, bytes=_forward_bytes),
    __name__,
    [*VERSIONS, _naive(PER_WINDOW)],
)
MAX_INDICES = Operator(
    Schema(
        "max_pool2d_indices",
        [Array("x", IMAGE)],
        [Array("y", POOLED), Array("indices", POOLED, "i64")],
        WINDOW,
        derive=_forward,
    ),
    Work(flops=_flops, bytes=lambda d: _forward_bytes(d) + 8 * d["planes"] * d["oh"] * d["ow"]),
    __name__,
    [*VERSIONS, _naive(PER_WINDOW)],
)
MAX_GRAD = Operator(
    Schema(
        "max_pool2d_grad", [Array("dy", POOLED), Array("indices", POOLED, "i64")], [Array("dx", IMAGE)], SIZE
    ),
    Work(
        flops=lambda d: d["planes"] * d["oh"] * d["ow"],
        bytes=lambda d: _forward_bytes(d) + 8 * d["planes"] * d["oh"] * d["ow"],
    ),
    __name__,
    [*VERSIONS, _naive(_by_planes)],
)
AVG = Operator(
    Schema(
        "avg_pool2d",
        [Array("x", IMAGE)],
        [Array("y", POOLED)],
        (*WINDOW, Attribute("count_padding", "bool")),
        derive=_forward,
    ),
    Work(flops=_flops, bytes=_forward_bytes),
    __name__,
    [*VERSIONS, _naive(PER_WINDOW)],
)
AVG_GRAD = Operator(
    Schema(
        "avg_pool2d_grad",
        [Array("dy", POOLED)],
        [Array("dx", IMAGE)],
        (*SIZE, *WINDOW, Attribute("count_padding", "bool")),
        derive=_gradient,
    ),
    Work(flops=_flops, bytes=_forward_bytes),
    __name__,
    [*VERSIONS, _naive(grids.thread_per("planes", "h", "w"))],
)
OPERATORS = (MAX, MAX_INDICES, MAX_GRAD, AVG, AVG_GRAD)


def _pair(value: Pair) -> tuple[int, int]:
    if isinstance(value, tuple):
        height, width = value
        return operator.index(height), operator.index(width)
    return (operator.index(value),) * 2


def _window(kernel: Pair, stride: Pair | None, padding: Pair) -> tuple[int, ...]:
    return (*_pair(kernel), *_pair(kernel if stride is None else stride), *_pair(padding))


def max_pool2d(
    x: Any,
    kernel: Pair,
    *,
    stride: Pair | None = None,
    padding: Pair = 0,
    indices: bool = False,
    out: Any = None,
    version: str | None = None,
) -> Any:
    """The largest element of every window; NaN if there is one in it.

    Args:
        x: two axes or more, the last two height and width; float32, bfloat16 or float16.
        kernel: height and width of a window, or one number for both.
        stride: from window to window; the kernel if None.
        padding: rows and columns added on each side, less than the kernel; they are never the largest.
        indices: also say where in its plane, counted row by row, each largest is (the first if equal).
        out: where the result goes; with indices a tuple of two.
        version: a version by name.

    Returns:
        Shape of x with the last two axes (size + 2 padding - kernel) // stride + 1, dtype of x; with indices
        also an int64 array of that shape.

    Raises:
        BadArgument, BadDtype: kernel, stride and padding leave no window, or a shape or dtype does not fit.

    Source: PyTorch's `max_pool2d`.
    """
    return call(MAX_INDICES if indices else MAX, (x,), _window(kernel, stride, padding), out, version)


def max_pool2d_grad(
    dy: Any, indices: Any, h: int, w: int, *, out: Any = None, version: str | None = None
) -> Any:
    """The gradient of `max_pool2d` by x: each dy goes to where its largest element came from.

    Args:
        dy: the gradient of the result, any leading axes.
        indices: what `max_pool2d` gave, int64, shape of dy.
        h, w: height and width of x.
        out: where the result goes.
        version: a version by name.

    Returns:
        Leading axes of dy, then (h, w); dtype of dy.

    Raises:
        BadArgument, BadDtype: an index outside the plane (on a card, which cannot raise, it is left out),
            or a shape or dtype that does not fit.
    """
    return call(MAX_GRAD, (dy, indices), (h, w), out, version)


def avg_pool2d(
    x: Any,
    kernel: Pair,
    *,
    stride: Pair | None = None,
    padding: Pair = 0,
    count_include_pad: bool = True,
    out: Any = None,
    version: str | None = None,
) -> Any:
    """The average of every window, with zeros for padding.

    Args:
        x: two axes or more, the last two height and width; float32, bfloat16 or float16.
        kernel, stride, padding: as in `max_pool2d`.
        count_include_pad: divide by the size of the window; else by how much of it lies within the image.
        out: where the result goes.
        version: a version by name.

    Returns:
        Shape of x with the last two axes (size + 2 padding - kernel) // stride + 1, dtype of x.

    Raises:
        BadArgument, BadDtype: kernel, stride and padding leave no window, or a shape or dtype does not fit.

    Source: PyTorch's `avg_pool2d`.
    """
    return call(AVG, (x,), (*_window(kernel, stride, padding), count_include_pad), out, version)


def avg_pool2d_grad(
    dy: Any,
    h: int,
    w: int,
    kernel: Pair,
    *,
    stride: Pair | None = None,
    padding: Pair = 0,
    count_include_pad: bool = True,
    out: Any = None,
    version: str | None = None,
) -> Any:
    """The gradient of `avg_pool2d` by x.

    Args:
        dy: the gradient by its result, (..., oh, ow); float32, bfloat16 or float16.
        h, w: height and width of x.
        kernel, stride, padding, count_include_pad, version: as in `avg_pool2d`.
        out: where the result goes.

    Returns:
        Leading axes of dy, then (h, w); dtype of dy.
    """
    attributes = (h, w, *_window(kernel, stride, padding), count_include_pad)
    return call(AVG_GRAD, (dy,), attributes, out, version)
