"""Cross-entropy of logits against labels, softmax included, and its gradient."""

from __future__ import annotations

from typing import Any

from kernels.call import call
from kernels.registry import Cpu, Cuda, Operator
from kernels.schema import Array, Attribute, Schema, Work
from kernels.toolchain.grids import group_per_row, thread_per
from kernels.toolchain.isa import SIMD

LOGITS, TARGETS = Array("logits", "rows* n"), Array("targets", "rows*", "I")
DTYPES = {"T": ("f32", "bf16", "f16"), "I": ("i64", "i32")}
IGNORE = Attribute("ignore_index", "int")
VERSIONS = [
    Cpu("v1_naive", "v1_naive.c", dtypes=("f32_i64", "f32_i32")),
    Cpu("v2_one_reading", "v2_one_reading.cpp", levels=SIMD),
]
NAIVE = Cuda("v1_naive", "v1_naive.cu", thread_per("rows"), registers=64, dtypes=("f32_i64", "f32_i32"))

CROSS_ENTROPY = Operator(
    Schema("cross_entropy", [LOGITS, TARGETS], [Array("loss", "rows*", "f32")], [IGNORE], DTYPES),
    Work(flops=lambda d: 4 * d["rows"] * d["n"], bytes=lambda d: d["rows"] * d["n"] * d["itemsize"]),
    __name__,
    [*VERSIONS, NAIVE, Cuda("v2_group", "v2_group.cu", group_per_row(held=0), registers=64)],
)
CROSS_ENTROPY_GRAD = Operator(
    Schema(
        "cross_entropy_grad",
        [LOGITS, TARGETS, Array("dloss", "rows*", "f32", optional=True)],
        [Array("dlogits", "rows* n"), Array("loss", "rows*", "f32", optional=True)],
        [IGNORE],
        DTYPES,
        in_place=True,
    ),
    Work(flops=lambda d: 8 * d["rows"] * d["n"], bytes=lambda d: 2 * d["rows"] * d["n"] * d["itemsize"]),
    __name__,
    [*VERSIONS, NAIVE, Cuda("v2_group", "v2_group.cu", group_per_row(held=4), registers=64)],
)
OPERATORS = (CROSS_ENTROPY, CROSS_ENTROPY_GRAD)


def cross_entropy(
    logits: Any, targets: Any, *, ignore_index: int = -100, out: Any = None, version: str | None = None
) -> Any:
    """-log(softmax(logits)[target]) of each row.

    Args:
        logits: (..., n); float32, bfloat16 or float16.
        targets: (...), the label of each row, from 0 to n - 1; int64 or int32.
        ignore_index: a label that makes the loss of its row 0.
        out: where the result goes: (...) in float32.
        version: a version by name.

    Returns:
        The loss of each row, (...) in float32. A row with a NaN or +inf in it has the loss NaN.

    Raises:
        BadArgument: a shape does not fit, or a label is neither in range nor `ignore_index` (then nothing
            is written; a card cannot raise: there such a row becomes NaN).
        BadDtype: a dtype does not fit.

    Source: the maximum and the sum in one reading are Milakov and Gimelshein 2018.
    """
    return call(CROSS_ENTROPY, (logits, targets), (ignore_index,), out, version)


def cross_entropy_grad(
    logits: Any,
    targets: Any,
    dloss: Any = None,
    *,
    ignore_index: int = -100,
    loss: bool = False,
    out: Any = None,
    version: str | None = None,
) -> Any:
    """The gradient of cross_entropy's logits, (softmax(logits) - one_hot(target)) * dloss, and the loss too.

    The loss costs nothing more, so a training step needs no other call; with `out` the logits themselves it
    needs no other memory either.

    Args:
        logits: (..., n); float32, bfloat16 or float16.
        targets: (...), the label of each row, from 0 to n - 1; int64 or int32.
        dloss: (...) in float32, the gradient of each row's loss; None for ones.
        ignore_index: a label that makes the gradient of its row 0.
        loss: also return the loss of each row.
        out: where the result goes, shape and dtype of logits, may be logits; with `loss` a tuple of two.
        version: a version by name.

    Returns:
        Shape and dtype of logits; with `loss` a tuple of it and the loss, (...) in float32.

    Raises:
        BadArgument: a shape does not fit, or a label is neither in range nor `ignore_index` (then nothing
            is written; a card cannot raise: there such a row becomes NaN).
        BadDtype: a dtype does not fit.

    Source: gradient in place of the logits as in Hsu et al. 2024 (Liger).
    """
    outs = out if loss or out is None else (out, None)
    inputs = (logits, targets, dloss)
    found = call(CROSS_ENTROPY_GRAD, inputs, (ignore_index,), outs, version, (), (True, loss))
    return found if loss else found[0]
