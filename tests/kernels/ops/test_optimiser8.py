"""8-bit optimisers: close to their float32 originals over many steps, and slips of others by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import kernels
from kernels.errors import BadArgument
from kernels.quant.state import Moments

STATES: dict[str, int] = {
    "adamw_8bit": 2,
    "ademamix_8bit": 3,
    "momentum_8bit": 1,
    "lion_8bit": 1,
    "rmsprop_8bit": 1,
    "adagrad_8bit": 1,
}


def decoded(state: Moments, number: int) -> np.ndarray:
    codes, absmax, values = (getattr(state, f"{each}{number}") for each in ("codes", "absmax", "values"))
    return kernels.dequantize_blockwise(codes, absmax, values, blocksize=256)


def numbers(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(n).astype(np.float32)


@pytest.mark.parametrize("name", STATES)
def test_descends_a_bowl(name: str) -> None:
    step: Callable[..., None] = getattr(kernels, name)
    target, p = numbers(1000), numbers(1000, 1)
    state = kernels.moments_8bit(p, STATES[name])
    rate = {"adagrad_8bit": 0.3, "momentum_8bit": 0.01, "rmsprop_8bit": 0.01}.get(name, 0.03)
    before = np.abs(p - target).mean()
    for _ in range(150):
        step(p, p - target, state, lr=rate, weight_decay=0.0)
    assert np.abs(p - target).mean() < before / 5
    assert state.step == 150


def test_adamw_stays_with_its_float32_original() -> None:
    p = numbers(5000)
    reference, m, v = p.astype(np.float64), np.zeros(5000), np.zeros(5000)
    state = kernels.moments_8bit(p, 2)
    for t in range(1, 31):
        g = numbers(5000, t)
        kernels.adamw_8bit(p, g, state, lr=1e-2, weight_decay=0.1)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g.astype(np.float64) ** 2
        reference *= 1 - 1e-2 * 0.1
        reference -= 1e-2 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    assert np.abs(p - reference).mean() < 2e-3
    assert np.abs(reference - numbers(5000)).mean() > 2e-2


def test_the_first_step_of_adamw_is_by_the_sign_of_the_gradient() -> None:
    p, g = np.zeros(300, np.float32), numbers(300)
    kernels.adamw_8bit(p, g, kernels.moments_8bit(p, 2), lr=0.5, weight_decay=0.0)
    np.testing.assert_allclose(p, -0.5 * np.sign(g), rtol=1e-4)


def test_decay_comes_before_the_update() -> None:
    p = np.full(300, 2, np.float32)
    kernels.adamw_8bit(p, np.ones_like(p), kernels.moments_8bit(p, 2), lr=0.5, weight_decay=0.5)
    np.testing.assert_allclose(p, 2 * 0.75 - 0.5, rtol=1e-5)


def test_a_gradient_that_is_not_finite_forgets_its_element_and_leaves_it() -> None:
    p, g = numbers(600), numbers(600, 1)
    state = kernels.moments_8bit(p, 2)
    kernels.adamw_8bit(p, g, state)
    before = p.copy()
    g[[0, 300, 599]] = np.nan, np.inf, -np.inf
    kernels.adamw_8bit(p, g, state)
    assert (p[[0, 300, 599]] == before[[0, 300, 599]]).all()
    assert np.isfinite(p).all()
    for number in (1, 2):
        assert not decoded(state, number)[[0, 300, 599]].any()
        assert np.isfinite(decoded(state, number)).all()


@pytest.mark.parametrize("name", ["rmsprop_8bit", "adagrad_8bit"])
def test_the_update_takes_the_scaled_and_decayed_gradient(name: str) -> None:
    """Not the plain one, with which the average and the update would be of two gradients."""
    step = getattr(kernels, name)
    p, g = numbers(300), numbers(300, 1)
    q = p.copy()
    step(p, g, kernels.moments_8bit(p), gnorm_scale=0.25, weight_decay=0.5, eps=1.0)
    plain = np.float32(0.25) * g + np.float32(0.5) * q
    step(q, plain, kernels.moments_8bit(q), eps=1.0)
    np.testing.assert_allclose(p, q, rtol=1e-6, atol=1e-7)


def test_both_fast_averages_have_scales_of_their_own() -> None:
    """n % 256 != 0: an index over both arrays together would hit the last block of the first."""
    p, g = np.zeros(300, np.float32), np.full(300, 2, np.float32)
    state = kernels.moments_8bit(p, 3)
    assert state.codes1.shape == (2, 300)
    assert state.absmax1.shape == (2, 2)
    kernels.ademamix_8bit(p, g, state)
    np.testing.assert_allclose(state.absmax1, [[0.2, 0.2], [2e-4, 2e-4]], rtol=1e-3)


def test_momentum_starts_with_the_gradient_itself() -> None:
    p, g = np.zeros(300, np.float32), np.full(300, 2, np.float32)
    state = kernels.moments_8bit(p)
    kernels.momentum_8bit(p, g, state, lr=1.0)
    assert (p == -2).all()
    kernels.momentum_8bit(p, g, state, lr=1.0)
    np.testing.assert_allclose(p, -2 - 3.8, rtol=1e-6)


def test_lion_moves_by_signs_and_rests_at_zero() -> None:
    p, g = np.zeros(300, np.float32), numbers(300)
    g[5] = 0
    kernels.lion_8bit(p, g, kernels.moments_8bit(p), lr=0.25)
    assert (p == -0.25 * np.sign(g)).all()


def test_the_state_of_no_step_decodes_to_zeros() -> None:
    state = kernels.moments_8bit(numbers(300), 2)
    assert (state.codes1 == 127).all()
    assert (state.codes2 == 0).all()
    assert not decoded(state, 1).any()


def test_errors_say_what_was_given_and_what_is_needed() -> None:
    p: Any = numbers(300)
    with pytest.raises(BadArgument, match="holds one average"):
        kernels.adamw_8bit(p, p, kernels.moments_8bit(p))
    with pytest.raises(BadArgument, match="states is 4"):
        kernels.moments_8bit(p, 4)
    with pytest.raises(BadArgument, match="contiguous"):
        kernels.lion_8bit(numbers(600)[::2], p, kernels.moments_8bit(p))
    with pytest.raises(BadArgument, match=r"g has shape \(299,\)"):
        kernels.lion_8bit(p, numbers(299), kernels.moments_8bit(p))
