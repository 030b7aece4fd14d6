"""Layer normalisation over the last axis, and its gradients."""

from __future__ import annotations

from typing import Any

from kernels.call import call
from kernels.registry import Cpu, Cuda, Operator
from kernels.schema import Array, Attribute, Schema, Work
from kernels.toolchain.grids import group_per_row, norm_gradient, norm_gradient_naive, thread_per
from kernels.toolchain.isa import SIMD

ROWS = "rows* n"
EPS = Attribute("eps", "float")
VERSIONS = [Cpu("v1_naive", "v1_naive.c", dtypes=("f32",)), Cpu("v2_vector", "v2_vector.cpp", levels=SIMD)]
CUDA = [
    Cuda("v1_naive", "v1_naive.cu", thread_per("rows"), registers=48, dtypes=("f32",)),
    Cuda("v2_group", "v2_group.cu", group_per_row(held=4), registers=64),
]
CUDA_GRAD = [
    Cuda("v1_naive", "v1_naive.cu", norm_gradient_naive, registers=48, dtypes=("f32",)),
    Cuda("v2_group", "v2_group.cu", norm_gradient(2, held=2), registers=128),
]

LAYER_NORM = Operator(
    Schema(
        "layer_norm",
        [Array("x", ROWS), Array("weight", "n", optional=True), Array("bias", "n", optional=True)],
        [
            Array("y", ROWS),
            Array("mean", "rows*", "f32", optional=True),
            Array("rstd", "rows*", "f32", optional=True),
        ],
        [EPS],
        in_place=True,
    ),
    Work(flops=lambda d: 8 * d["rows"] * d["n"], bytes=lambda d: 2 * d["rows"] * d["n"] * d["itemsize"]),
    __name__,
    [*VERSIONS, *CUDA],
)
LAYER_NORM_GRAD = Operator(
    Schema(
        "layer_norm_grad",
        [Array("dy", ROWS), Array("x", ROWS), Array("weight", "n", optional=True)],
        [Array("dx", ROWS), Array("dweight", "n", optional=True), Array("dbias", "n", optional=True)],
        [EPS],
        in_place=True,
    ),
    Work(flops=lambda d: 18 * d["rows"] * d["n"], bytes=lambda d: 3 * d["rows"] * d["n"] * d["itemsize"]),
    __name__,
    [*VERSIONS, *CUDA_GRAD],
)
OPERATORS = (LAYER_NORM, LAYER_NORM_GRAD)


def layer_norm(
    x: Any,
    weight: Any = None,
    bias: Any = None,
    *,
    eps: float = 1e-5,
    statistics: bool = False,
    out: Any = None,
    version: str | None = None,
) -> Any:
    """(x - mean) / sqrt(variance + eps) * weight + bias, with the mean and variance of each row.

    The variance is the mean square of the distances from the mean, taken in a second pass: the difference of
    mean square and squared mean would lose all its digits where the mean is large.

    Args:
        x: (..., n); float32, bfloat16 or float16.
        weight: (n,) in the dtype of x; None for ones.
        bias: (n,) in the dtype of x; None for zeros.
        eps: added to the variance.
        statistics: also return the mean and 1 / sqrt(variance + eps) of each row.
        out: where the result goes, shape and dtype of x, may be x; with `statistics` a tuple of three.
        version: a version by name.

    Returns:
        Shape and dtype of x; with `statistics` a tuple with two more, of shape (...) in float32. A row with a
        NaN or an infinity in it is NaN throughout.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.

    Source: Ba, Kiros and Hinton 2016.
    """
    want = (True, statistics, statistics)
    outs = out if statistics or out is None else (out, None, None)
    found = call(LAYER_NORM, (x, weight, bias), (eps,), outs, version, (), want)
    return found if statistics else found[0]


def layer_norm_grad(
    dy: Any,
    x: Any,
    weight: Any = None,
    *,
    eps: float = 1e-5,
    parameters: bool = True,
    out: Any = None,
    version: str | None = None,
) -> Any:
    """The gradients of layer_norm's x, weight and bias.

    Mean and variance are computed again from x, which has to be read anyway: a mean kept in float32 would be
    off by half a unit in its last place, much for a row with a mean of 1e4 and a spread of 1.

    Args:
        dy: the gradient of what layer_norm gave, (..., n); float32, bfloat16 or float16.
        x: what layer_norm was given; shape and dtype of dy.
        weight: (n,) in the dtype of dy; None for ones.
        eps: as in layer_norm.
        parameters: also return the gradients of weight and bias.
        out: where the result goes, shape and dtype of dy, may be dy; with `parameters` a tuple of three.
        version: a version by name.

    Returns:
        With `parameters` (dx, dweight, dbias), else dx: shapes of x, weight and bias, dtype of dy.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.
    """
    want = (True, parameters, parameters)
    outs = out if parameters or out is None else (out, None, None)
    found = call(LAYER_NORM_GRAD, (dy, x, weight), (eps,), outs, version, (), want)
    return found if parameters else found[0]
