"""Programs of up to 30 operators give the same eagerly, interpreted, compiled and under vmap."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from framework import Tensor, ops, value_and_grad, vmap
from framework.jit import jit
from tests.framework.jit.programs import programs

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large]


def _check(case: Any) -> None:
    program, arrays, text = case
    args = [Tensor(array) for array in arrays]
    expected = program(*args)
    for value, same in zip(expected, jit(program, jit_level="O0", fullgraph=True)(*args), strict=True):
        assert np.array_equal(value, same, equal_nan=True), text
    _check_rounding(program, arrays, text)
    batched = vmap(program)(*[ops.stack([x, x * 0.5]) for x in args])
    for value, other in zip(expected, batched, strict=True):
        scale = np.abs(value.asnumpy()).max(initial=1.0)
        assert np.abs(value.asnumpy() - other[0].asnumpy()).max(initial=0) <= 2e-5 * scale, text


def _check_rounding(program: Any, arrays: Any, text: str) -> None:
    """Compiled, it is off by at most twice as much as in eager mode, and 4 ulp of the largest value."""
    wide = program(*[Tensor(array.astype(np.float64)) for array in arrays])
    args = [Tensor(array) for array in arrays]
    for exact, value, other in zip(wide, program(*args), jit(program, fullgraph=True)(*args), strict=True):
        assert (other.shape, other.dtype) == (value.shape, value.dtype)
        scale = np.abs(exact.asnumpy()).max(initial=1.0)
        eager, compiled = (np.abs(each.asnumpy() - exact.asnumpy()).max(initial=0) for each in (value, other))
        assert compiled <= 2 * eager + 4 * np.finfo(np.float32).eps * scale, text


def _check_gradients(case: Any) -> None:
    program, arrays, text = case

    def loss(x: Any, y: Any) -> Any:
        return sum(ops.mean(value) for value in program(x, y))

    def step(x: Any, y: Any) -> Any:
        value, gradients = value_and_grad(loss, (0, 1))(x, y)
        return [value, *gradients]

    _check_rounding(step, arrays, text)


@pytest.mark.slow
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=QUIET)
@given(programs(most=12))
def test_short_programs_give_the_same_everywhere(case: Any) -> None:
    _check(case)


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=QUIET)
@given(programs())
def test_long_programs_give_the_same_everywhere(case: Any) -> None:
    _check(case)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=QUIET)
@given(programs(most=15))
def test_gradients_of_programs_are_the_same_compiled(case: Any) -> None:
    _check_gradients(case)
