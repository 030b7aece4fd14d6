"""Decoding: what it promises beyond the values that every operator's cases check."""

from __future__ import annotations

import numpy as np
import pytest

import kernels
from kernels.errors import BadArgument

RNG = np.random.default_rng(6)


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def test_one_query_is_the_last_row_of_attention():
    q, k, v = normal(2, 4, 1, 64), normal(2, 2, 2500, 64), normal(2, 2, 2500, 48)
    np.testing.assert_allclose(kernels.attention_decode(q, k, v), kernels.attention(q, k, v), atol=1e-6)


def test_several_queries_are_causal_among_themselves():
    q, k, v = normal(1, 2, 5, 32), normal(1, 1, 64, 32), normal(1, 1, 64, 32)
    lengths = np.array([40], np.int32)
    found = kernels.attention_decode(q, k, v, lengths)
    np.testing.assert_allclose(
        found, kernels.attention(q, k[:, :, :40], v[:, :, :40], causal=True), atol=1e-6
    )


def test_pages_anywhere_give_the_bits_of_a_cache_in_one_piece_whose_runs_are_as_long():
    q, k, v = normal(2, 4, 1, 32), normal(2, 2, 192, 32), normal(2, 2, 192, 32)
    lengths = np.array([190, 65], np.int32)
    order = RNG.permutation(6).astype(np.int32)
    pages = [np.empty((6, 64, 2, 32), np.float32) for _ in range(2)]
    for page, x in zip(pages, (k, v), strict=True):
        page[order] = x.reshape(2, 2, 3, 64, 32).transpose(0, 2, 3, 1, 4).reshape(6, 64, 2, 32)
    found = kernels.attention_decode_paged(q, *pages, order.reshape(2, 3), lengths)
    np.testing.assert_array_equal(found, kernels.attention_decode(q, k, v, lengths))


def test_the_number_of_threads_does_not_change_the_bits():
    q, k, v = normal(1, 2, 1, 32), normal(1, 2, 5000, 32), normal(1, 2, 5000, 32)
    before = kernels.get_num_threads()
    found = []
    for count in (1, 2, 3):
        kernels.set_num_threads(count)
        found.append(kernels.attention_decode(q, k, v))
    kernels.set_num_threads(before)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_shards_of_a_cache_combine_by_their_log_sum_exp():
    q, k, v = normal(1, 4, 1, 32), normal(1, 2, 300, 32), normal(1, 2, 300, 32)
    whole, lse = kernels.attention_decode(q, k, v, return_lse=True)
    parts = [
        kernels.attention_decode(q, k[:, :, at], v[:, :, at], return_lse=True)
        for at in (slice(0, 99), slice(99, 300))
    ]
    combined = sum(out * np.exp(each - lse)[..., None] for out, each in parts)
    np.testing.assert_allclose(combined, whole, atol=1e-6)


@pytest.mark.parametrize("version", [None, "oracle", "v1_naive"])
def test_lengths_and_blocks_out_of_range_are_refused(version):
    q, k, v = normal(2, 1, 1, 16), normal(2, 1, 8, 16), normal(2, 1, 8, 16)
    for wrong in ([9, 1], [3, -1]):
        with pytest.raises(BadArgument):
            kernels.attention_decode(q, k, v, np.array(wrong, np.int32), version=version)
    k, v = normal(4, 8, 1, 16), normal(4, 8, 1, 16)
    for wrong in ([[0, 4], [1, 2]], [[0, 1], [-1, 2]]):
        with pytest.raises(BadArgument):
            kernels.attention_decode_paged(
                q, k, v, np.array(wrong, np.int32), np.array([9, 8], np.int32), version=version
            )
    unused = np.array([[3, 99], [1, -7]], np.int32)
    kernels.attention_decode_paged(q, k, v, unused, np.array([8, 0], np.int32), version=version)
