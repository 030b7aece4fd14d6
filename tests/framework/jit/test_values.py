"""Single operators compiled: special values, dtypes, layouts, sizes that vectors do not divide."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kernels
from framework import Tensor, ops
from framework.jit import jit, link

SPECIAL = np.array(
    [0.0, -0.0, 1.0, -1.5, np.inf, -np.inf, np.nan, 1e-40, 88.8, -104.0, 1e30, 3e-5], np.float32
)
FUNCTIONS = (
    "exp",
    "log",
    "tanh",
    "erf",
    "sigmoid",
    "sqrt",
    "abs",
    "sign",
    "floor",
    "relu",
    "isnan",
    "square",
)


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value", "ignore:overflow")
def test_functions_of_special_values_are_those_of_eager_mode() -> None:
    def every(x: Any) -> Any:
        return [getattr(ops, name)(x) for name in FUNCTIONS]

    x = Tensor(SPECIAL)
    for name, value, expected in zip(FUNCTIONS, jit(every, fullgraph=True)(x), every(x), strict=True):
        np.testing.assert_allclose(value.asnumpy(), expected.asnumpy(), rtol=6e-7, atol=1.2e-38, err_msg=name)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64"])
def test_shifts_by_all_bits_and_more_are_those_of_eager_mode(dtype: str) -> None:
    x = Tensor(np.array([5, 3, 127, 0] + [-3, -128] * (dtype[0] == "i")), dtype)
    for bits in (0, 1, 7, 8, 32, 64, 100):
        for shift in (ops.bitwise_left_shift, ops.bitwise_right_shift):
            expected = shift(x, Tensor(bits, dtype)).asnumpy()
            np.testing.assert_array_equal(jit(shift, fullgraph=True)(x, Tensor(bits, dtype)), expected)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_extrema_and_sums_pass_on_nan() -> None:
    x = np.ones((5, 7), np.float32)
    x[2, 3] = np.nan

    def f(x: Any) -> Any:
        return ops.max(x), ops.max(x, axis=1), ops.min(x, axis=0), ops.sum(x, axis=0), ops.maximum(x, 2.0)

    for value, expected in zip(jit(f, fullgraph=True)(x), f(Tensor(x)), strict=True):
        np.testing.assert_array_equal(value.asnumpy(), expected.asnumpy())


@pytest.mark.slow
@pytest.mark.parametrize(
    "dtype", ["float64", "float16", "bfloat16", "int8", "int32", "uint8", "int64", "bool", "complex64"]
)
def test_every_dtype_runs_compiled(dtype: str) -> None:
    x = ops.cast(Tensor(np.arange(12).reshape(3, 4) % 5), dtype)

    def f(x: Any) -> Any:
        y = x * x + x
        return (
            y,
            ops.sum(y, axis=0),
            ops.matrix_transpose(y),
            ops.concat([y, x], axis=0),
            y == x,
            ops.where(y == x, x, y),
        )

    for value, expected in zip(jit(f, fullgraph=True)(x), f(x), strict=True):
        assert value.dtype == expected.dtype
        np.testing.assert_array_equal(value.asnumpy(), expected.asnumpy())


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (1, 1), (1, 1000), (7, 33), (2, 3, 1, 5)])
def test_empty_odd_and_unit_shapes(shape: tuple[int, ...]) -> None:
    x = Tensor(np.random.default_rng(0).standard_normal(shape).astype(np.float32))

    def f(x: Any) -> Any:
        total = ops.sum(x, axis=-1, keepdims=True)
        return (
            x - total,
            ops.sum(x, axis=0),
            ops.matmul(x, ops.matrix_transpose(x)),
            ops.reshape(x, (-1,)) * 2,
        )

    for value, expected in zip(jit(f, fullgraph=True)(x), f(x), strict=True):
        np.testing.assert_allclose(value.asnumpy(), expected.asnumpy(), rtol=1e-5, atol=1e-5)


def test_arguments_that_are_not_contiguous_or_not_aligned_are_taken() -> None:
    f = jit(lambda x, y: x + y, fullgraph=True)
    base = np.arange(24, dtype=np.float32).reshape(4, 6)
    askew = np.frombuffer(bytearray(4 * 24 + 1), np.uint8)[1:].view(np.float32).reshape(6, 4)
    assert f(base.T, askew).tolist() == base.T.tolist()


def test_results_of_an_earlier_call_stay() -> None:
    f = jit(lambda x: x * 2, fullgraph=True)
    first = f(Tensor(np.ones(3, np.float32)))
    f(Tensor(np.zeros(3, np.float32)))
    assert first.tolist() == [2, 2, 2]


def test_results_that_are_arguments_or_each_other_are_copies_of_their_own() -> None:
    x = Tensor(np.ones((2, 3), np.float32))
    a, b, c, d = jit(lambda x: (x, x, x * 2, ops.matrix_transpose(x * 2)), fullgraph=True)(x)
    assert len({id(t.value) for t in (a, b, c, d)}) == 4
    assert not any(np.shares_memory(t.value, x.value) for t in (a, b, c, d))
    assert d.tolist() == [[2, 2]] * 3


def test_two_threads_may_run_one_program() -> None:
    from concurrent.futures import ThreadPoolExecutor

    f = jit(lambda x: ops.sum(ops.tanh(x @ x) @ x, axis=1), fullgraph=True)
    xs = [Tensor(np.full((40, 40), i / 400, np.float32)) for i in range(8)]
    expected = [f(x).tolist() for x in xs]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            assert [t.tolist() for t in pool.map(f, xs)] == expected


def test_the_sums_of_a_single_row_are_those_of_all_threads() -> None:
    """A vector's softmax of what is so costly that several threads would pay."""

    def f(x: Any) -> Any:
        for _ in range(8):
            x = ops.tanh(x) * 1.3 + ops.exp(-x * x)
        return ops.softmax(x)

    x = Tensor(np.random.default_rng(0).standard_normal(8192).astype(np.float32))
    threads = kernels.get_num_threads()
    try:
        kernels.set_num_threads(2)
        np.testing.assert_allclose(jit(f, fullgraph=True)(x).asnumpy(), f(x).asnumpy(), rtol=1e-4)
    finally:
        kernels.set_num_threads(threads)


