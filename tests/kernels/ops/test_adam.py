"""What is special about Adam and AdamW: many steps beside PyTorch's, 16-bit copies, settings refused."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import kernels
from kernels.errors import BadArgument
from kernels.ops.adam import ADAM, ADAMW

rng = np.random.default_rng(17)


def start(*shape: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parameters and both moments."""
    zero = np.zeros(shape, np.float32)
    return rng.standard_normal(shape).astype(np.float32), zero, zero.copy()


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_ten_steps_are_those_of_torch(name: str, decay: float) -> None:
    torch = pytest.importorskip("torch")
    param, m, v = start(5, 41)
    theirs = torch.nn.Parameter(torch.from_numpy(param.copy()))
    kind = torch.optim.Adam if name == "adam" else torch.optim.AdamW
    settings: dict[str, Any] = {"lr": 3e-2, "eps": 1e-6, "weight_decay": decay}
    optimiser = kind([theirs], betas=(0.8, 0.95), **settings)
    for step in range(1, 11):
        grad = rng.standard_normal(param.shape).astype(np.float32)
        theirs.grad = torch.from_numpy(grad)
        optimiser.step()
        getattr(kernels, name)(param, grad, m, v, step=step, beta1=0.8, beta2=0.95, **settings)
    state = optimiser.state[theirs]
    for ours, expected in (
        (param, theirs.detach()),
        (m, state["exp_avg"]),
        (v, state["exp_avg_sq"]),
    ):
        np.testing.assert_allclose(ours, expected.numpy(), rtol=2e-5, atol=1e-6)


def test_defaults_are_those_of_torch() -> None:
    p, m, v = start(9)
    grad = rng.standard_normal(9).astype(np.float32)
    for op, decay in ((kernels.adam, 0.0), (kernels.adamw, 1e-2)):
        one, other = (p.copy(), m.copy(), v.copy()), (p.copy(), m.copy(), v.copy())
        op(one[0], grad, *one[1:], step=1)
        op(other[0], grad, *other[1:], step=1, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=decay)
        np.testing.assert_array_equal(one, other)


def test_the_first_step_goes_by_the_learning_rate() -> None:
    param, m, v = start(100)
    before, grad = param.copy(), rng.standard_normal(100).astype(np.float32)
    kernels.adam(param, grad, m, v, step=1, lr=0.25)
    np.testing.assert_allclose(before - param, 0.25 * np.sign(grad), rtol=1e-5)


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16])
@pytest.mark.parametrize("version", ["oracle", "v2_vector"])
def test_16_bit_parameters_are_the_master_copy_rounded(dtype: Any, version: str) -> None:
    param, m, v = start(3, 37)
    low = param.astype(dtype)
    for step in range(1, 4):
        grad = rng.standard_normal(param.shape).astype(dtype)
        kernels.adamw(param, grad, m, v, step=step, low=low, version=version)
    np.testing.assert_array_equal(low.view(np.uint16), param.astype(dtype).view(np.uint16))


def test_a_new_step_needs_no_new_plan() -> None:
    param, m, v = start(33)
    for operator, op in ((ADAM, kernels.adam), (ADAMW, kernels.adamw)):
        operator.plans.clear()
        for step in range(1, 5):
            op(param, param.copy(), m, v, step=step, lr=0.1 / step)
        assert len(operator.plans) == 1


@pytest.mark.parametrize(
    ("setting", "value"),
    [("step", 0), ("lr", -1), ("beta1", 1), ("beta2", -0.1), ("eps", -1e-9), ("weight_decay", np.nan)],
)
def test_settings_out_of_range_are_refused(setting: str, value: float) -> None:
    param, m, v = start(3)
    settings: dict[str, Any] = {"step": 1, setting: value}
    with pytest.raises(BadArgument, match=f"{setting} is {value}"):
        kernels.adam(param, param.copy(), m, v, **settings)


def test_what_is_updated_must_be_contiguous() -> None:
    param, m, v = start(8)
    with pytest.raises(BadArgument, match="param"):
        kernels.adam(param[::2], np.zeros(4, np.float32), m[:4], v[:4], step=1)
