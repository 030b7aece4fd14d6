"""Transforms in any order and nesting."""

import numpy as np
import pytest

import framework as fw
from framework import ops
from framework.errors import ShapeError


def test_an_inner_derivative_does_not_see_the_outer_perturbation() -> None:
    outer = fw.grad(lambda x: x * fw.grad(lambda y: x + y)(1.0))
    assert outer(3.0).item() == 1.0


def test_an_inner_derivative_of_a_product_counts_the_outer_variable_as_constant() -> None:
    outer = fw.grad(lambda x: x * fw.grad(lambda y: x * y * y)(2.0))
    assert outer(3.0).item() == 2 * 3.0 * 2 * 2.0


def test_a_batch_axis_that_an_output_does_not_have_is_told() -> None:
    with pytest.raises(ShapeError, match="out_axes 5 for an output of 2 dimensions"):
        fw.vmap(lambda x: x, out_axes=5)(ops.ones((3, 4)))


def test_hessian_is_the_jacobian_of_the_gradient() -> None:
    x = fw.Tensor(np.linspace(-1, 1, 3), fw.float64)

    def f(x: fw.Tensor) -> fw.Tensor:
        return (ops.sin(x) * x * x.sum()).sum()

    by_rows = fw.jacrev(fw.grad(f))(x).asnumpy()
    np.testing.assert_allclose(fw.hessian(f)(x).asnumpy(), by_rows, rtol=1e-12)
