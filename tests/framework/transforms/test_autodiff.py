"""grad, value_and_grad, vjp, jvp, Jacobians: their call forms and what they refuse."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import framework as fw
from framework import ops
from framework.core import tree
from framework.errors import DTypeError, GradientError, ShapeError

X, Y = fw.Tensor([1.0, 2.0, 3.0]), fw.Tensor([0.5, -1.0, 2.0])


def product(x: Any, y: Any) -> Any:
    return (x * y).sum()


def test_positions_name_one_argument_several_or_none() -> None:
    assert fw.grad(product, 1)(X, Y).tolist() == X.tolist()
    assert [g.tolist() for g in fw.grad(product, (1, 0))(X, Y)] == [X.tolist(), Y.tolist()]
    assert fw.grad(product, -1)(X, Y).tolist() == X.tolist()
    assert fw.grad(product)(X, y=Y).tolist() == Y.tolist()


def test_weights_come_with_the_inputs_or_alone_in_the_container_they_came_in() -> None:
    w, b = fw.Parameter([1.0, 1.0, 1.0]), fw.Parameter(2.0)

    def loss(x: Any) -> Any:
        return (w * x).sum() + b, {"aux": x}

    (value, aux), (gx, (gw, gb)) = fw.value_and_grad(loss, 0, (w, b), has_aux=True)(X)
    assert (value.item(), aux["aux"].tolist()) == (8.0, X.tolist())
    assert (gx.tolist(), gw.tolist(), gb.item()) == ([1.0] * 3, X.tolist(), 1.0)
    found = fw.grad(lambda: (w * w).sum(), None, {"w": w, "other": b})()
    assert (found["w"].tolist(), found["other"].item()) == ([2.0] * 3, 0.0)
    assert w.held.prim is None


def test_a_weight_that_stands_twice_is_refused_by_name() -> None:
    w = fw.Parameter(3.0, name="w")
    with pytest.raises(GradientError, match=r"parameter 'w' \(shape \(\)\) stands twice, again at 1"):
        fw.grad(lambda: w * w, None, [w, w])()
    assert w.held.prim is None


def test_a_gradient_that_would_get_lost_in_python_is_told() -> None:
    with pytest.raises(GradientError, match=r"would lose it: write ops\.stack\(list\)"):
        fw.grad(lambda x: fw.Tensor([x, x]).sum())(fw.Tensor(2.0))
    with pytest.raises(GradientError, match=r"returned 6\.0, no tensor, which no gradient follows"):
        fw.grad(lambda x: float(x.sum()))(X)
    with pytest.raises(GradientError, match=r"returned nothing \(None\): return the loss"):
        fw.grad(lambda x: None)(X)
    with pytest.raises(GradientError, match=r"has_aux: .* must return two things, \(loss, aux\)"):
        fw.value_and_grad(lambda x: x.sum(), has_aux=True)(X)
    with pytest.raises(DTypeError, match=r"grad: fn is 3 \(int\); Callable.* is needed"):
        fw.grad(3)  # type: ignore[arg-type]
    for jacobian in (fw.jacfwd, fw.jacrev):
        with pytest.raises(GradientError, match=r"grad_position 0: .* is not floating point"):
            jacobian(lambda i: i * 2)(fw.Tensor([1, 2]))


def test_second_derivatives_by_weights() -> None:
    w = fw.Parameter([1.0, 2.0])

    def norm_of_gradient() -> Any:
        (g,) = fw.grad(lambda: (w**3).sum(), None, [w])()
        return (g * g).sum()

    (found,) = fw.grad(norm_of_gradient, None, [w])()
    np.testing.assert_allclose(found.asnumpy(), [36.0, 36.0 * 8])


def test_a_weight_computed_with_before_the_inner_gradient_is_a_constant_of_it() -> None:
    w = fw.Parameter(3.0)

    def outer() -> Any:
        h = w * w
        (g,) = fw.grad(lambda: h * w, None, [w])()  # = h
        return g

    (found,) = fw.grad(outer, None, [w])()
    assert found.item() == 6.0


def test_arguments_may_be_containers_and_dataclasses() -> None:
    import dataclasses

    @tree.register_dataclass
    @dataclasses.dataclass
    class State:
        a: Any
        b: Any

    g = fw.grad(lambda s, d: (s.a * d["k"][0]).sum() + s.b**2, (0, 1))(State(X, fw.Tensor(3.0)), {"k": [Y]})
    assert (g[0].a.tolist(), g[0].b.item(), g[1]["k"][0].tolist()) == (Y.tolist(), 6.0, X.tolist())


def test_lambdas_closures_methods_and_partials_are_alike() -> None:
    class Model:
        scale = 3.0

        def __call__(self, x: Any) -> Any:
            return self.method(x)

        def method(self, x: Any) -> Any:
            return (x * self.scale).sum()

    model, k = Model(), 3.0
    functions = [lambda x: (x * k).sum(), model.method, model, functools.partial(product, Y * 0 + 3)]
    assert all(fw.grad(f)(X).tolist() == [3.0] * 3 for f in functions)


def test_vjp_gives_a_pullback_that_may_be_called_again() -> None:
    (a, b), pull = fw.vjp(lambda x, y: (x * y, x.sum()), X, Y)
    assert (a.tolist(), b.item()) == ((X * Y).tolist(), 6.0)
    for _ in range(2):
        gx, gy = pull(fw.Tensor([1.0, 0.0, 0.0]), fw.Tensor(2.0))
        assert (gx.tolist(), gy.tolist()) == ([2.5, 2.0, 2.0], [1.0, 0.0, 0.0])
    out, pull, aux = fw.vjp(lambda x: (x * 2, "aux"), X, has_aux=True)
    assert (pull(X).tolist(), aux, out.prim) == ([2.0, 4.0, 6.0], "aux", None)
    with pytest.raises(ShapeError, match=r"cotangent of shape \(\) for an output of shape \(3,\)"):
        pull(1.0)
    with pytest.raises(GradientError, match="2 cotangents for 1 outputs"):
        pull(X, X)


def test_integer_inputs_have_no_gradient() -> None:
    _, pull = fw.vjp(lambda i, x: x[i] * 2, fw.Tensor([0, 2]), X)
    gi, gx = pull(ops.ones((2,)))
    assert (gi, gx.tolist()) == (None, [2.0, 0.0, 2.0])


def test_jvp_pushes_several_inputs_at_once() -> None:
    out, tangent, aux = fw.jvp(lambda x, y: (x * y, 7), (X, Y), (ops.ones((3,)), Y), has_aux=True)
    assert (out.tolist(), tangent.tolist(), aux) == ((X * Y).tolist(), (Y + X * Y).tolist(), 7)


def test_jacobians_of_containers_have_output_by_input_blocks() -> None:
    for jacobian in (fw.jacrev, fw.jacfwd):
        found = jacobian(lambda x, y: {"p": x * y, "s": x.sum()}, (0, 1))(X, Y)
        assert found["p"][0].tolist() == np.diag(Y.asnumpy()).tolist()
        assert (found["s"][0].tolist(), found["s"][1].tolist()) == ([1.0] * 3, [0.0] * 3)
    full = fw.hessian(lambda x, y: (x * x * y).sum(), (0, 1))(X, Y)
    assert full[0][1].tolist() == np.diag(2 * X.asnumpy()).tolist()
    second, aux = fw.hessian(lambda x: ((x**3).sum(), "aux"), has_aux=True)(X)
    assert (second.tolist(), aux) == (np.diag(6 * X.asnumpy()).tolist(), "aux")


def test_what_stop_gradient_gives_is_a_constant_in_every_direction() -> None:
    def f(x: Any) -> Any:
        return (x * ops.stop_gradient(x)).sum()

    assert fw.grad(f)(X).tolist() == X.tolist()
    assert fw.jvp(f, X, ops.ones((3,)))[1].item() == 6.0
    assert fw.vmap(fw.grad(lambda x: x * ops.stop_gradient(x)))(X).tolist() == X.tolist()


def test_what_cannot_be_differentiated_is_told() -> None:
    with pytest.raises(
        GradientError, match=r"returned float32\[3\]; it must be one real scalar: take \.sum\(\)"
    ):
        fw.grad(lambda x: x)(X)
    with pytest.raises(GradientError, match=r"grad_position 0: .* is not floating point"):
        fw.grad(lambda i: i.sum())(fw.Tensor([1, 2]))
    with pytest.raises(GradientError, match="grad_position 2 with 1 positional arguments"):
        fw.grad(lambda x: x.sum(), 2)(X)
    with pytest.raises(GradientError, match=r"grad_position \(0, -2\) names an argument twice"):
        fw.grad(lambda x, y: (x * y).sum(), (0, -2))(X, X)
    with pytest.raises(GradientError, match="nothing to differentiate by"):
        fw.grad(lambda x: x.sum(), None)
    with pytest.raises(GradientError, match=r"no gradient reaches any of the weights \['w'\]"):
        fw.grad(lambda: X.sum(), None, [fw.Parameter(1.0, name="w")])()
    with pytest.raises(DTypeError, match="is no Parameter; give parameters"):
        fw.grad(lambda: X.sum(), None, [X])()


def test_check_grads_finds_a_wrong_rule_and_quotes_both_numbers() -> None:
    wrong = fw.custom_vjp(ops.sin, lambda x: (ops.sin(x), x), lambda x, g: (g * ops.cos(x) * 1.01,))
    with pytest.raises(
        GradientError, match=r"check_grads: vjp, element .*the rule gives .* finite differences"
    ):
        fw.check_grads(wrong, [X], modes=("rev",))
    fw.check_grads(lambda x, i: ops.sin(x[i]), [X, fw.Tensor([0, 1])], 3)
