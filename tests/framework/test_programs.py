"""Random programs of up to 30 operators: alike eagerly, batched, compiled and in torch, gradients too."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import framework as fw
from framework import ops

# Every operator keeps the shape (3, 4) and values of a few units, so any order of them makes a program.
UNARY: dict[str, Any] = {
    "sin": lambda o, x: o.sin(x),
    "tanh": lambda o, x: o.tanh(x),
    "sigmoid": lambda o, x: o.sigmoid(x),
    "exp": lambda o, x: o.exp(-x * x),
    "sqrt": lambda o, x: o.sqrt(x * x + 1.0),
    "log": lambda o, x: o.log(x * x + 1.5),
    "neg": lambda o, x: -x,
    "abs": lambda o, x: o.abs(x - 0.1234567),
    "halve": lambda o, x: x / 2.0,
    "softmax": lambda o, x: o.softmax(x, -1),
    "centre": lambda o, x: x - (x * 1.0).mean(-1)[:, None],
    "total": lambda o, x: x.sum(0) / 3.0 - x,
    "peak": lambda o, x: x - o.logsumexp(x, -1)[:, None] / 4.0,
    "reverse": lambda o, x: o.flip(x, (1,)),
    "transpose": lambda o, x: x.reshape(4, 3).T,
    "shift": lambda o, x: x[[1, 2, 0]],
    "part": lambda o, x: x[:, 1:2] * x[0] - x,
    "square": lambda o, x: o.tanh(x @ x.T) @ x / 3.0,
    "einsum": lambda o, x: o.einsum("ij,kj,kl->il", o.tanh(x), o.tanh(x), x) / 9.0,
    "cumsum": lambda o, x: o.cumsum(x, 1) / 4.0,
    "relu": lambda o, x: o.relu(x - 0.0123),
    "erf": lambda o, x: o.erf(x),
    "clip": lambda o, x: o.clip(x, -0.9876, 1.2345),
    "roll": lambda o, x: o.roll(x, 1, 1),
    "tril": lambda o, x: o.tril(x) + x / 2.0,
    "concat": lambda o, x: o.concat((x[1:], x[:1])),
    "log_softmax": lambda o, x: o.log_softmax(x, 0) / 3.0,
}
BINARY: dict[str, Any] = {
    "add": lambda o, x, y: (x + y) / 2.0,
    "sub": lambda o, x, y: (x - y) / 2.0,
    "mul": lambda o, x, y: o.tanh(x) * y,
    "div": lambda o, x, y: x / (y * y + 1.0),
    "max": lambda o, x, y: o.maximum(x, y),
    "min": lambda o, x, y: o.minimum(x, y + 0.01),
    "where": lambda o, x, y: o.where(x > 0.05, x, y),
    "atan2": lambda o, x, y: o.atan2(x, y * y + 0.5),
}
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(sorted(UNARY)), st.integers(0, 40), st.just(0)),
        st.tuples(st.sampled_from(sorted(BINARY)), st.integers(0, 40), st.integers(0, 40)),
    ),
    min_size=1,
    max_size=30,
)


def program(o: Any, steps: list[tuple[str, int, int]]) -> Any:
    """The function that does these steps, each on earlier results."""

    def run(x: Any, y: Any) -> Any:
        values = [x, y]
        for name, i, j in steps:
            a, b = values[-1 - i % len(values)], values[-1 - j % len(values)]
            values.append(UNARY[name](o, a) if name in UNARY else BINARY[name](o, a, b))
        return values[-1] + (values[-2] - x) * 0.5

    return run


def operands() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    return rng.standard_normal((3, 4)), rng.standard_normal((3, 4))


def check_batched(steps: list[tuple[str, int, int]]) -> None:
    run, (x, y) = program(ops, steps), [fw.Tensor(a) for a in operands()]
    grads = fw.grad(lambda x, y: (run(x, y) ** 2).sum(), (0, 1))
    xs, ys = ops.stack([x, x * 0.9]), ops.stack([y, y * 1.1])
    both, alone = fw.vmap(run)(xs, ys), [run(a, b) for a, b in zip(xs, ys, strict=True)]
    np.testing.assert_allclose(both.asnumpy(), [a.asnumpy() for a in alone], rtol=1e-9, atol=1e-10)
    for g, row in zip(
        fw.vmap(grads)(xs, ys),
        zip(*[grads(a, b) for a, b in zip(xs, ys, strict=True)], strict=True),
        strict=True,
    ):
        np.testing.assert_allclose(g.asnumpy(), [r.asnumpy() for r in row], rtol=1e-7, atol=1e-8)


def check_compiled(steps: list[tuple[str, int, int]], level: str, exact: bool) -> None:
    run, (x, y) = program(ops, steps), [fw.Tensor(a, fw.float32) for a in operands()]
    step = fw.value_and_grad(lambda x, y: (run(x, y) ** 2).sum(), (0, 1))
    eager, compiled = step(x, y), fw.jit(step, jit_level=level)(x, y)
    for a, b in zip((eager[0], *eager[1]), (compiled[0], *compiled[1]), strict=True):
        if exact:
            np.testing.assert_array_equal(a.asnumpy(), b.asnumpy())
        else:
            np.testing.assert_allclose(a.asnumpy(), b.asnumpy(), rtol=2e-4, atol=2e-4)


def check_torch(steps: list[tuple[str, int, int]]) -> None:
    import torch

    run, theirs, arrays = program(ops, steps), program(torch, steps), operands()
    xs, ts = [fw.Tensor(a) for a in arrays], [torch.tensor(a, requires_grad=True) for a in arrays]
    value, grads = fw.value_and_grad(lambda x, y: (run(x, y) ** 2).sum(), (0, 1))(*xs)
    wanted = (theirs(*ts) ** 2).sum()
    wanted.backward()
    np.testing.assert_allclose(value.item(), wanted.item(), rtol=1e-9)
    for g, t in zip(grads, ts, strict=True):
        zero = np.zeros(t.shape) if t.grad is None else t.grad.numpy()
        np.testing.assert_allclose(g.asnumpy(), zero, rtol=1e-7, atol=1e-8)


QUICK = settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
LONG = settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@QUICK
@given(STEPS)
def test_a_batch_gives_what_its_examples_give(steps: list[tuple[str, int, int]]) -> None:
    check_batched(steps)


@QUICK
@given(STEPS)
def test_an_optimised_graph_gives_the_same_bits(steps: list[tuple[str, int, int]]) -> None:
    check_compiled(steps, "O0", exact=True)


@pytest.mark.slow
@LONG
@given(STEPS)
def test_many_programs_give_the_same_eagerly_batched_interpreted_compiled_and_in_torch(
    steps: list[tuple[str, int, int]],
) -> None:
    check_batched(steps)
    check_compiled(steps, "O0", exact=True)
    check_compiled(steps, "O1", exact=False)
    if find_spec("torch"):
        check_torch(steps)
