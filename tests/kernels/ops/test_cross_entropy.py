"""What is special about cross_entropy and its gradient."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import kernels
from kernels.ops.cross_entropy import CROSS_ENTROPY, oracle
from tests.kernels.ops.differences import slope, versions

VERSIONS = versions(CROSS_ENTROPY)
rng = np.random.default_rng(7)


def drawn(rows: int, n: int, dtype: Any = np.float32) -> tuple[np.ndarray, np.ndarray]:
    return rng.standard_normal((rows, n)).astype(dtype), rng.integers(0, n, rows)


def test_the_gradient_of_the_oracle_is_its_slope() -> None:
    logits, dloss = rng.standard_normal((4, 5)), rng.standard_normal(4)
    targets = np.array([0, 4, -100, 2])
    found, _ = oracle.cross_entropy_grad(logits, targets, dloss, -100)
    by_steps = slope(lambda a: oracle.cross_entropy(a, targets, -100), logits, dloss)
    np.testing.assert_allclose(found, by_steps, rtol=1e-6, atol=1e-8)


def test_at_full_size_the_gradient_is_that_of_the_formula() -> None:
    logits, targets = drawn(16, 50257)
    dloss = rng.standard_normal(16).astype(np.float32)
    e = np.exp(logits.astype(np.float64))
    wanted = e / e.sum(-1, keepdims=True)
    wanted[np.arange(16), targets] -= 1
    found, loss = kernels.cross_entropy_grad(logits, targets, dloss, loss=True)
    np.testing.assert_allclose(found, wanted * dloss[:, None], rtol=3e-6, atol=1e-9)
    np.testing.assert_allclose(loss, np.log(e.sum(-1)) - logits[np.arange(16), targets], rtol=1e-6)


@pytest.mark.parametrize("version", ["oracle", *VERSIONS])
@pytest.mark.parametrize("label", [40, -1, 2**31 - 1, -101])
@pytest.mark.parametrize("dtype", [np.int64, np.int32])
def test_a_label_out_of_range_is_refused_and_nothing_written(version: str, label: int, dtype: Any) -> None:
    logits = np.ones((3, 40), np.float32)
    targets = np.array([1, label, 2], dtype)
    loss = np.full(3, 7, np.float32)
    with pytest.raises(kernels.errors.BadArgument, match="index lies outside"):
        kernels.cross_entropy(logits, targets, out=loss, version=version)
    with pytest.raises(kernels.errors.BadArgument, match="index lies outside"):
        kernels.cross_entropy_grad(logits, targets, out=logits, version=version)
    assert (loss == 7).all()
    assert (logits == 1).all()


@pytest.mark.parametrize("version", VERSIONS)
def test_gradient_and_loss_may_be_had_in_the_place_of_the_logits(version: str) -> None:
    logits, targets = drawn(5, 5000)
    targets[3] = -100
    gradient = kernels.cross_entropy_grad(logits, targets, version=version)
    loss = kernels.cross_entropy(logits, targets, version=version)
    assert not gradient[3].any()
    assert loss[3] == 0
    room = np.empty(5, np.float32)
    found = kernels.cross_entropy_grad(logits, targets, loss=True, out=(logits, room), version=version)
    assert found[0] is logits
    np.testing.assert_array_equal(logits, gradient)
    np.testing.assert_array_equal(room, loss)


def test_half_wide_logits_give_way_to_their_gradient_too() -> None:
    logits, targets = drawn(3, 5000, ml_dtypes.bfloat16)
    gradient = kernels.cross_entropy_grad(logits, targets)
    kernels.cross_entropy_grad(logits, targets, out=logits)
    np.testing.assert_array_equal(logits, gradient)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_row_that_is_ignored_may_hold_anything(version: str) -> None:
    logits = np.full((2, 9), np.nan, np.float32)
    logits[1] = 0
    targets = np.array([3, 4])
    gradient, loss = kernels.cross_entropy_grad(logits, targets, ignore_index=3, loss=True, version=version)
    assert loss[0] == 0
    assert not gradient[0].any()
    np.testing.assert_allclose(loss[1], np.log(9), rtol=1e-6)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_shift_of_ten_thousand_costs_no_digits(version: str) -> None:
    targets = rng.integers(0, 3000, 4)
    logits = rng.integers(-8, 9, (4, 3000)).astype(np.float32)
    near = kernels.cross_entropy_grad(logits, targets, loss=True, version=version)
    far = kernels.cross_entropy_grad(logits + 10_000, targets, loss=True, version=version)
    for one, other in zip(near, far, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_torch_agrees() -> None:
    torch = pytest.importorskip("torch")
    logits, targets = drawn(64, 3001)
    targets[::7] = -100
    theirs = torch.from_numpy(logits.copy()).requires_grad_()
    loss = torch.nn.functional.cross_entropy(theirs, torch.from_numpy(targets), reduction="none")
    loss.sum().backward()
    gradient, ours = kernels.cross_entropy_grad(logits, targets, loss=True)
    np.testing.assert_allclose(ours, loss.detach().numpy(), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(gradient, theirs.grad.numpy(), rtol=1e-5, atol=1e-7)
