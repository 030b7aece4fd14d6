"""Values and derivatives to third order of every differentiable primitive are torch's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import framework as fw
from framework.core import dtypes
from tests.framework.test_every_primitive import LAPACK, SMOOTH, of_floats, sample
from tests.framework.torch_of import TORCH


def _weighted(outs: Sequence[Any], tensor: Any) -> Any:
    """The sum of outputs, weighted so that no derivative cancels."""
    weights = [np.linspace(0.5, 1.5, int(np.prod(y.shape))).reshape(tuple(y.shape)) for y in outs]
    return sum([(y * tensor(w)).sum() for y, w in zip(outs, weights, strict=True)])


def _ours(f: Any, order: int, places: tuple[int, ...]) -> Any:
    """The weighted sum of f's cubes, or of the gradient of the order before."""
    if order == 0:
        return lambda *xs: _weighted([y * y * y for y in f(*xs) if dtypes.is_float(y.dtype)], fw.Tensor)
    gradient = fw.grad(_ours(f, order - 1, places), places)
    return lambda *xs: _weighted(gradient(*xs), fw.Tensor)


def test_every_differentiable_primitive_has_a_counterpart_of_torch_s() -> None:
    assert {case.values[0] for case in SMOOTH} == set(TORCH)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "i"), SMOOTH)
def test_three_derivatives_are_torch_s(name: str, i: int) -> None:
    torch = pytest.importorskip("torch")
    (f, ins), attrs = of_floats(name, i), sample(name, i)[1]
    places = tuple([n for n, x in enumerate(ins) if dtypes.is_float(x.dtype)])
    ts = [torch.tensor(x.asnumpy().copy(), requires_grad=n in places) for n, x in enumerate(ins)]
    found = TORCH[name](torch, *ts, **attrs)
    outs = [found] if isinstance(found, torch.Tensor) else list(found)
    wanted = _weighted([y * y * y for y in outs if y.dtype.is_floating_point], torch.tensor)
    tolerance = 1e-6 if name in LAPACK else 1e-8
    for order in range(4):
        value = _ours(f, order, places)(*ins).item()
        np.testing.assert_allclose(value, wanted.item(), tolerance, tolerance, err_msg=f"order {order}")
        if order < 3:
            leaves = [ts[n] for n in places]
            grads = torch.autograd.grad(wanted, leaves, create_graph=True, materialize_grads=True)
            wanted = _weighted(grads, torch.tensor)
