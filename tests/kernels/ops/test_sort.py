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
