"""What docstrings of many operators have in common: shapes, dtypes and errors, said once for all of them.

`finish` appends to the docstring of each the paragraphs that its name stands under, so `help(ops.sqrt)` and
the docs page have them. An operator that stands under none says it all itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

# Paragraphs, and behind each the names of those that it is true of.
OPERATORS = """
x of any shape gives the same shape and dtype. Raises DTypeError for what is not made of numbers.
· ceil conj copy floor negative positive relu round sign square stop_gradient trunc

x of any shape gives the same shape; floating dtypes are kept, integers and bools become float32. Raises
DTypeError for what is not made of numbers.
· acos acosh asin asinh atan atanh cos cosh elu erf exp expm1 gelu hardsigmoid hardswish hardtanh
· leaky_relu log log10 log1p log2 logsigmoid mish reciprocal relu6 rsqrt selu sigmoid silu sin sinh
· softplus softsign sqrt tan tanh threshold

x of any shape gives the same shape; complex64 gives float32, complex128 float64, other dtypes are kept.
Raises DTypeError for what is not made of numbers.
· abs imag real

x of any shape and dtype gives bool of that shape. Raises DTypeError for what is not made of numbers.
· isfinite isinf isnan isin logical_not signbit

Shapes broadcast, dtypes are promoted (`framework.core.dtypes` says how), and the result has what comes of
it. Raises ShapeError where shapes do not broadcast, DTypeError where no dtype holds both.
· add clip floor_divide masked_fill maximum minimum multiply pow prelu remainder subtract where

Shapes broadcast, dtypes are promoted, integers and bools become float32. Raises ShapeError where shapes
do not broadcast, DTypeError where no dtype holds both.
· atan2 copysign divide hypot logaddexp nextafter

Shapes broadcast, dtypes are promoted, the result is bool. Raises ShapeError where shapes do not
broadcast, DTypeError where no dtype holds both.
· equal greater greater_equal less less_equal logical_and logical_or logical_xor not_equal

Shapes broadcast, dtypes are promoted. Raises ShapeError where shapes do not broadcast, DTypeError for
floating point and complex numbers.
· bitwise_and bitwise_invert bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor

The result is without those axes, or with size 1 there if `keepdims`; the dtype is kept. Raises ShapeError
for an axis that is not there or stands twice.
· max min prod sum

The result is without those axes, or with size 1 there if `keepdims`; floating dtypes are kept, integers
become float32. Raises ShapeError for an axis that is not there or stands twice.
· logsumexp mean std var

The result is without those axes, or with size 1 there if `keepdims`: bool of `all` and `any`, int64 of
the rest. Raises ShapeError for an axis that is not there or stands twice.
· all any argmax argmin count_nonzero

The result has x's shape. Raises ShapeError for an axis that is not there, DTypeError for what is not made
of numbers; floating dtypes are kept.
· argsort cumprod cumsum cumulative_prod cumulative_sum flip log_softmax normalize roll softmax sort
· tril triu

The dtype is kept, or promoted where there are several tensors. Raises ShapeError for a shape, an axis or
an index that does not fit.
· broadcast_arrays broadcast_to chunk concat diag diagonal diff expand_dims flatten index_put
· matrix_transpose meshgrid moveaxis narrow permute_dims repeat reshape scatter_add select split
· squeeze stack sum_to swapaxes take_along_axis tile topk unstack

Raises ShapeError for a negative size, DTypeError for a dtype that there is not.
· arange empty empty_like eye full full_like linspace ones ones_like zeros zeros_like

Raises DTypeError for what is not made of numbers, or for a dtype that there is not.
· asarray cast from_numpy

The result has that shape. Raises ShapeError for a negative size, DTypeError for a dtype that is not
floating and for a key that is none.
· normal rand randn uniform

The result is an integer tensor of that shape, or (n,). Raises DTypeError for a key that is none.
· randint randperm split_key

Raises DTypeError for a key that is none; shape and dtype are the operand's.
· bernoulli

Raises TraceError inside a trace, for the result's shape depends on values; indices and counts are int64.
· nonzero unique_all unique_counts unique_inverse unique_values

Matrices are the last two dimensions, any before them a batch; integers become float32, 16-bit floats are
computed in float32. Raises ShapeError for shapes that do not fit, ArgumentError for a matrix that LAPACK
cannot do (singular, not positive definite, not finite).
· cholesky det eigh eigvalsh inv matrix_norm matrix_power matrix_rank pinv qr slogdet solve svd
· svdvals trace

Dtypes are promoted. Raises ShapeError for shapes that do not fit, DTypeError where no dtype holds both.
· cross einsum matmul outer tensordot vecdot

Floating dtypes are kept, integers become float32. Raises ShapeError for an axis that is not there.
· layer_norm median rms_norm vector_norm

Floating dtypes are kept. Raises ShapeError for a shape that is not (n, c, length) or (n, c, h, w), and
where there is no room for a window.
· adaptive_avg_pool2d avg_pool1d avg_pool2d conv1d conv2d max_pool1d max_pool2d

Raises ShapeError for shapes that do not fit; indices are int64.
· searchsorted

Raises TraceError where a branch or a step assigns to a Parameter inside a trace; shapes and dtypes are
those of the values.
· cond while_loop

Raises ShapeError for labels of another shape or dtype.
· cross_entropy

Floating dtypes are kept, integers become float32.
· dropout pad

x of any shape gives the same shape. Raises DTypeError for a dtype that there is not. MindSpore's `cast`,
`torch.Tensor.to`.
· cast

The result is (n,), float32 unless a dtype is given. Raises DTypeError for a dtype that there
is not.
· fftfreq rfftfreq

x of any shape and dtype gives the same. Raises ShapeError for an axis that is not there.
· fftshift ifftshift

x of any shape; the axis has n elements, padded with zeros or cut, complex dtypes are kept, others become
the complex, or real, dtype of their precision. Raises ShapeError for an axis that is not there and for n
below 1, ArgumentError for another `norm`.
· fft fftn hfft ifft ifftn ihfft irfft irfftn rfft rfftn
"""


def finish(operators: Mapping[str, Any], contracts: str) -> None:
    """Append the paragraphs to the docstrings of the operators, or classes, named behind them."""
    for block in contracts.strip().split("\n\n"):
        lines = block.splitlines()
        paragraph = "\n".join(line for line in lines if not line.startswith("· "))
        for name in " ".join(line[2:] for line in lines if line.startswith("· ")).split():
            operator = operators[name]
            operator.__doc__ = f"{inspect.cleandoc(operator.__doc__ or '')}\n\n{paragraph}"
