"""Attention: what it promises beyond the values that every operator's cases check."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import kernels
from kernels.errors import BadArgument, BadDtype
from kernels.ops.attention import oracle

RNG = np.random.default_rng(5)


def drawn(b, hq, hk, sq, sk, d, e=None, dtype=np.float32):
    shapes = (b, hq, sq, d), (b, hk, sk, d), (b, hk, sk, d if e is None else e)
    return tuple(RNG.standard_normal(shape).astype(dtype) for shape in shapes)


def exact(q, k, v, *, mask=None, key_mask=None, causal=False, scale=None):
    """The oracle in float64."""
    wide = [None if x is None else x.astype(np.float64) for x in (q, k, v, mask)]
    return oracle.attention(*wide, key_mask, causal, q.shape[-1] ** -0.5 if scale is None else scale)


def test_the_log_sum_exp_is_exact_to_a_hundred_thousandth_in_every_dtype():
    for dtype in (np.float32, np.float16, ml_dtypes.bfloat16):
        q, k, v = drawn(1, 2, 1, 70, 300, 64, dtype=dtype)
        _, lse = kernels.attention(q, k, v, causal=True, return_lse=True)
        assert lse.dtype == np.float32
        np.testing.assert_allclose(lse, exact(q, k, v, causal=True)[1], atol=1e-5, rtol=1e-6)


def test_queries_before_the_first_key_give_zeros_and_minus_infinity():
    q, k, v = drawn(1, 1, 1, 50, 20, 32)
    out, lse = kernels.attention(q, k, v, causal=True, return_lse=True)
    assert not out[:, :, :30].any()
    assert np.all(lse[:, :, :30] == -np.inf)
    assert np.isfinite(lse[:, :, 30:]).all()
    # The only key has weight 1, up to how the scaled score and the largest one round.
    np.testing.assert_allclose(out[0, 0, 30], v[0, 0, 0], rtol=3e-7)


def test_a_mask_of_minus_infinity_gives_zeros():
    q, k, v = drawn(1, 2, 2, 5, 200, 16)
    out, lse = kernels.attention(q, k, v, mask=np.full((5, 200), -np.inf, np.float32), return_lse=True)
    assert not out.any()
    assert np.all(lse == -np.inf)


def test_a_mask_of_two_axes_holds_for_all_heads():
    q, k, v = drawn(2, 2, 1, 9, 30, 16)
    mask = RNG.standard_normal((9, 30)).astype(np.float32)
    four = np.broadcast_to(mask, (2, 2, 9, 30))
    np.testing.assert_array_equal(
        kernels.attention(q, k, v, mask=mask), kernels.attention(q, k, v, mask=four)
    )


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
def test_a_causal_prefix_has_the_same_bits(dtype):
    q, k, v = drawn(1, 2, 2, 300, 300, 40, dtype=dtype)
    whole = kernels.attention(q, k, v, causal=True)
    for n in (1, 17, 129, 256):
        part = kernels.attention(q[:, :, :n], k[:, :, :n], v[:, :, :n], causal=True)
        np.testing.assert_array_equal(part, whole[:, :, :n])


def test_the_order_of_keys_does_not_matter():
    q, k, v = drawn(1, 1, 1, 20, 333, 64)
    order = RNG.permutation(333)
    np.testing.assert_allclose(
        kernels.attention(q, k[:, :, order], v[:, :, order]), kernels.attention(q, k, v), atol=1e-6
    )


def test_adding_a_number_to_all_logits_changes_nothing():
    q, k, v = drawn(1, 1, 1, 20, 150, 64)
    shifted = np.full((20, 150), 3.0, np.float32)
    out, lse = kernels.attention(q, k, v, mask=shifted, return_lse=True)
    plain, before = kernels.attention(q, k, v, return_lse=True)
    np.testing.assert_allclose(out, plain, atol=1e-6)
    np.testing.assert_allclose(lse, before + 3, atol=1e-5)


def test_parts_of_the_keys_combine_by_their_log_sum_exp():
    q, k, v = drawn(1, 2, 1, 10, 400, 32)
    whole, lse = kernels.attention(q, k, v, return_lse=True)
    parts = [
        kernels.attention(q, k[:, :, at], v[:, :, at], return_lse=True)
        for at in (slice(0, 131), slice(131, 400))
    ]
    combined = sum(out * np.exp(each - lse)[..., None] for out, each in parts)
    np.testing.assert_allclose(combined, whole, atol=1e-6)


def test_padding_may_hold_anything():
    q, k, v = drawn(2, 2, 1, 33, 70, 32)
    there = np.arange(70) < np.array([[70], [31]])
    clean = kernels.attention(q, k, v, key_mask=there)
    k[1, :, 31:], v[1, :, 31:] = np.nan, np.inf
    np.testing.assert_array_equal(kernels.attention(q, k, v, key_mask=there), clean)
    np.testing.assert_allclose(clean[1], exact(q[1:], k[1:, :, :31], v[1:, :, :31])[0][0], atol=1e-5)


def test_the_number_of_threads_does_not_change_the_bits():
    q, k, v = drawn(1, 3, 1, 200, 200, 32)
    before = kernels.get_num_threads()
    found = []
    for count in (1, 2, 3):
        kernels.set_num_threads(count)
        found.append(kernels.attention(q, k, v, causal=True))
    kernels.set_num_threads(before)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize("case", ["plain", "causal", "shared heads", "mask"])
def test_the_gradient_is_that_of_finite_differences(case):
    b, hq, hk, sq, sk, d = (1, 4, 2, 3, 5, 4) if case == "shared heads" else (1, 2, 2, 4, 5, 4)
    causal = case == "causal"
    q, k, v = drawn(b, hq, hk, sq, sk, d, dtype=np.float64)
    mask = RNG.standard_normal((1, 1, sq, sk)) if case == "mask" else None
    dout = RNG.standard_normal((b, hq, sq, d))

    def loss(*arrays):
        return float((oracle.attention(*arrays, mask, None, causal, 0.7)[0] * dout).sum())

    narrow = [x.astype(np.float32) for x in (q, k, v)]
    small = None if mask is None else mask.astype(np.float32)
    out, lse = kernels.attention(*narrow, causal=causal, scale=0.7, mask=small, return_lse=True)
    for threads in (1, 2):
        kernels.set_num_threads(threads)
        found = kernels.attention_grad(
            dout.astype(np.float32), *narrow, out, lse, causal=causal, scale=0.7, mask=small
        )
        for i, grad in enumerate(found):
            np.testing.assert_allclose(grad, differences(loss, [q, k, v], i), atol=2e-5)


def differences(loss, arrays, which, step=1e-6):
    grad = np.zeros_like(arrays[which])
    for place in np.ndindex(grad.shape):
        values = []
        for sign in (1, -1):
            moved = [x.copy() for x in arrays]
            moved[which][place] += sign * step
            values.append(loss(*moved))
        grad[place] = (values[0] - values[1]) / (2 * step)
    return grad


def test_the_gradient_has_the_same_bits_again():
    q, k, v = drawn(1, 1, 1, 150, 250, 32)
    out, lse = kernels.attention(q, k, v, return_lse=True)
    first = kernels.attention_grad(out, q, k, v, out, lse)
    for _ in range(5):
        for a, b in zip(first, kernels.attention_grad(out, q, k, v, out, lse), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
def test_long_sequences_agree_with_the_oracle(dtype):
    q, k, v = drawn(1, 2, 1, 1023, 1024, 64, dtype=dtype)
    truth, lse = exact(q, k, v, causal=True)
    out, found = kernels.attention(q, k, v, causal=True, return_lse=True)
    np.testing.assert_allclose(found, lse, atol=1e-5, rtol=1e-6)
    np.testing.assert_allclose(out.astype(np.float64), truth, atol=1e-5 if dtype is np.float32 else 1.6e-2)


def test_what_does_not_fit_is_told_before_anything_is_computed():
    q, k, v = drawn(1, 3, 2, 4, 5, 8)
    with pytest.raises(BadArgument, match=r"q has 3 heads, k and v have 2"):
        kernels.attention(q, k, v)
    q, k, v = drawn(1, 2, 2, 4, 5, 8)
    with pytest.raises(BadArgument, match=r"sk is 6; k says 5"):
        kernels.attention(q, k, v, mask=np.zeros((4, 6), np.float32))
    with pytest.raises(BadArgument, match=r"mh is 3; 1 or 2 is needed"):
        kernels.attention(q, k, v, mask=np.zeros((1, 3, 4, 5), np.float32))
    with pytest.raises(BadDtype, match="key_mask"):
        kernels.attention(q, k, v, key_mask=np.zeros((1, 5), np.int64))


def test_torch_agrees():
    torch = pytest.importorskip("torch")
    q, k, v = drawn(2, 4, 4, 65, 65, 40)
    out, lse = kernels.attention(q, k, v, causal=True, return_lse=True)
    theirs = [torch.from_numpy(x).requires_grad_() for x in (q, k, v)]
    expected = torch.nn.functional.scaled_dot_product_attention(*theirs, is_causal=True)
    np.testing.assert_allclose(out, expected.detach().numpy(), atol=2e-6)
    dout = RNG.standard_normal(out.shape).astype(np.float32)
    expected.backward(torch.from_numpy(dout))
    for grad, each in zip(kernels.attention_grad(dout, q, k, v, out, lse, causal=True), theirs, strict=True):
        np.testing.assert_allclose(grad, each.grad.numpy(), atol=1e-5)
