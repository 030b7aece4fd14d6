"""Indexing is NumPy's, with gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import framework as fw
from framework import nn, ops
from framework.errors import DTypeError, ShapeError

A = np.arange(60.0).reshape(3, 4, 5)
I = np.array([0, 2, 1])  # noqa: E741 (integers)
INDICES: list[Any] = [
    0, -1, slice(1, None), (0, 1), (..., 1), (None, 0), (slice(None, None, -1), 2), (I,), (I, I),
    ([0, 1], ...), (I, slice(None), I), (0, slice(None), I), (slice(None), 0, I), (None, I, None, 1),
    (A > 20,), (slice(None), I), (slice(None), A[0] > 7), (I[:, None], I[None]),
    (slice(3, 0, -2), [[1], [0]], 3), np.int64(1), slice(5, 1), (I[:0],), [],
]  # fmt: skip


@pytest.mark.parametrize("where", INDICES, ids=repr)
def test_reading_and_writing_follow_numpy(where: Any) -> None:
    x = fw.Tensor(A)
    np.testing.assert_array_equal(x[where].asnumpy(), A[where])
    wanted, y = A.copy(), x.copy()
    wanted[where] = 7.0
    y[where] = 7.0
    np.testing.assert_array_equal(y.asnumpy(), wanted)


@pytest.mark.parametrize(
    "where", [(I, slice(None), I), (slice(None), [0, 0, 1]), (A[:, :, 0] > 20,), (..., None, 2)]
)
def test_gradients_of_indexing_pass_the_check(where: Any) -> None:
    fw.check_grads(lambda x: x[where] ** 2, [A / 20], 2, rtol=1e-4)


def test_where_an_index_stands_twice_the_last_value_wins_and_has_the_gradient() -> None:
    x, v = fw.Tensor([1.0, 2.0, 3.0]), fw.Tensor([10.0, 20.0])
    where = fw.Tensor([1, 1])
    assert ops.index_put(x, where, v).tolist() == [1.0, 20.0, 3.0]
    gx, gv = fw.grad(lambda x, v: (ops.index_put(x, where, v) ** 2).sum(), (0, 1))(x, v)
    assert (gx.tolist(), gv.tolist()) == ([2.0, 0.0, 6.0], [0.0, 40.0])


def test_a_batch_may_have_indices_of_its_own() -> None:
    x, rows = fw.Tensor(A), fw.Tensor(I)
    found = fw.vmap(lambda r, i: r[i])(x, rows)
    np.testing.assert_array_equal(found.asnumpy(), A[np.arange(3), I])


def test_wrong_indices_are_told() -> None:
    x = fw.Tensor(A)
    with pytest.raises(ValueError, match=r"has 4 entries for a tensor of shape \(3, 4, 5\)"):
        x[0, 0, 0, 0]
    with pytest.raises(TypeError, match=r"must be integers, slices or a boolean mask, not float32 1\.5"):
        x[1.5]
    with pytest.raises(ValueError, match="index arrays: shapes"):
        x[I, [0, 1]]


def test_the_most_and_their_places_follow_the_order() -> None:
    values, places = ops.topk(fw.Tensor([3.0, 9.0, 1.0, 9.0]), 3)
    assert (values.tolist(), places.tolist()) == ([9.0, 9.0, 3.0], [1, 3, 0])
    assert ops.one_hot(fw.Tensor([2, 0]), 3).tolist() == [[0, 0, 1], [1, 0, 0]]


def test_an_index_in_an_array_that_is_out_of_range_is_quoted_with_the_size() -> None:
    x, far = fw.Tensor([1.0, 2.0, 3.0]), fw.Tensor([1, -5])
    message = "index -5 is out of range for a dimension of size 3; give -3 to 2"
    calls: list[Any] = [
        lambda x: x[far].sum(),
        lambda x: ops.take(x, far).sum(),
        lambda x: ops.take_along_axis(x, far).sum(),
        lambda x: ops.scatter_add(x, 0, far, ops.ones((2,))).sum(),
        lambda x: ops.index_put(x, far, 0.0).sum(),
    ]
    for call in calls:
        for transform in (lambda f: f, fw.grad, fw.jit):
            with pytest.raises(ShapeError, match=message):
                transform(call)(x)


def test_rows_are_taken_by_integers_and_axes_named_by_them() -> None:
    with pytest.raises(DTypeError, match="take: the indices are float32; integers are needed: cast them"):
        nn.Embedding(3, 2)(fw.Tensor([0.5]))
    with pytest.raises(DTypeError, match="sum: axis True must be an int"):
        ops.sum(fw.Tensor(A), axis=True)
