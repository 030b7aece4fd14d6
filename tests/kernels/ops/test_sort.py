"""What is special about sorting."""

from __future__ import annotations

import numpy as np
import pytest

import kernels
from kernels.ops.sort import ARGSORT, SORT
from tests.kernels.ops.differences import versions

rng = np.random.default_rng(3)


@pytest.mark.parametrize("version", versions(ARGSORT))
def test_equal_elements_keep_their_order_zeros_and_nan_among_them(version: str) -> None:
    x = rng.choice(np.array([0.0, -0.0, np.nan, -np.nan, 1, -1, np.inf], np.float32), (2, 9000))
    np.testing.assert_array_equal(kernels.argsort(x, version=version), np.argsort(x, axis=-1, kind="stable"))


@pytest.mark.parametrize("version", ["oracle", *versions(SORT)])
@pytest.mark.parametrize("n", [3, 20, 500, 10_000])
def test_the_result_may_take_the_place_of_the_input(version: str, n: int) -> None:
    x = rng.standard_normal((2, n)).astype(np.float32)
    wanted = np.sort(x, axis=-1)
    assert kernels.sort(x, out=x, version=version) is x
    np.testing.assert_array_equal(x, wanted)


def test_positions_lead_to_the_values() -> None:
    x = rng.integers(-50, 50, (3, 4, 333)).astype(np.int32)
    np.testing.assert_array_equal(np.take_along_axis(x, kernels.argsort(x), -1), kernels.sort(x))


@pytest.mark.parametrize("axis", [0, 1])
def test_any_axis_will_do(axis: int) -> None:
    x = rng.standard_normal((30, 40)).astype(np.float32)
    np.testing.assert_array_equal(kernels.sort(x, axis=axis), np.sort(x, axis=axis))


def _worst_for_pivots(n: int, rounds: int) -> np.ndarray:
    """The smallest elements always stand where `v3_quick.cpp` takes its guess from; they are equal."""
    values, places = np.full(n, 1000.0, np.float32), np.arange(n)
    for round_ in range(rounds):
        left = len(places)
        taken = np.concatenate(
            [at + np.arange(16) for at in (left // 8, left // 2 - 16, left - left // 8 - 16)]
        )
        values[places[taken]] = round_
        places = np.delete(places, taken)
    values[places] = rng.permutation(len(places)) + 1000
    return values


@pytest.mark.parametrize("version", versions(SORT))
def test_input_made_against_the_pivots_is_sorted_all_the_same(version: str) -> None:
    x = _worst_for_pivots(8000, 60)
    np.testing.assert_array_equal(kernels.sort(x, version=version), np.sort(x))


@pytest.mark.parametrize("version", versions(SORT))
@pytest.mark.parametrize("values", [(0.0, -0.0, 1.0), (0.0, -0.0, np.nan, np.inf, -1.0)])
def test_long_rows_keep_the_signs_of_zeros_and_have_nan_last(version: str, values: tuple[float, ...]) -> None:
    x = rng.choice(np.array(values, np.float32), 300_000)
    y = kernels.sort(x, version=version)
    np.testing.assert_array_equal(y, np.sort(x))
    assert np.signbit(y[y == 0]).sum() == np.signbit(x[x == 0]).sum()
