"""cond, scan and while_loop: the same eagerly, batched and traced, with gradients."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import framework as fw
from framework import nn, ops
from framework.core.graph import closed, trace
from framework.core.tensor import apply
from framework.core.tree import flatten
from framework.errors import ShapeError, TraceError
from framework.prims.control import CALL

X = fw.Tensor(np.array([0.3, -0.7, 1.2]))
K = fw.Tensor(np.array(0.5))
ROWS = fw.Tensor(np.linspace(-1, 1, 12).reshape(4, 3) + 0.05)


def branches(x: Any, k: Any) -> Any:
    return ops.cond(x.sum() > 0, lambda x: x * 2 * k, lambda x: ops.sin(x) + k, x).sum()


def scanned(x: Any, k: Any) -> Any:
    carry, ys = ops.scan(lambda c, v: (ops.sin(c * k + v), c * v), x.sum() * 0 + 1.0, x)
    return carry * ys.sum()


def looped(x: Any, k: Any) -> Any:
    return ops.while_loop(lambda v: v.sum() < 10, lambda v: v * v * k + 1.5, x).sum()


def bounded(x: Any, k: Any) -> Any:
    return ops.while_loop(lambda v: v.sum() < 10, lambda v: v * v * k + 1.5, x, max_steps=9).sum()


@pytest.mark.parametrize("fn", [branches, scanned, looped, bounded], ids=lambda f: f.__name__)
def test_traced_control_flow_gives_what_pythons_gives(fn: Any) -> None:
    graph, _ = closed(trace(fn, X, K))

    def traced(x: Any, k: Any) -> Any:
        return apply(CALL, ops.asarray(x), ops.asarray(k), graph=graph)[0]

    fw.check_grads(fn, [X, K], 1)
    fw.check_grads(traced, [X, K], 2)
    np.testing.assert_allclose(traced(X, K).asnumpy(), fn(X, K).asnumpy())
    loop = [fn(row, K).item() for row in ROWS]
    np.testing.assert_allclose(fw.vmap(fn, (0, None))(ROWS, K).asnumpy(), loop)
    both = fw.vmap(fw.grad(fn, (0, 1)), (0, None))(ROWS, K)
    alone = [fw.grad(fn, (0, 1))(row, K) for row in ROWS]
    for i in (0, 1):
        np.testing.assert_allclose(both[i].asnumpy(), np.stack([g[i].asnumpy() for g in alone]))


def test_a_scan_goes_backwards_over_containers() -> None:
    carry, out = ops.scan(
        lambda c, x: ({"n": c["n"] + x[0]}, [c["n"] * x[1]]), {"n": 0.0}, (X, X), reverse=True
    )
    assert abs(carry["n"].item() - 0.8) < 1e-12
    np.testing.assert_allclose(out[0].asnumpy(), [0.3 * 0.5, -0.7 * 1.2, 0.0], atol=1e-12)
    assert ops.scan(lambda c, _: (c * 2, None), fw.Tensor(1.0), None, length=5)[0].item() == 32.0


def test_branches_and_carries_that_do_not_fit_are_told() -> None:
    with pytest.raises(ShapeError, match=r"cond: true_fn's result: .*must equal"):
        fw.vmap(lambda x: ops.cond(x > 0, lambda x: x, lambda x: ops.stack([x, x]), x))(X)
    with pytest.raises(ShapeError, match=r"scan: the carry that f returned: \[\(\(\), 'float64'\)\]"):
        fw.vmap(lambda x: ops.scan(lambda c, v: (c * v, None), fw.Tensor(1.0), ops.stack([x, x])))(X)
    with pytest.raises(ShapeError, match="one first size is needed"):
        ops.scan(lambda c, v: (c, v), 0.0, (X, X[:2]))


def test_random_numbers_come_from_keys() -> None:
    fw.set_seed(3)
    first = [ops.rand((2,)).tolist(), ops.randn((2,)).tolist()]
    fw.set_seed(3)
    assert first == [ops.rand((2,)).tolist(), ops.randn((2,)).tolist()]
    keys = ops.split_key(ops.key(1), 3)
    found = fw.vmap(lambda k: ops.rand((2,), key=k))(keys)
    assert found.tolist() == [ops.rand((2,), key=k).tolist() for k in keys]
    assert len(np.unique(found.asnumpy())) == 6
    assert sorted(ops.randperm(5).tolist()) == list(range(5))
    draws = ops.randint(2, 5, (1000,)).asnumpy()
    assert set(draws.tolist()) == {2, 3, 4}
    kept = ops.dropout(ops.ones((10_000,)), 0.3)
    assert abs(kept.mean().item() - 1) < 0.05
    assert ops.dropout(X, 0.3, training=False) is X


DRAWS: dict[str, Any] = {
    "vmap": fw.vmap(lambda x: x + ops.rand((2,))),
    "nested": lambda x: fw.vmap(fw.vmap(lambda v: v + ops.rand((2,))))(ops.stack([x, x])),
    "scan": lambda x: ops.scan(lambda c, row: (c + row * ops.rand(()), ops.dropout(row, 0.5)), x[0], x),
    "reverse": lambda x: ops.scan(lambda c, row: (c, row + ops.rand(())), x[0], x, reverse=True),
    "while": lambda x: ops.while_loop(lambda v: v.sum() < 20, lambda v: v + ops.rand(()), x),
    "bounded": lambda x: ops.while_loop(lambda v: v.sum() < 20, lambda v: v + ops.rand(()), x, 30),
    "cond": lambda x: ops.cond(x.sum() > 0, lambda: x + ops.rand(()), lambda: x - ops.rand(())),
    "gradient": fw.grad(lambda x: ops.scan(lambda c, row: (c * ops.rand(()) + row, None), x[0], x)[0].sum()),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWS)
def test_every_example_and_step_draws_its_own_numbers_the_same_in_every_mode(name: str) -> None:
    found, x = [], ops.ones((3, 2))
    for run in (DRAWS[name], fw.jit(DRAWS[name], fullgraph=True, jit_level="O0")):
        fw.set_seed(5)
        drawn = [t.asnumpy().ravel() for t in flatten(run(x))[0]]
        found.append(np.concatenate([*drawn, ops.rand((1,)).asnumpy()]))
    np.testing.assert_array_equal(*found)
    if name in ("vmap", "nested"):
        assert len(np.unique(found[0])) == len(found[0])


def test_a_compiled_function_within_a_batch_draws_for_each_example() -> None:
    noise = fw.jit(lambda: ops.rand((2,)))
    noise()
    rows = fw.vmap(lambda x: x + noise())(ops.zeros((3, 2)))
    assert len(np.unique(rows.asnumpy())) == 6


def test_the_directions_of_one_derivative_draw_the_same_numbers() -> None:
    def noisy(x: Any) -> Any:
        return ops.dropout(x * x, 0.5)

    x, found = ops.ones((8,)), []
    for jacobian in (fw.jacfwd, fw.jacrev):
        fw.set_seed(3)
        found.append(jacobian(noisy)(x).tolist())
    assert found[0] == found[1]


def test_vmap_refuses_to_assign_what_differs_between_examples_and_leaves_the_model_as_it_was() -> None:
    cell = nn.BatchNorm1d(2)
    before, rows = cell.running_mean.held, ops.ones((3, 4, 2))
    with pytest.raises(TraceError, match=r"vmap: the function assigns to parameter .*set_train\(False\)"):
        fw.vmap(cell)(rows)
    assert cell.running_mean.held is before
    assert cell(rows[0]).shape == (4, 2)
    count = fw.Parameter(0.0)
    assert fw.vmap(lambda x: (count.assign(count + 1), x * count)[1])(X).tolist() == X.tolist()
    assert count.item() == 1.0


@pytest.mark.parametrize("traced", [functools.partial(fw.jit, fullgraph=True), fw.vmap], ids=["jit", "vmap"])
def test_branches_and_steps_that_are_traced_may_draw_numbers_and_assign_nothing(traced: Any) -> None:
    p = fw.Parameter(1.0, name="p")
    before = p.held

    def assign(v: Any) -> Any:
        return (p.assign(p + 1), v * 2)[1]

    functions: dict[str, Any] = {
        "cond": lambda body: lambda x: ops.cond(x > 0, lambda: body(x), lambda: x),
        "scan": lambda body: lambda x: ops.scan(lambda c, _: (body(c), None), x, length=2)[0],
        "while_loop": lambda body: lambda x: ops.while_loop(lambda v: v < 9, body, x),
    }
    for name, function in functions.items():
        with pytest.raises(TraceError, match=rf"{name}: a function given to it assigns parameter 'p'"):
            traced(function(assign))(ops.ones((1,)))
        assert (p.held, p.version) == (before, 0)
        drawn = traced(function(lambda v: v * 2 + ops.rand(()) * 0))(ops.ones((1,)))
        assert drawn.item() in (2.0, 4.0, 16.0)
    assert ops.random.STATE.held.prim is None


def test_an_error_in_vmap_gives_back_no_value_of_a_trace_within_it() -> None:
    p = fw.Parameter(1.0)
    step = fw.jit(lambda v: (p.assign(p + v), v)[1])
    with pytest.raises(ZeroDivisionError):
        fw.vmap(lambda x: (step(K), x, 1 / 0)[1])(X)
    step(K)
    assert p.item() == 2.0


def test_a_branch_that_assigns_runs_uncompiled_and_only_if_it_is_taken() -> None:
    p = fw.Parameter(1.0)
    step = fw.jit(lambda a: ops.cond(a.sum() > 0, lambda: (p.assign(a[0]), a)[1], lambda: a))
    with pytest.warns(RuntimeWarning, match="uncompiled: cond: a function given to it assigns"):
        step(-ops.ones((2,)))
    assert p.item() == 1.0
    step(ops.ones((2,)) * 5)
    assert p.item() == 5.0
