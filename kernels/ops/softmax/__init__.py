"""Softmax and log-softmax, and their gradients."""

from __future__ import annotations

from typing import Any

from kernels.arrays import as_array
from kernels.axes import along_last
from kernels.call import call
from kernels.registry import Cpu, Cuda, Operator
from kernels.schema import Array, Schema, Work
from kernels.toolchain.grids import group_per_row, thread_per
from kernels.toolchain.isa import SIMD

ROWS = "rows* n"
CUDA = [
    Cuda("v1_naive", "v1_naive.cu", thread_per("rows"), registers=48, dtypes=("f32",)),
    Cuda("v2_group", "v2_group.cu", group_per_row(held=4), registers=64),
]
SIMPLE: list[Cpu | Cuda] = [
    Cpu("v1_naive", "v1_naive.c", dtypes=("f32",)),
    Cpu("v2_vector", "v2_vector.cpp", levels=SIMD),
    *CUDA,
]
OVERLAPPED: list[Cpu | Cuda] = [*SIMPLE, Cpu("v3_overlapped", "v3_overlapped.cpp", levels=SIMD)]
FORWARD = Work(flops=lambda d: 5 * d["rows"] * d["n"], bytes=lambda d: 2 * d["rows"] * d["n"] * d["itemsize"])
BACKWARD = Work(
    flops=lambda d: 4 * d["rows"] * d["n"], bytes=lambda d: 3 * d["rows"] * d["n"] * d["itemsize"]
)

SOFTMAX, LOG_SOFTMAX = (
    Operator(
        Schema(name, [Array("x", ROWS)], [Array("y", ROWS)], in_place=True), FORWARD, __name__, OVERLAPPED
    )
    for name in ("softmax", "log_softmax")
)
SOFTMAX_GRAD, LOG_SOFTMAX_GRAD = (
    Operator(
        Schema(name, [Array("dy", ROWS), Array("y", ROWS)], [Array("dx", ROWS)], in_place=True),
        BACKWARD,
        __name__,
        SIMPLE,
    )
    for name in ("softmax_grad", "log_softmax_grad")
)
OPERATORS = (SOFTMAX, LOG_SOFTMAX, SOFTMAX_GRAD, LOG_SOFTMAX_GRAD)


def softmax(x: Any, *, axis: int = -1, out: Any = None, version: str | None = None) -> Any:
    """exp(x - max) / sum(exp(x - max)) along an axis.

    Args:
        x: any shape; float32, bfloat16 or float16.
        axis: which one sums to 1; another than the last costs a copy.
        out: where the result goes, shape and dtype of x; may be x.
        version: a version by name.

    Returns:
        Shape and dtype of x. A row with a NaN or +inf in it is NaN throughout, and so is a row of -inf alone.

    Raises:
        BadArgument, BadDtype: the axis, shape or dtype does not fit.

    Source: Bridle 1990, with the usual shift by the maximum.
    """
    return along_last("softmax", lambda a, o: call(SOFTMAX, (a,), (), o, version), x, axis, out)


def log_softmax(x: Any, *, axis: int = -1, out: Any = None, version: str | None = None) -> Any:
    """x - max - log(sum(exp(x - max))) along an axis: the logarithm of softmax, finite where that would be 0.

    Args:
        x: any shape; float32, bfloat16 or float16.
        axis: which one the sum runs along; another than the last costs a copy.
        out: where the result goes, shape and dtype of x; may be x.
        version: a version by name.

    Returns:
        Shape and dtype of x. A row with a NaN or +inf in it is NaN throughout, and so is a row of -inf alone.

    Raises:
        BadArgument, BadDtype: the axis, shape or dtype does not fit.

    Source: the maximum and the sum in one reading are Milakov and Gimelshein 2018.
    """
    return along_last("log_softmax", lambda a, o: call(LOG_SOFTMAX, (a,), (), o, version), x, axis, out)


def softmax_grad(dy: Any, y: Any, *, axis: int = -1, out: Any = None, version: str | None = None) -> Any:
    """The gradient of softmax: y * (dy - sum(dy * y)) along an axis.

    Args:
        dy: the gradient of what softmax gave; any shape; float32, bfloat16 or float16.
        y: what softmax gave; shape and dtype of dy.
        axis: which one softmax ran along; another than the last costs copies.
        out: where the result goes, shape and dtype of dy; may be dy.
        version: a version by name.

    Returns:
        The gradient of softmax's input, shape and dtype of dy.

    Raises:
        BadArgument, BadDtype: the axis, a shape or a dtype does not fit.
    """
    return along_last(
        "softmax_grad",
        lambda a, o: call(SOFTMAX_GRAD, (a, _turned("softmax_grad", y, axis)), (), o, version),
        dy,
        axis,
        out,
    )


def log_softmax_grad(dy: Any, y: Any, *, axis: int = -1, out: Any = None, version: str | None = None) -> Any:
    """The gradient of log-softmax: dy - exp(y) * sum(dy) along an axis.

    Args:
        dy: the gradient of what log_softmax gave; any shape; float32, bfloat16 or float16.
        y: what log_softmax gave; shape and dtype of dy.
        axis: which one log_softmax ran along; another than the last costs copies.
        out: where the result goes, shape and dtype of dy; may be dy.
        version: a version by name.

    Returns:
        The gradient of log_softmax's input, shape and dtype of dy.

    Raises:
        BadArgument, BadDtype: the axis, a shape or a dtype does not fit.
    """
    return along_last(
        "log_softmax_grad",
        lambda a, o: call(LOG_SOFTMAX_GRAD, (a, _turned("log_softmax_grad", y, axis)), (), o, version),
        dy,
        axis,
        out,
    )


def _turned(op: str, y: Any, axis: int) -> Any:
    """y with the axis where `along_last` has brought that of dy."""
    y = y if axis == -1 else as_array(op, "y", y)
    return y if axis == -1 or not -y.ndim <= axis < y.ndim else y.swapaxes(axis, -1)
