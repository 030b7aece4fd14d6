"""What is special about top_k and argmax."""

from __future__ import annotations

import numpy as np
import pytest

import kernels
from kernels.ops.top_k import TOP_K
from tests.kernels.ops.differences import versions

VERSIONS = ["oracle", *versions(TOP_K)]
NAN = np.nan
rng = np.random.default_rng(7)


@pytest.mark.parametrize("version", VERSIONS)
def test_nan_is_largest_and_the_first_of_equals_comes_first(version: str) -> None:
    x = np.array([[1, NAN, 3, -0.0, 3, NAN, 0.0, -np.inf]], np.float32)
    values, indices = kernels.top_k(x, 8, version=version)
    np.testing.assert_array_equal(indices, [[1, 5, 2, 4, 0, 3, 6, 7]])
    np.testing.assert_array_equal(values, x[:, indices[0]])
    assert np.signbit(values[0, 5])  # the element itself, not what it was compared as
    assert kernels.argmax(x, version=version).tolist() == [1]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("k", [-1, 4])
def test_k_must_be_what_a_row_has(version: str, k: int) -> None:
    with pytest.raises(kernels.errors.BadArgument, match=f"k is {k}; a row of x has 3 elements"):
        kernels.top_k(np.zeros((2, 3), np.float32), k, version=version)


def test_nothing_has_no_largest_element() -> None:
    with pytest.raises(kernels.errors.BadArgument, match="a row of x has 0 elements"):
        kernels.argmax(np.zeros((2, 0), np.float32))
    assert kernels.argmax(np.zeros((0, 0), np.float32)).shape == (0,)
    values, indices = kernels.top_k(np.zeros((2, 0), np.float32), 0)
    assert values.shape == indices.shape == (2, 0)


@pytest.mark.parametrize("kinds", [2, 40, 60_000])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_any_k_gives_the_front_of_a_stable_sort(kinds: int, dtype: type) -> None:
    x = rng.integers(0, kinds, (3, 7001)).astype(dtype)
    order = np.argsort(-x.astype(np.float64), axis=-1, kind="stable")
    for k in (1, 2, 15, 16, 17, 100, 255, 256, 257, 1000, 7001):
        values, indices = kernels.top_k(x, k)
        np.testing.assert_array_equal(indices, order[:, :k])
        np.testing.assert_array_equal(values, np.take_along_axis(x, indices, -1))
    np.testing.assert_array_equal(kernels.argmax(x), order[:, 0])


@pytest.mark.slow
def test_torch_agrees() -> None:
    torch = pytest.importorskip("torch")
    x = rng.standard_normal((8, 5003)).astype(np.float32)
    x[0, 77] = NAN
    theirs = torch.topk(torch.from_numpy(x), 50)
    values, indices = kernels.top_k(x, 50)
    np.testing.assert_array_equal(values, theirs.values.numpy())
    np.testing.assert_array_equal(indices, theirs.indices.numpy())
