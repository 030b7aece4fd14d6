"""What is special about reductions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kernels
from kernels.errors import BadArgument

rng = np.random.default_rng(3)
NUMPY = {"sum": np.sum, "mean": np.mean, "prod": np.prod, "max": np.max, "min": np.min}


@pytest.mark.parametrize("name", NUMPY)
@pytest.mark.parametrize("axis", [None, 0, 1, 2, -1, -3])
@pytest.mark.parametrize("keepdims", [False, True])
def test_any_axis_or_all_as_numpy_has_it(name: str, axis: int | None, keepdims: bool) -> None:
    x = rng.uniform(0.5, 1.5, (3, 4, 5)).astype(np.float32)
    y = getattr(kernels, f"reduce_{name}")(x, axis=axis, keepdims=keepdims)
    np.testing.assert_allclose(y, NUMPY[name](x, axis=axis, keepdims=keepdims), rtol=1e-5)
    assert y.dtype == np.float32


def test_a_strided_result_is_filled() -> None:
    x, y = rng.standard_normal((6, 7)).astype(np.float32), np.zeros((6, 2), np.float32)
    assert kernels.reduce_max(x, axis=1, out=y[:, 0]).base is y
    np.testing.assert_array_equal(y[:, 0], x.max(1))
    assert not y[:, 1].any()


def test_a_long_sum_keeps_its_small_terms() -> None:
    x = np.ones(1 << 22, np.float32)
    x[0] = 1 << 24
    assert kernels.reduce_sum(x) == (1 << 24) + (1 << 22)


def test_the_norm_neither_overflows_nor_vanishes() -> None:
    for scale in (1e30, 1e-30):
        x = np.full(400, scale, np.float32)
        np.testing.assert_allclose(kernels.reduce_l2(x), 20 * scale, rtol=1e-6)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_number_of_threads_changes_nothing(threads: int) -> None:
    x = rng.standard_normal((3, 200_003)).astype(np.float32)
    wanted = kernels.reduce_sum(x, axis=1)
    before = kernels.get_num_threads()
    try:
        kernels.set_num_threads(threads)
        np.testing.assert_array_equal(kernels.reduce_sum(x, axis=1), wanted)
    finally:
        kernels.set_num_threads(before)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"axis": 2}, "axis is 2"),
        ({"axis": "rows"}, "reduce_sum: axis is 'rows'; a whole number is needed, or None"),
        ({"axis": 0, "out": np.zeros(3, np.float32)}, "out has shape"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(BadArgument, match=said):
        kernels.reduce_sum(np.zeros((3, 4), np.float32), **arguments)


def test_nothing_has_no_largest() -> None:
    with pytest.raises(BadArgument, match="reduce_max: the axis has size 0"):
        kernels.reduce_max(np.zeros((3, 0), np.float32), axis=1)
    assert kernels.reduce_sum(np.zeros((3, 0), np.float32), axis=1).tolist() == [0, 0, 0]
