"""A whole training step as one program: forward, backward and the change of the parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from framework import Parameter, Tensor, ops, value_and_grad
from framework.errors import ArgumentError
from framework.jit import jit

RNG = np.random.default_rng(0)


def _random(*shape: int) -> np.ndarray:
    return (RNG.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32)


def _loss(weights: dict[str, Any], x: Any, y: Any) -> Any:
    hidden = ops.maximum(x @ weights["w1"] + weights["b1"], 0.0)
    z = hidden @ weights["w2"] + weights["b2"]
    z = z - ops.max(z, axis=-1, keepdims=True)
    return -ops.mean(y * (z - ops.log(ops.sum(ops.exp(z), axis=-1, keepdims=True))))


def _step(weights: dict[str, Any], x: Any, y: Any) -> Any:
    loss, gradients = value_and_grad(_loss)(weights, x, y)
    return loss, {name: weights[name] - 0.1 * gradients[name] for name in weights}


def _start() -> tuple[dict[str, Any], Any, Any]:
    weights = {"w1": _random(20, 33), "b1": _random(33), "w2": _random(33, 5), "b2": _random(5)}
    x, y = _random(16, 20), np.eye(5, dtype=np.float32)[RNG.integers(0, 5, 16)]
    return {name: Tensor(value) for name, value in weights.items()}, Tensor(x), Tensor(y)


def _close(a: Any, b: Any) -> bool:
    scale = max(float(np.abs(a.asnumpy()).max()), 1e-30)
    return float(np.abs(a.asnumpy() - b.asnumpy()).max()) <= 2e-6 * scale


@pytest.mark.parametrize("level", ["O0", "O1"])
def test_a_compiled_step_gives_what_the_eager_one_gives(level: str) -> None:
    weights, x, y = _start()
    loss, new = _step(weights, x, y)
    compiled_loss, compiled = jit(_step, jit_level=level, fullgraph=True)(weights, x, y)
    same = np.array_equal if level == "O0" else _close
    assert same(compiled_loss, loss)
    assert all(same(compiled[name], new[name]) for name in new)


def test_parameters_that_a_step_assigns_are_written_in_place() -> None:
    weights, x, y = _start()
    parameters = {name: Parameter(value) for name, value in weights.items()}

    @jit(fullgraph=True)
    def step(x: Any, y: Any) -> Any:
        loss, gradients = value_and_grad(_loss_of, None, list(parameters.values()))(x, y)
        for parameter, gradient in zip(parameters.values(), gradients, strict=True):
            parameter.assign(parameter - 0.1 * gradient)
        return loss

    def _loss_of(x: Any, y: Any) -> Any:
        return _loss(parameters, x, y)

    step(x, y)  # the first step finds arrays that this test still holds
    places = [p.value.ctypes.data for p in parameters.values()]
    for _ in range(2):
        step(x, y)
        assert [p.value.ctypes.data for p in parameters.values()] == places
    for _ in range(3):
        _, weights = _step(weights, x, y)
    assert all(_close(parameters[name].held, weights[name]) for name in weights)
    assert step.traces == 1
    assert [p.version for p in parameters.values()] == [3] * 4


def test_a_value_that_somebody_holds_is_not_written_over() -> None:
    parameter = Parameter(np.ones(4, np.float32))
    step = jit(lambda: parameter.assign(parameter * 2).held, fullgraph=True)
    held = parameter.held
    view = parameter.asnumpy()
    step()
    assert held.tolist() == view.tolist() == [1.0] * 4
    assert parameter.tolist() == [2.0] * 4


def test_donated_arguments_give_their_memory_to_results() -> None:
    x = Tensor(np.ones(1000, np.float32))
    place = x.value.ctypes.data
    result = jit(lambda x: ops.exp(x) * 2, donate=0)(x)
    assert result.value.ctypes.data == place


@pytest.mark.parametrize(
    ("donate", "said"),
    [
        (-1, r"donate=\[-1\]; positions"),
        (("x",), r"donate=\['x'\]"),
        (True, "donate="),
        (1, r"donate=\[1\], but the call has 1 arguments"),
    ],
)
def test_what_cannot_be_donated_is_refused(donate: Any, said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        jit(lambda x: x + 1, donate=donate)(Tensor([1.0]))


def test_what_cannot_be_called_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"3 \(int\) cannot be called"):
        jit(3)
