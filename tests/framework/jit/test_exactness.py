"""How far compiled code is from the exact result: 2 ulp for elementwise primitives; twice what eager mode is
off for sums, products and what is made of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from framework import Tensor, ops
from framework.core.prim import PRIMS, Prim
from framework.core.tensor import apply
from framework.jit import jit
from framework.jit.expressions import code_of

FLOAT = np.dtype(np.float32)
EPS = float(np.finfo(FLOAT).eps)
RNG = np.random.default_rng(0)
# Every magnitude that gives normal numbers, and more where functions bend.
POINTS = np.concatenate(
    [
        RNG.standard_normal(5000) * 3,
        np.exp(RNG.uniform(-20, 4.4, 5000)),
        -np.exp(RNG.uniform(-20, 4.4, 5000)),
        RNG.uniform(-1, 1, 5000),
    ]
).astype(FLOAT)
OTHERS = RNG.permutation(POINTS)


def _has_code(prim: Prim) -> bool:
    """Is it compiled, and a function of floats that gives floats?"""
    if prim.axes not in OPERANDS:
        return False
    try:
        out = prim.infer(*[Tensor(POINTS)] * OPERANDS[str(prim.axes)])
    except TypeError:  # it has attributes, or takes other dtypes
        return False
    floats = [FLOAT] * OPERANDS[str(prim.axes)]
    return out.dtype == FLOAT and code_of(prim, floats, out.dtype) is not None


OPERANDS = {"...->...": 1, "...,...->...": 2}
ELEMENTWISE = [name for name, prim in PRIMS.items() if _has_code(prim)]


def _operands(name: str) -> list[np.ndarray]:
    return [POINTS, OTHERS][: OPERANDS[str(PRIMS[name].axes)]]


@functools.cache
def _elementwise() -> dict[str, Tensor]:
    """Of every primitive what it gives compiled: one program, as compiling takes longer than running."""

    def every(*arrays: Any) -> Any:
        return {name: apply(PRIMS[name], *arrays[: len(_operands(name))]) for name in ELEMENTWISE}

    found: dict[str, Tensor] = jit(every, fullgraph=True)(POINTS, OTHERS)
    return found


def test_most_elementwise_primitives_are_compared() -> None:
    assert len(ELEMENTWISE) > 40


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value", "ignore:overflow")
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_an_elementwise_primitive_is_exact_to_2_ulp(name: str) -> None:
    found = _elementwise()[name].asnumpy()
    exact = np.asarray(PRIMS[name].impl(np, *(each.astype(np.float64) for each in _operands(name))))
    rounded = exact.astype(FLOAT)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(rounded))
    np.testing.assert_array_equal(found[np.isinf(rounded)], rounded[np.isinf(rounded)])
    normal = np.isfinite(rounded) & (np.abs(rounded) > np.finfo(FLOAT).tiny)
    off = np.abs(found[normal] - exact[normal]) / np.spacing(np.abs(rounded[normal]))
    assert off.max(initial=0) <= 2.005  # acosh of some C libraries: 2.002


def _normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(FLOAT)


def _largest(result: Any, *arrays: Any) -> Any:
    return np.abs(result).max()


# The function, its operands, and the magnitude of what it adds up.
Case = tuple[Callable[..., Any], list[np.ndarray], Callable[..., Any]]
SUMS: dict[str, Case] = {
    "sum of rows": (lambda x: ops.sum(x, axis=-1), [_normal(37, 1000)], lambda e, x: np.abs(x).sum(-1)),
    "sum of columns": (lambda x: ops.sum(x, axis=0), [_normal(1000, 37)], lambda e, x: np.abs(x).sum(0)),
    "sum of all": (ops.sum, [_normal(300, 400)], lambda e, x: np.abs(x).sum()),
    "sum of a long row": (ops.sum, [_normal(100_000)], lambda e, x: np.abs(x).sum()),
    "product": (lambda x: ops.prod(x, axis=-1), [_normal(37, 20)], lambda e, x: 20 * np.abs(e)),
    "matmul": (ops.matmul, [_normal(64, 300), _normal(300, 50)], lambda e, x, y: np.abs(x) @ np.abs(y)),
    "variance": (lambda x: ops.var(x, axis=-1), [_normal(64, 300)], _largest),
    "softmax": (ops.softmax, [_normal(64, 300)], _largest),
    "log_softmax": (ops.log_softmax, [_normal(64, 300)], _largest),
    "logsumexp": (lambda x: ops.logsumexp(x, axis=-1), [_normal(64, 300)], _largest),
    "layer_norm": (ops.layer_norm, [_normal(64, 300), _normal(300), _normal(300)], _largest),
    "gelu": (ops.gelu, [_normal(64, 300)], _largest),
    "silu": (ops.silu, [_normal(64, 300)], _largest),
}


@functools.cache
def _sums() -> dict[str, Tensor]:
    def every(operands: dict[str, Any]) -> Any:
        return {name: function(*operands[name]) for name, (function, _, _) in SUMS.items()}

    operands = {name: tuple(arrays) for name, (_, arrays, _) in SUMS.items()}
    found: dict[str, Tensor] = jit(every, fullgraph=True)(operands)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", SUMS)
def test_a_sum_is_off_by_at_most_twice_as_much_as_in_eager_mode(name: str) -> None:
    function, arrays, magnitude = SUMS[name]
    wide = [each.astype(np.float64) for each in arrays]
    exact = function(*map(Tensor, wide)).asnumpy()
    terms = magnitude(exact, *wide)

    def off(found: Tensor) -> float:
        """In units of the rounding of the sum of the terms' magnitudes."""
        return float((np.abs(found.asnumpy() - exact) / (EPS * terms)).max())

    assert off(_sums()[name]) <= 2 * max(off(function(*map(Tensor, arrays))), 0.5)
