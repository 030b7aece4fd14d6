"""Indices and running sums in compiled programs: no call of Python, and what eager mode gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from framework import Tensor, grad, ops
from framework.errors import ShapeError
from framework.jit import jit

RNG = np.random.default_rng(0)
X = Tensor(RNG.standard_normal((6, 4, 3)).astype(np.float32))
ROWS = Tensor(RNG.integers(-6, 6, (5, 2)))
COLUMNS = Tensor(RNG.integers(0, 4, (5, 2)).astype(np.int32))
ALONG = Tensor(RNG.integers(-4, 4, (6, 7, 3)))


def loss(x: Any) -> Any:
    taken = ops.take(x, ROWS, axis=0)
    return ops.sum(taken * taken) + ops.sum(ops.exp(x[ROWS, COLUMNS])) + ops.sum(ops.cumsum(x, axis=1))


PROGRAMS = {
    "rows": lambda x: ops.take(x, ROWS, axis=0),
    "another axis": lambda x: ops.take(x, COLUMNS, axis=1),
    "two indices": lambda x: x[ROWS, COLUMNS],
    "of a view": lambda x: ops.take(ops.permute_dims(x, (1, 2, 0)) * 2, COLUMNS, axis=0),
    "gradient": grad(loss),
    "written rows": lambda x: ops.index_put(x, ROWS[:, 0], x[:5] * 2),
    "along an axis": lambda x: ops.take_along_axis(x, ALONG, axis=1),
    "gradient along an axis": grad(lambda x: ops.sum(ops.take_along_axis(x, ALONG, axis=1) ** 2)),
    "running sums": lambda x: (ops.cumsum(x, axis=0), ops.cumsum(x, axis=-1), ops.cumsum(ROWS, axis=0)),
    "in a loop": lambda x: ops.scan(lambda c, i: (c + x[i], c[0]), x[0], ROWS[:, 0]),
    "bytes": lambda x: ops.take(x > 0, ROWS, axis=0),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_indexing_is_part_of_the_program(name: str) -> None:
    compiled = jit(PROGRAMS[name], fullgraph=True)
    expected, found = PROGRAMS[name](X), compiled(X)
    pairs = zip(expected, found, strict=True) if isinstance(expected, tuple) else [(expected, found)]
    for value, other in pairs:
        assert value.dtype == other.dtype
        np.testing.assert_allclose(other.asnumpy(), value.asnumpy(), rtol=1e-6, atol=1e-6)
    assert "0 calls of implementations" in compiled.lower(X).passes


@pytest.mark.parametrize("looped", [False, True])
def test_an_index_out_of_range_is_told_as_in_eager_mode(looped: bool) -> None:
    def f(x: Any, i: Any) -> Any:
        return ops.scan(lambda c, j: (c + x[j], None), x[0], i)[0] if looped else ops.take(x, i, axis=0)

    for at in (6, -7):
        with pytest.raises(ShapeError, match=f"index {at} is out of range for a dimension of size 6"):
            jit(f, fullgraph=True)(X, Tensor([0, at]))
