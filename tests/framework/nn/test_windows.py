"""Convolution and pooling against loops over windows, against torch, and to second order."""

import itertools

import numpy as np
import pytest

from framework import Tensor, grad, ops, value_and_grad, vmap
from framework.errors import ArgumentError, ShapeError

RNG = np.random.default_rng(0)
CONVOLUTIONS = [(1, 0, 1, 1), ((2, 1), (1, 2), 1, 2), (1, 1, (2, 1), 4), (3, (0, 2), 1, 1)]
# Those of float32 are operators of `kernels`, whose compiling takes longer than all else here.
DTYPES = [pytest.param(np.float32, marks=pytest.mark.slow), np.float64]
POOLS = [(2, None, 0), (3, 2, 1), ((3, 2), (1, 2), (1, 0))]


def draw(*shape, dtype=np.float64):
    return RNG.normal(size=shape).astype(dtype)


def loops(x, w, stride, padding, dilation, groups):
    """The definition: one product per element of the result and of a filter."""
    (sh, sw), (ph, pw), (dh, dw) = (
        v if isinstance(v, tuple) else (v, v) for v in (stride, padding, dilation)
    )
    image = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    k, cg, r, s = w.shape
    high = (image.shape[2] - dh * (r - 1) - 1) // sh + 1
    wide = (image.shape[3] - dw * (s - 1) - 1) // sw + 1
    y = np.zeros((len(x), k, high, wide))
    for f, i, j in itertools.product(range(k), range(high), range(wide)):
        first = f // (k // groups) * cg
        window = image[:, first : first + cg, i * sh :: dh, j * sw :: dw][:, :, :r, :s]
        y[:, f, i, j] = (window * w[f]).sum((1, 2, 3))
    return y


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"), CONVOLUTIONS)
def test_conv2d_is_a_sum_over_windows(stride, padding, dilation, groups, dtype):
    x, w, b = draw(2, 4, 7, 8, dtype=dtype), draw(8, 4 // groups, 3, 2, dtype=dtype), draw(8, dtype=dtype)
    y = ops.conv2d(x, w, b, stride, padding, dilation, groups)
    expected = loops(x, w, stride, padding, dilation, groups) + b[:, None, None]
    assert y.dtype == dtype
    np.testing.assert_allclose(y.asnumpy(), expected, atol=1e-5 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"), CONVOLUTIONS)
def test_gradients_of_conv2d_are_torchs(stride, padding, dilation, groups, dtype):
    torch = pytest.importorskip("torch")
    arrays = draw(2, 4, 7, 8, dtype=dtype), draw(8, 4 // groups, 3, 2, dtype=dtype), draw(8, dtype=dtype)
    options = (stride, padding, dilation, groups)
    ours = grad(lambda *a: ops.sum(ops.sin(ops.conv2d(*a, *options))), (0, 1, 2))(*map(Tensor, arrays))
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    torch.sin(torch.nn.functional.conv2d(*theirs, *options)).sum().backward()
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.asnumpy(), b.grad, atol=1e-4 if dtype == np.float32 else 1e-11)


@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"), CONVOLUTIONS)
def test_second_derivatives_of_conv2d_are_those_of_differences(stride, padding, dilation, groups):
    x, w, options = draw(1, 4, 5, 6), draw(4, 4 // groups, 3, 2), (stride, padding, dilation, groups)
    u, v = draw(*x.shape), draw(*w.shape)

    def slope(x, w):  # along (u, v)
        dx, dw = grad(lambda x, w: ops.sum(ops.conv2d(x, w, None, *options) ** 3), (0, 1))(x, w)
        return ops.sum(dx * u) + ops.sum(dw * v)

    dx, dw = grad(slope, (0, 1))(Tensor(x), Tensor(w))
    exact = float(ops.sum(dx * u) + ops.sum(dw * v))
    h = 1e-5
    up, down = (float(slope(Tensor(x + s * u), Tensor(w + s * v))) for s in (h, -h))
    assert exact == pytest.approx((up - down) / (2 * h), rel=1e-6)


def test_conv1d_is_conv2d_of_one_row_and_same_keeps_the_size():
    x, w, b = draw(2, 3, 9), draw(5, 3, 3), draw(5)
    y = ops.conv1d(x, w, b, padding="same")
    row = ops.conv2d(x[:, :, None], w[:, :, None], b, padding=(0, 1))
    assert y.shape == (2, 5, 9)
    np.testing.assert_array_equal(y.asnumpy(), row.asnumpy()[:, :, 0])


def test_what_does_not_fit_is_named():
    with pytest.raises(ShapeError, match=r"x \(1, 3, 5, 5\), weight \(4, 2, 3, 3\), groups 1"):
        ops.conv2d(draw(1, 3, 5, 5), draw(4, 2, 3, 3))
    with pytest.raises(ShapeError, match="along the height of size 2: window 3"):
        ops.conv2d(draw(1, 2, 2, 5), draw(4, 2, 3, 3))
    with pytest.raises(ArgumentError, match="'same' with stride"):
        ops.conv2d(draw(1, 2, 5, 5), draw(4, 2, 3, 3), stride=2, padding="same")
    with pytest.raises(ShapeError, match="at most half"):
        ops.max_pool2d(draw(1, 2, 5, 5), 2, padding=2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("kernel", "stride", "padding"), POOLS)
@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
def test_pools_and_their_gradients_are_torchs_with_ties_too(name, kernel, stride, padding, dtype):
    torch = pytest.importorskip("torch")
    x = np.round(draw(2, 3, 8, 9, dtype=dtype), 1)  # rounded: equal elements are common
    pool = getattr(ops, name)
    value, slope = value_and_grad(lambda x: ops.sum(ops.sin(pool(x, kernel, stride, padding))))(Tensor(x))
    t = torch.tensor(x, requires_grad=True)
    total = torch.sin(getattr(torch.nn.functional, name)(t, kernel, stride, padding)).sum()
    total.backward()
    assert float(value) == pytest.approx(total.item(), rel=1e-5)
    np.testing.assert_allclose(slope.asnumpy(), t.grad, atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_pools_are_the_largest_and_the_mean_of_blocks(dtype):
    x = draw(2, 3, 4, 6, dtype=dtype)
    blocks = x.reshape(2, 3, 2, 2, 3, 2)
    np.testing.assert_array_equal(ops.max_pool2d(x, 2).asnumpy(), blocks.max((3, 5)))
    # Of the sum's terms, not of the sum: four of them may cancel.
    bound = 4 * np.finfo(dtype).eps * np.abs(blocks).mean((3, 5))
    assert (np.abs(ops.avg_pool2d(x, 2).asnumpy() - blocks.mean((3, 5))) <= bound).all()
    np.testing.assert_allclose(ops.adaptive_avg_pool2d(x, (2, 3)).asnumpy(), blocks.mean((3, 5)), rtol=1e-5)
    np.testing.assert_array_equal(ops.max_pool1d(x[0], 3).asnumpy(), x[0].reshape(3, 4, 2, 3).max(3))
    np.testing.assert_allclose(ops.avg_pool1d(x[0], 3).asnumpy(), x[0].reshape(3, 4, 2, 3).mean(3), rtol=1e-5)


def test_adaptive_blocks_that_overlap_are_torchs():
    torch = pytest.importorskip("torch")
    x = draw(2, 3, 7, 5)
    theirs = torch.nn.functional.adaptive_avg_pool2d(torch.tensor(x), (3, 4))
    np.testing.assert_allclose(ops.adaptive_avg_pool2d(x, (3, 4)).asnumpy(), theirs, rtol=1e-12)


@pytest.mark.slow
def test_a_nan_is_the_largest_of_its_window():
    x = draw(1, 1, 4, 4)
    x[0, 0, 1, 1] = np.nan
    assert np.isnan(ops.max_pool2d(x, 2).asnumpy()).sum() == 1
    assert np.isnan(ops.max_pool2d(x.astype(np.float32), 2).asnumpy()).sum() == 1


@pytest.mark.parametrize("fn", [
    lambda x, w: ops.conv2d(x, w, padding=1),
    lambda x, w: ops.max_pool2d(x, 2),
    lambda x, w: ops.avg_pool2d(x, 2),
])  # fmt: skip
def test_vmap_over_images_is_a_loop_over_them(fn):
    x, w = Tensor(draw(3, 2, 4, 5, 6)), Tensor(draw(4, 4, 3, 3))
    mapped = vmap(fn, in_axes=(0, None))(x, w)
    np.testing.assert_allclose(
        mapped.asnumpy(), np.stack([fn(Tensor(one), w).asnumpy() for one in x.asnumpy()])
    )


def test_vmap_over_filters_is_a_loop_over_them():
    x, w = Tensor(draw(2, 4, 5, 6)), Tensor(draw(3, 5, 4, 3, 3))
    mapped = vmap(ops.conv2d, in_axes=(None, 0))(x, w)
    loop = np.stack([ops.conv2d(x, one).asnumpy() for one in w.asnumpy()])
    np.testing.assert_allclose(mapped.asnumpy(), loop)
