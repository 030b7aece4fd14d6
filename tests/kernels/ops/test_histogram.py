"""What is special about counting."""

from __future__ import annotations

import numpy as np
import pytest

import kernels
from kernels.errors import BadArgument
from kernels.ops.histogram import BINCOUNT, HISTOGRAM
from tests.kernels.ops.differences import versions

rng = np.random.default_rng(3)


@pytest.mark.parametrize("version", ["oracle", *versions(HISTOGRAM)])
@pytest.mark.parametrize(
    ("bins", "low", "high"), [(256, 0, 1), (10, -3, 3), (7, 0.1, 0.2), (1000, -1e-3, 2.5)]
)
def test_numpy_counts_the_same(version: str, bins: int, low: float, high: float) -> None:
    edges = np.linspace(low, high, bins + 1).astype(np.float32)
    x = np.concatenate(
        [edges, np.nextafter(edges, np.float32(9)), rng.uniform(low, high, 5000).astype(np.float32)]
    )
    wanted = np.histogram(x.astype(np.float64), bins, (low, high))[0]
    np.testing.assert_array_equal(
        kernels.histogram(x, bins=bins, low=low, high=high, version=version), wanted
    )


@pytest.mark.parametrize("version", ["oracle", *versions(BINCOUNT)])
def test_a_value_outside_is_refused(version: str) -> None:
    with pytest.raises(BadArgument):
        kernels.bincount(np.array([1, 10, 2], np.uint8), bins=10, version=version)


@pytest.mark.parametrize("value", [-1, 10, 1 << 40])
def test_a_wide_value_outside_is_refused(value: int) -> None:
    with pytest.raises(BadArgument):
        kernels.bincount(np.array([1, value, 2]), bins=10)


@pytest.mark.parametrize(("low", "high"), [(1, 1), (2, 1), (0, np.inf), (np.nan, 1)])
def test_a_range_that_is_none_is_refused(low: float, high: float) -> None:
    with pytest.raises(BadArgument, match="low < high"):
        kernels.histogram(np.zeros(3, np.float32), low=low, high=high)


def test_threads_count_together() -> None:
    x = rng.integers(0, 256, 700_001).astype(np.uint8)
    before = kernels.get_num_threads()
    try:
        kernels.set_num_threads(3)
        np.testing.assert_array_equal(kernels.bincount(x), np.bincount(x, minlength=256))
    finally:
        kernels.set_num_threads(before)


@pytest.mark.parametrize("name", ["histogram", "bincount"])
def test_no_bins_are_refused_in_the_name_of_the_operator(name: str) -> None:
    with pytest.raises(BadArgument, match=f"{name}: bins is 0; 1 to 2147483647"):
        getattr(kernels, name)(np.zeros(3, np.float32 if name == "histogram" else np.int32), bins=0)
