"""What is special about convolution: gradients, and PyTorch's word on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kernels
from kernels.errors import BadArgument
from kernels.ops.conv2d import oracle
from tests.kernels.ops.differences import slope

rng = np.random.default_rng(3)
# stride, padding, dilation, groups
WAYS = [((1, 1), (1, 1), (1, 1), 1), ((2, 1), (0, 1), (1, 2), 2), ((2, 3), (2, 2), (1, 1), 1)]


def operands(groups: int) -> tuple[Any, Any]:
    return rng.standard_normal((2, 4, 7, 8)), rng.standard_normal((6, 4 // groups, 3, 2))


@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"), WAYS)
def test_gradients_are_slopes(stride: Any, padding: Any, dilation: Any, groups: int) -> None:
    x, weight = operands(groups)
    attributes = (*stride, *padding, *dilation, groups)
    dy = rng.standard_normal(oracle.conv2d(x, weight, None, *attributes).shape)
    dx, dw, db = oracle.conv2d_grad(x, weight, dy, *attributes)
    np.testing.assert_allclose(
        dx, slope(lambda a: oracle.conv2d(a, weight, None, *attributes), x, dy), atol=1e-6
    )
    np.testing.assert_allclose(
        dw, slope(lambda a: oracle.conv2d(x, a, None, *attributes), weight, dy), atol=1e-6
    )
    np.testing.assert_allclose(db, dy.sum((0, 2, 3)))


@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"), WAYS)
def test_pytorch_says_the_same(stride: Any, padding: Any, dilation: Any, groups: int) -> None:
    torch = pytest.importorskip("torch")
    x, weight = (each.astype(np.float32) for each in operands(groups))
    bias = rng.standard_normal(6).astype(np.float32)
    leaves = [torch.from_numpy(each).requires_grad_() for each in (x, weight, bias)]
    wanted = torch.nn.functional.conv2d(*leaves, stride, padding, dilation, groups)
    how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    np.testing.assert_allclose(kernels.conv2d(x, weight, bias, **how), wanted.detach().numpy(), atol=2e-5)
    dy = rng.standard_normal(wanted.shape).astype(np.float32)
    wanted.backward(torch.from_numpy(dy))
    for found, leaf in zip(kernels.conv2d_grad(x, weight, dy, **how), leaves, strict=True):
        np.testing.assert_allclose(found, leaf.grad.numpy(), atol=5e-5)


def test_many_channels_and_bands_on_any_number_of_threads() -> None:
    x = rng.standard_normal((1, 40, 90, 90)).astype(np.float32)
    weight = rng.standard_normal((5, 40, 3, 3)).astype(np.float32)
    wanted = oracle.conv2d(x.astype(np.float64), weight.astype(np.float64), None, 1, 1, 1, 1, 1, 1, 1)
    before = kernels.get_num_threads()
    try:
        for threads in (1, 2, 5):
            kernels.set_num_threads(threads)
            np.testing.assert_allclose(kernels.conv2d(x, weight, padding=1), wanted, atol=2e-4)
    finally:
        kernels.set_num_threads(before)


def test_only_what_is_wanted_is_computed() -> None:
    x, weight = (each.astype(np.float32) for each in operands(1))
    dy = np.ones((2, 6, 5, 7), np.float32)
    dx, dw, db = kernels.conv2d_grad(x, weight, dy, want=(False, True, False))
    assert dx is None
    assert db is None
    np.testing.assert_array_equal(dw, kernels.conv2d_grad(x, weight, dy)[1])


@pytest.mark.parametrize(
    ("how", "said"),
    [({"groups": 3}, "groups"), ({"stride": 0}, "stride"), ({"dilation": 9}, "room for one filter")],
)
def test_what_does_not_fit_is_refused(how: dict[str, int], said: str) -> None:
    x, weight = (each.astype(np.float32) for each in operands(1))
    with pytest.raises(BadArgument, match=said):
        kernels.conv2d(x, weight, **how)
