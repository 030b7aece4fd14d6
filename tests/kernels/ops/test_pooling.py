"""What is special about pooling: gradients, and PyTorch's word on it."""

from __future__ import annotations

import numpy as np
import pytest

import kernels
from kernels.errors import BadArgument
from kernels.ops.pooling import oracle
from tests.kernels.ops.differences import slope

rng = np.random.default_rng(3)
WINDOW = (3, 2, 2, 1, 1, 1)  # kernel, stride, padding; height and width of each


@pytest.mark.parametrize("count_padding", [False, True])
def test_the_gradient_of_an_average_is_its_slope(count_padding: bool) -> None:
    x, dy = rng.standard_normal((2, 5, 6)), rng.standard_normal((2, 3, 7))
    found = oracle.avg_pool2d_grad(dy, 5, 6, *WINDOW, count_padding)
    np.testing.assert_allclose(
        found, slope(lambda a: oracle.avg_pool2d(a, *WINDOW, count_padding), x, dy), atol=1e-8
    )


def test_the_gradient_of_the_largest_is_its_slope() -> None:
    x, dy = rng.standard_normal((2, 5, 6)), rng.standard_normal((2, 3, 7))
    indices = oracle.max_pool2d_indices(x, *WINDOW)[1]
    found = oracle.max_pool2d_grad(dy, indices, 5, 6)
    np.testing.assert_allclose(found, slope(lambda a: oracle.max_pool2d(a, *WINDOW), x, dy), atol=1e-8)


def test_pytorch_says_the_same() -> None:
    torch = pytest.importorskip("torch")
    x = rng.standard_normal((2, 3, 17, 20)).astype(np.float32)
    there = torch.from_numpy(x)
    y, indices = kernels.max_pool2d(x, 3, stride=2, padding=1, indices=True)
    wanted, places = torch.nn.functional.max_pool2d(there, 3, 2, 1, return_indices=True)
    np.testing.assert_array_equal(y, wanted.numpy())
    np.testing.assert_array_equal(indices, places.numpy())
    for counted in (False, True):
        found = kernels.avg_pool2d(x, (3, 2), stride=(1, 2), padding=(1, 0), count_include_pad=counted)
        other = torch.nn.functional.avg_pool2d(there, (3, 2), (1, 2), (1, 0), count_include_pad=counted)
        np.testing.assert_allclose(found, other.numpy(), atol=1e-6)


def test_places_lead_to_the_values() -> None:
    x = rng.standard_normal((4, 9, 9)).astype(np.float32)
    y, indices = kernels.max_pool2d(x, 3, stride=1, indices=True)
    np.testing.assert_array_equal(
        np.take_along_axis(x.reshape(4, 81), indices.reshape(4, 49), 1), y.reshape(4, 49)
    )
    np.testing.assert_array_equal(kernels.max_pool2d(x, 3, stride=1), y)


def test_what_does_not_fit_is_refused() -> None:
    x = np.zeros((2, 4, 4), np.float32)
    for kernel, padding in ((5, 0), (2, 2), (0, 0)):
        with pytest.raises(BadArgument, match="kernel"):
            kernels.max_pool2d(x, kernel, stride=1, padding=padding)
    with pytest.raises(BadArgument, match="dy is of"):
        kernels.avg_pool2d_grad(x, 11, 11, 2)
    with pytest.raises(BadArgument, match="index"):
        kernels.max_pool2d_grad(x, np.full(x.shape, 99), 8, 8)
