"""What is special about embedding: indices outside the table, padding, sums in a fixed order."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import kernels
from kernels.errors import BadArgument
from kernels.ops.embedding import EMBEDDING_GRAD, oracle
from tests.kernels.ops.differences import slope, versions

rng = np.random.default_rng(3)


def test_the_gradient_of_the_oracle_is_its_slope() -> None:
    table, dy, indices = rng.standard_normal((5, 3)), rng.standard_normal((4, 3)), np.array([2, 0, 2, 4])
    expected = slope(lambda t: oracle.embedding(t, indices), table, dy)
    np.testing.assert_allclose(oracle.embedding_grad(dy, indices, 5, -1), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("version", ["oracle", *versions(EMBEDDING_GRAD)])
@pytest.mark.parametrize("index", [-1, 5, 2**40, -(2**62)])
def test_indices_outside_the_table_are_refused(version: str, index: int) -> None:
    indices = np.array([0, index, 1])
    with pytest.raises(BadArgument, match=r"embedding_grad: .*ind"):
        kernels.embedding_grad(np.zeros((3, 2), np.float32), indices, 5, version=version)
    with pytest.raises(BadArgument, match=r"embedding: .*ind"):
        kernels.embedding(
            np.zeros((5, 2), np.float32), indices, version=version.replace("v2_sorted", "v2_copy")
        )


def test_a_row_taken_often_is_summed_in_float32() -> None:
    dy = np.full((3000, 5), 1 / 3, ml_dtypes.bfloat16)
    found = kernels.embedding_grad(dy, np.ones(3000, np.int32), 3)
    exact = 3000 * np.float32(dy[0, 0])
    np.testing.assert_array_equal(found[1].astype(np.float32), np.float32(ml_dtypes.bfloat16(exact)))
    np.testing.assert_array_equal(found[::2].astype(np.float32), 0)


def test_the_row_of_padding_stays_zero() -> None:
    dy, indices = rng.standard_normal((50, 7)).astype(np.float32), rng.integers(0, 4, 50)
    whole = kernels.embedding_grad(dy, indices, 4)
    padded = kernels.embedding_grad(dy, indices, 4, padding_idx=2)
    np.testing.assert_array_equal(padded[2], 0)
    np.testing.assert_array_equal(padded[[0, 1, 3]], whole[[0, 1, 3]])
    for wrong in (-1, 4):
        with pytest.raises(BadArgument, match=f"padding_idx is {wrong}"):
            kernels.embedding_grad(dy, indices, 4, padding_idx=wrong)


def test_another_number_of_threads_changes_no_bit() -> None:
    dy = rng.standard_normal((4000, 64)).astype(np.float32)
    indices = rng.integers(0, 2000, 4000) ** 2 // 2000  # some rows often, some never
    before = kernels.get_num_threads()
    found = []
    for count in (1, 2, 3):
        kernels.set_num_threads(count)
        found.append(kernels.embedding_grad(dy, indices, 2000).tobytes())
    kernels.set_num_threads(before)
    assert len(set(found)) == 1


@pytest.mark.slow
def test_torch_agrees() -> None:
    torch = pytest.importorskip("torch")
    table, indices = rng.standard_normal((100, 33)).astype(np.float32), rng.integers(0, 100, (4, 60))
    theirs = torch.from_numpy(table).requires_grad_()
    y = torch.nn.functional.embedding(torch.from_numpy(indices), theirs, padding_idx=7)
    np.testing.assert_array_equal(kernels.embedding(table, indices), y.detach().numpy())
    dy = rng.standard_normal(y.shape).astype(np.float32)
    y.backward(torch.from_numpy(dy))
    found = kernels.embedding_grad(dy, indices, 100, padding_idx=7)
    np.testing.assert_allclose(found, theirs.grad.numpy(), rtol=1e-5, atol=1e-6)
