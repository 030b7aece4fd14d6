"""Root-mean-square normalisation over the last axis, and its gradients."""

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
    Cuda("v2_group", "v2_group.cu", norm_gradient(1, held=4), registers=128),
]

RMS_NORM = Operator(
    Schema(
        "rms_norm",
        [Array("x", ROWS), Array("weight", "n", optional=True)],
        [Array("y", ROWS), Array("rstd", "rows*", "f32", optional=True)],
        [EPS],
        in_place=True,
    ),
    Work(flops=lambda d: 4 * d["rows"] * d["n"], bytes=lambda d: 2 * d["rows"] * d["n"] * d["itemsize"]),
    __name__,
    [*VERSIONS, *CUDA],
)
RMS_NORM_GRAD = Operator(
    Schema(
        "rms_norm_grad",
        [Array("dy", ROWS), Array("x", ROWS), Array("weight", "n", optional=True)],
        [Array("dx", ROWS), Array("dweight", "n", optional=True)],
        [EPS],
        in_place=True,
    ),
    Work(flops=lambda d: 12 * d["rows"] * d["n"], bytes=lambda d: 3 * d["rows"] * d["n"] * d["itemsize"]),
    __name__,
    [*VERSIONS, *CUDA_GRAD],
)
OPERATORS = (RMS_NORM, RMS_NORM_GRAD)


def rms_norm(
    x: Any,
    weight: Any = None,
    *,
    eps: float = 1e-6,
    statistics: bool = False,
    out: Any = None,
    version: str | None = None,
) -> Any:
    """x / sqrt(mean(x^2) + eps) * weight, with the mean square of each row.

    Args:
        x: (..., n); float32, bfloat16 or float16.
        weight: (n,) in the dtype of x; None for ones.
        eps: added to the mean square.
        statistics: also return 1 / sqrt(mean(x^2) + eps) of each row.
        out: where the result goes, shape and dtype of x, may be x; with `statistics` a tuple of two.
        version: a version by name.

    Returns:
        Shape and dtype of x; with `statistics` a tuple with one more, of shape (...) in float32. A row with a
        NaN in it is NaN throughout; beside an infinity, which becomes NaN, what is finite becomes 0.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.

    Source: Zhang and Sennrich 2019.
    """
    outs = out if statistics or out is None else (out, None)
    found = call(RMS_NORM, (x, weight), (eps,), outs, version, (), (True, statistics))
    return found if statistics else found[0]


def rms_norm_grad(
    dy: Any,
    x: Any,
    weight: Any = None,
    *,
    eps: float = 1e-6,
    parameters: bool = True,
    out: Any = None,
    version: str | None = None,
) -> Any:
    """The gradients of rms_norm's x and weight. The mean square is computed again from x.

    Args:
        dy: the gradient of what rms_norm gave, (..., n); float32, bfloat16 or float16.
        x: what rms_norm was given; shape and dtype of dy.
        weight: (n,) in the dtype of dy; None for ones.
        eps: as in rms_norm.
        parameters: also return the gradient of weight.
        out: where the result goes, shape and dtype of dy, may be dy; with `parameters` a tuple of two.
        version: a version by name.

    Returns:
        With `parameters` (dx, dweight), else dx: shapes of x and weight, dtype of dy.

    Raises:
        BadArgument, BadDtype: a shape or dtype does not fit.
    """
    outs = out if parameters or out is None else (out, None)
    found = call(RMS_NORM_GRAD, (dy, x, weight), (eps,), outs, version, (), (True, parameters))
    return found if parameters else found[0]
