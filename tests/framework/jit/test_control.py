"""Loops and branches compiled: one C program, no call of Python in it, and what eager mode gives."""

from __future__ import annotations

import signal
import threading
from typing import Any

import numpy as np
import pytest

from framework import Tensor, grad, ops, vmap
from framework.core import tree
from framework.jit import jit

RNG = np.random.default_rng(0)
X = Tensor(RNG.standard_normal((7, 5)).astype(np.float32))
W = Tensor(0.3 * RNG.standard_normal((5, 5)).astype(np.float32))


def recurrent(x: Any, w: Any) -> Any:
    def step(state: Any, row: Any) -> Any:
        h, count = state
        h = ops.tanh(h @ w + row)
        return (h, count + 1), (h * 2, row)

    return ops.scan(step, (ops.zeros((5,)), ops.zeros((), "int64")), x)


def loss(x: Any, w: Any) -> Any:
    (h, _), (ys, rows) = recurrent(x, w)
    return ops.sum(h * h) + ops.sum(ys * rows)


def backward(x: Any, w: Any) -> Any:
    return ops.scan(lambda c, row: (c * 0.5 + row, c), x[0], x, reverse=True)


def adding_up(x: Any, w: Any) -> Any:
    return ops.scan(lambda c, row: (c + ops.outer(row, row), None), w, x)


def exchanging(x: Any, w: Any) -> Any:
    return ops.scan(lambda c, row: ((c[1], c[0] + row), row[0]), (x[0], x[1]), x)[0]


def until(x: Any, w: Any) -> Any:
    start = (ops.abs(x), ops.zeros((), "int32"))
    return ops.while_loop(
        lambda c: ops.sum(c[0]) < 100 + w[0, 0], lambda c: (c[0] * 1.5 + 1, c[1] + 1), start
    )


def either(x: Any, w: Any) -> Any:
    table = Tensor(np.arange(35, dtype=np.float32).reshape(7, 5))
    return ops.cond(ops.sum(x) > 0, lambda a: (a @ w, a * 2), lambda a: (a - w[0], a + table), x)


def nested(x: Any, w: Any) -> Any:
    def step(c: Any, row: Any) -> Any:
        c = ops.cond(ops.sum(row) > 0, lambda c: ops.tanh(c + row), lambda c: c @ w, c)
        return c, ops.while_loop(lambda v: ops.sum(ops.abs(v)) > 1, lambda v: v * 0.7, row)

    return ops.scan(step, ops.ones((5,)), x)


PROGRAMS = {
    "recurrent": recurrent,
    "gradient": grad(loss, (0, 1)),
    "backward": backward,
    "adding up": adding_up,
    "exchanging": exchanging,
    "until": until,
    "either": either,
    "the other": lambda x, w: either(-ops.abs(x), w),
    "nested": nested,
    "gradient of nested": grad(lambda x, w: ops.sum(nested(x, w)[0]), (0, 1)),
    "batch": lambda x, w: vmap(recurrent, in_axes=(None, 0))(x, ops.stack([w, 2 * w])),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_control_flow_is_part_of_the_program(name: str) -> None:
    compiled = jit(PROGRAMS[name], fullgraph=True)
    expected = tree.flatten(PROGRAMS[name](X, W))[0]
    for _ in range(2):  # the second call works in memory that the first has used
        found = tree.flatten(compiled(X, W))[0]
        for value, other in zip(found, expected, strict=True):
            assert (value.shape, value.dtype) == (other.shape, other.dtype)
            np.testing.assert_allclose(value.asnumpy(), other.asnumpy(), rtol=2e-6, atol=2e-6)
    lowered = compiled.lower(X, W)
    assert "0 calls of implementations" in lowered.passes
    assert "0 loops" not in lowered.passes


def test_a_loop_of_what_has_no_code_runs_by_its_implementation() -> None:
    def f(x: Any) -> Any:
        return ops.scan(lambda c, row: (c + ops.sort(row), None), x[0], x)[0]

    compiled = jit(f, fullgraph=True)
    np.testing.assert_allclose(compiled(X).asnumpy(), f(X).asnumpy(), rtol=1e-6)
    assert "0 loops and branches, 1 calls of implementations (scan)" in compiled.lower(X).passes


def test_the_graphs_of_a_loop_are_listed() -> None:
    listing = jit(nested).lower(X, W).optimised
    assert "    body:" in listing
    assert "            then:" in listing


@pytest.mark.slow
@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals are for it")
@pytest.mark.parametrize("width", [1, 1 << 14])
def test_what_a_signal_raises_ends_a_loop_that_would_last(width: int) -> None:
    def ring(number: int, frame: Any) -> None:
        raise InterruptedError("rung")

    steps = 10**12 // width
    compiled = jit(
        lambda x: ops.while_loop(lambda c: c[0] < steps, lambda c: (c[0] + 1, c[1] * 0.5 + 1), (0, x)),
        fullgraph=True,
    )
    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)  # again, in case it still compiles
        with pytest.raises(InterruptedError, match="rung"):
            compiled(ops.ones((width,)))
        with pytest.raises(InterruptedError, match="rung"):
            compiled(ops.ones((width,)))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
