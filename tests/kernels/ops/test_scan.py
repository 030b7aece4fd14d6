"""What is special about scans."""

from __future__ import annotations

import numpy as np
import pytest

import kernels

rng = np.random.default_rng(3)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_any_axis_will_do(axis: int) -> None:
    x = rng.integers(-5, 6, (6, 7)).astype(np.float32)
    np.testing.assert_array_equal(kernels.cumsum(x, axis=axis), np.cumsum(x, axis=axis))


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "cummax"])
@pytest.mark.parametrize("n", [5, 40, 200_000])
@pytest.mark.parametrize("exclusive", [False, True])
def test_the_result_may_take_the_place_of_the_input(name: str, n: int, exclusive: bool) -> None:
    x = rng.uniform(0.9, 1.1, (1, n)).astype(np.float32)
    wanted = getattr(kernels, name)(x, exclusive=exclusive)
    assert getattr(kernels, name)(x, exclusive=exclusive, out=x) is x
    np.testing.assert_array_equal(x, wanted)


def test_whole_numbers_wrap_around() -> None:
    x = np.array([np.iinfo(np.int64).max, 1, 5])
    assert kernels.cumsum(x).tolist() == [
        np.iinfo(np.int64).max,
        np.iinfo(np.int64).min,
        np.iinfo(np.int64).min + 5,
    ]


def test_a_long_row_stays_right_on_any_number_of_threads() -> None:
    x = np.full((1, 400_001), 0.1, np.float32)
    wanted = np.cumsum(x.astype(np.float64), axis=1)
    before = kernels.get_num_threads()
    try:
        for threads in (1, 2, 5):
            kernels.set_num_threads(threads)
            np.testing.assert_allclose(kernels.cumsum(x), wanted, rtol=1e-7)
    finally:
        kernels.set_num_threads(before)


def test_an_exclusive_scan_is_the_other_one_step_later() -> None:
    x = rng.standard_normal(1000).astype(np.float32)
    np.testing.assert_array_equal(kernels.cummax(x, exclusive=True)[1:], kernels.cummax(x)[:-1])
    assert kernels.cummax(x, exclusive=True)[0] == -np.inf
