"""What is special about activations: their gradients, how precise they are, what infinities give."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import kernels
from kernels.ops.activations import oracle
from kernels.ops.activations.cases import FUNCTIONS
from tests.kernels.ops.differences import slope

INF, NAN = np.inf, np.nan
# Away from the kinks of relu, elu and hardswish.
POINTS = np.array([-9.0, -4.1, -2.9, -1.7, -0.6, -0.1, 0.1, 0.4, 1.3, 2.9, 3.2, 8.0])
rng = np.random.default_rng(11)


@pytest.mark.parametrize(("name", "of_result", "attributes"), FUNCTIONS)
def test_gradients_of_the_oracle_are_its_slopes(
    name: str, of_result: bool, attributes: dict[str, Any]
) -> None:
    dy = rng.standard_normal(POINTS.shape)

    def forward(x: Any) -> Any:
        return getattr(oracle, name)(x, *attributes.values())

    given = forward(POINTS) if of_result else POINTS
    found = getattr(oracle, f"{name}_grad")(dy, given, *attributes.values())
    np.testing.assert_allclose(found, slope(forward, POINTS, dy), rtol=1e-6, atol=1e-8)


def test_both_gradients_of_swiglu_are_slopes() -> None:
    gate, up, dy = rng.standard_normal((3, 9))
    dgate, dup = oracle.swiglu_grad(dy, gate, up)
    np.testing.assert_allclose(dgate, slope(lambda x: oracle.swiglu(x, up), gate, dy), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(dup, slope(lambda x: oracle.swiglu(gate, x), up, dy), rtol=1e-7, atol=1e-9)


def spread(low: float = -INF, high: float = INF) -> np.ndarray:
    """Floats of every size between two bounds."""
    every = np.arange(0, 2**32, 8191, dtype=np.uint32).view(np.float32)
    return every[(every >= low) & (every <= high)]


def ulps(found: np.ndarray, exact: np.ndarray) -> float:
    """The largest error in units of the last place of the exact values; subnormal ones are not looked at."""
    normal = np.abs(exact) > np.finfo(np.float32).tiny
    unit = np.spacing(np.abs(exact[normal]).astype(np.float32)).astype(np.float64)
    return float(np.max(np.abs(found[normal] - exact[normal]) / unit))


@pytest.mark.parametrize(
    ("name", "low", "allowed"),
    [("tanh", -INF, 6), ("sigmoid", -87, 3), ("softplus", -87, 3), ("elu", -INF, 2), ("silu", -87, 3)],
)
def test_every_float_is_within_a_few_units_of_the_last_place(name: str, low: float, allowed: float) -> None:
    x = spread(low)
    exact = getattr(oracle, name)(x.astype(np.float64), *([1.0] if name == "elu" else []))
    assert ulps(getattr(kernels, name)(x), exact) <= allowed


def test_gelu_is_precise_where_it_is_not_almost_zero() -> None:
    x = spread(-1, 1e30)[::5]
    exact = np.array([v * 0.5 * (1 + math.erf(v * math.sqrt(0.5))) for v in x.astype(np.float64)])
    assert ulps(kernels.gelu(x), exact) <= 8


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_gelus_past_the_caches_are_those_within_them(dtype: type) -> None:
    """A large array, of an odd length, whose result begins inside a line."""
    n = (16 << 20) // np.dtype(dtype).itemsize + 77
    x = np.linspace(-7, 7, n).astype(dtype)
    store = np.full(n + 64, 7, dtype)
    out = store[5 : n + 5]
    for function in (kernels.gelu, kernels.gelu_tanh):
        function(x, out=out)
        for part in (slice(0, 999), slice(n - 999, n), slice(n // 2, n // 2 + 999)):
            np.testing.assert_array_equal(out[part], function(x[part]))
        assert (store[:5] == 7).all()
        assert (store[n + 5 :] == 7).all()


@pytest.mark.parametrize("name", ["gelu", "gelu_tanh", "silu", "mish", "hardswish"])
def test_far_out_they_are_the_argument_or_nothing(name: str) -> None:
    x = np.array([-3e38, -1e20, -1000, 1000, 1e20, 3e38, INF], np.float32)
    np.testing.assert_array_equal(getattr(kernels, name)(x), np.maximum(x, 0))
    assert np.isnan(getattr(kernels, name)(np.array([-INF, NAN], np.float32))).all()


@pytest.mark.parametrize("name", ["gelu", "gelu_tanh", "silu", "mish", "softplus", "elu"])
def test_far_out_their_slopes_are_one_or_nothing(name: str) -> None:
    x = np.array([-INF, -3e38, -1e10, 1e10, 3e38, INF], np.float32)
    dx = getattr(kernels, f"{name}_grad")(np.full_like(x, 2.5), x)
    np.testing.assert_array_equal(dx, [0, 0, 0, 2.5, 2.5, 2.5])


def test_what_saturates_is_one_exactly() -> None:
    x = np.array([9.1, 20, 1e30, INF], np.float32)
    np.testing.assert_array_equal(kernels.tanh(x), 1)
    np.testing.assert_array_equal(kernels.tanh(-x), -1)
    np.testing.assert_array_equal(kernels.sigmoid(x * 10), 1)


@pytest.mark.parametrize("size", [1, 63, 1000, 70_001])
def test_the_result_may_go_where_the_argument_is(size: int) -> None:
    x, dy = rng.standard_normal((2, size)).astype(np.float32)
    expected = kernels.gelu(x)
    same = x.copy()
    assert kernels.gelu(same, out=same) is same
    np.testing.assert_array_equal(same, expected)
    dgate, dup = kernels.swiglu_grad(dy, x, x)
    other = np.empty_like(x)
    kernels.swiglu_grad(dy, x, x, out=(dy, other))
    np.testing.assert_array_equal([dy, other], [dgate, dup])


def test_another_number_of_threads_changes_no_bit() -> None:
    x = rng.standard_normal(200_003).astype(np.float32)
    before = kernels.get_num_threads()
    found = []
    for count in (1, 2, 3):
        kernels.set_num_threads(count)
        found.append(kernels.gelu(x).tobytes())
    kernels.set_num_threads(before)
    assert len(set(found)) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("name", "of_result", "attributes"), FUNCTIONS)
def test_torch_agrees(name: str, of_result: bool, attributes: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    theirs = {
        "leaky_relu": lambda x: functional.leaky_relu(x, attributes["slope"]),
        "elu": lambda x: functional.elu(x, attributes["alpha"]),
        "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    }.get(name) or getattr(functional, name, None)
    odd = [0.0, -INF, NAN, 1e30, -1e30]  # not +inf, of which PyTorch's gelu makes NaN
    x = np.concatenate([rng.standard_normal(1000) * 4, odd]).astype(np.float32)
    wanted = theirs(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(getattr(kernels, name)(x, **attributes), wanted, rtol=2e-6, atol=1e-6)
    finite = torch.from_numpy(x[:1000]).requires_grad_()
    y = theirs(finite)
    dy = rng.standard_normal(1000).astype(np.float32)
    y.backward(torch.from_numpy(dy))
    given = y.detach().numpy() if of_result else x[:1000]
    found = getattr(kernels, f"{name}_grad")(dy, given, **attributes)
    np.testing.assert_allclose(found, finite.grad.numpy(), rtol=5e-6, atol=3e-6)


def test_tanh_keeps_the_sign_of_zero() -> None:
    zeros = np.tile(np.array([0.0, -0.0], np.float32), 17)
    np.testing.assert_array_equal(np.signbit(kernels.tanh(zeros)), np.signbit(zeros))


def test_what_is_written_past_the_caches_is_written_whole() -> None:
    x = rng.standard_normal((1 << 22) + 40, dtype=np.float32)
    out = np.full((1 << 22) + 40, NAN, np.float32)
    for first, last in ((0, 40), (3, 1), (16, 0)):
        inside = slice(first, len(x) - last)
        np.testing.assert_array_equal(kernels.relu(x[inside], out=out[inside]), np.maximum(x[inside], 0))
        assert np.isnan(out[:first]).all()
        assert np.isnan(out[len(x) - last :]).all()
        out.fill(NAN)