def test_products_and_loops_are_cut_among_threads_and_leave_blas_as_it_was() -> None:
    def f(x: Any, w: Any) -> Any:
        heads = ops.reshape(x @ w, (4, 64, 160))  # rows are cut; then a batch; then columns
        return ops.gelu(heads @ ops.swapaxes(heads, -1, -2)), ops.matrix_transpose(w) @ w[:, :40] - 1

    x, w = (
        Tensor(np.random.default_rng(0).standard_normal(shape).astype(np.float32))
        for shape in ((256, 90), (90, 160))
    )
    compiled = jit(f, fullgraph=True)
    blas = link.blas_threads()
    threads = kernels.get_num_threads()
    results = []
    try:
        for count in (1, 2, 3):
            kernels.set_num_threads(count)
            results.append([each.asnumpy() for each in compiled(x, w)])
    finally:
        kernels.set_num_threads(threads)
    for several in results[1:]:
        for value, other in zip(results[0], several, strict=True):
            np.testing.assert_allclose(other, value, rtol=1e-5, atol=1e-4)
    assert blas is None or (blas.users, blas.lock) == (0, 0)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_every_16_bit_float_is_read_and_every_float_rounded_as_in_eager_mode(dtype: str) -> None:
    bits = Tensor(np.arange(1 << 16, dtype=np.uint16).view(ops.zeros((), dtype).dtype))
    floats = np.random.default_rng(0).integers(0, 1 << 32, 200_000, dtype=np.uint32).view(np.float32)
    exact = bits.asnumpy().astype(np.float32)
    ties = np.concatenate([exact, (exact[:-1] + exact[1:]) / 2, floats, floats % 1, floats % 1e-4])

    def f(x: Any, y: Any) -> Any:
        return ops.cast(x, "float32"), ops.cast(y, dtype)

    compiled = jit(f, fullgraph=True)
    for value, other in zip(compiled(bits, ties), f(bits, Tensor(ties)), strict=True):
        assert value.dtype == other.dtype
        np.testing.assert_array_equal(*(each.asnumpy().astype(np.float32) for each in (value, other)))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_16_bit_floats_are_computed_with_in_the_program(dtype: str) -> None:
    rng = np.random.default_rng(0)
    x, w = (ops.cast(Tensor(rng.standard_normal(shape)), dtype) for shape in ((9, 20), (20, 33)))

    def f(x: Any, w: Any) -> Any:
        y = x @ w
        return (
            y * y + 1,
            ops.sum(y, axis=0),
            ops.max(y, axis=1),
            ops.where(y > 0, y, -y),
            ops.cast(y, "int32"),
        )

    compiled = jit(f, fullgraph=True)
    for value, other in zip(compiled(x, w), f(x, w), strict=True):
        assert value.dtype == other.dtype
        eps = 2.0 ** -(10 if dtype == "float16" else 7)
        np.testing.assert_allclose(
            value.asnumpy().astype(np.float64), other.asnumpy().astype(np.float64), rtol=eps, atol=eps
        )
    assert "0 calls of implementations" in compiled.lower(x, w).passes
