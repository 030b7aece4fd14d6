"""What is special about transposition."""

from __future__ import annotations

import numpy as np
import pytest

import kernels

rng = np.random.default_rng(3)


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.int64])
def test_twice_is_the_same_again(dtype: type) -> None:
    x = rng.integers(0, 100, (3, 77, 130)).astype(dtype)
    np.testing.assert_array_equal(kernels.transpose(kernels.transpose(x)), x)


def test_bits_are_not_touched() -> None:
    x = rng.integers(0, 1 << 32, (40, 50), dtype=np.uint32).view(np.float32)  # NaN of every kind among them
    np.testing.assert_array_equal(kernels.transpose(x).view(np.uint32), x.view(np.uint32).T)


def test_past_the_caches_as_within_them() -> None:
    x = rng.integers(0, 256, (2048, 4096)).astype(np.uint8)
    np.testing.assert_array_equal(kernels.transpose(x), x.T)
    room = np.zeros(x.size + 1, np.uint8)
    np.testing.assert_array_equal(kernels.transpose(x, out=room[1:].reshape(4096, 2048)), x.T)


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.int64])
def test_past_the_caches_where_rows_begin_anywhere_in_a_line(dtype: type) -> None:
    """Sizes that no tile divides, one of them of several blocks, from an address inside a line."""
    width = np.dtype(dtype).itemsize
    for m, n in ((1001, (6 << 20) // width // 1001 + 1), (601, (5 << 20) // width // 601 + 3)):
        x = rng.integers(0, 100, (m, n)).astype(dtype)
        store = np.full(x.size + 64, 7, dtype)
        kernels.transpose(x, out=store[3 : x.size + 3].reshape(n, m), version="v4_panels")
        np.testing.assert_array_equal(store[3 : x.size + 3].reshape(n, m), x.T)
        assert (store[:3] == 7).all()
        assert (store[x.size + 3 :] == 7).all()
