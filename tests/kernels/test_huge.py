"""More than 2^31 elements, of which almost none is ever touched: memory that is only promised."""

from __future__ import annotations

import math
import mmap
from typing import Any

import numpy as np
import pytest

import kernels
from kernels.dtypes import BY_NAME
from kernels.registry import operators
from kernels.toolchain import cc
from tests.kernels.trying import versions

pytestmark = pytest.mark.skipif(not cc.available(), reason="needs gcc and g++")
rng = np.random.default_rng(3)
BEYOND = 2**31
NO_RESERVE = 0x4000  # mmap has a name for it from Python 3.12 on


def promised(shape: tuple[int, ...], dtype: str) -> Any:
    """Zeros; a page of them takes memory once it is written to."""
    kind = BY_NAME[dtype]
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NO_RESERVE
    memory = mmap.mmap(-1, math.prod(shape) * kind.itemsize, flags=flags)
    return np.frombuffer(memory, np.uint8).view(kind).reshape(shape)


@pytest.mark.slow
@pytest.mark.parametrize("version", versions(operators()["embedding"]))
def test_a_row_far_into_a_table_is_found(version: str) -> None:
    rows, d = BEYOND // 512 + 3, 512
    table = promised((rows, d), "f32")
    table[-1], table[7] = rng.standard_normal((2, d))
    found = kernels.embedding(table, np.array([rows - 1, 7, 0]), version=version)
    np.testing.assert_array_equal(found, np.stack([table[-1], table[7], np.zeros(d)]))


@pytest.mark.slow
@pytest.mark.parametrize("version", versions(operators()["attention_decode_paged"]))
def test_blocks_far_into_a_store_are_found(version: str) -> None:
    blocks, size, heads, d = BEYOND // 2048 + 2, 16, 2, 64
    stores = [promised((blocks, size, heads, d), "f32") for _ in range(2)]
    for store in stores:
        store[-1], store[3] = rng.standard_normal((2, size, heads, d))
    q = rng.standard_normal((1, 4, 1, d)).astype(np.float32)
    far, near = np.array([[blocks - 1, 3]], np.int32), np.array([[0, 1]], np.int32)
    lengths = np.array([2 * size - 3], np.int32)
    found = kernels.attention_decode_paged(q, *stores, far, lengths, version=version)
    compact = [np.stack([store[-1], store[3]]) for store in stores]
    np.testing.assert_array_equal(
        found, kernels.attention_decode_paged(q, *compact, near, lengths, version=version)
    )
