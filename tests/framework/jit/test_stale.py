"""Whatever a compiled function reaches may change between two calls, and the second sees it."""

from __future__ import annotations

import random
import sys
from array import array
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from framework import Parameter, Tensor, grad, nn, ops, value_and_grad
from framework.errors import ArgumentError, TraceError
from framework.jit import jit

X = Tensor(np.array([1, 2], np.float32))
rate = 2.0


class Settings:
    rate = 2.0
    mask = Tensor([2.0, 2.0])

    @property
    def of_global(self) -> float:
        return rate

    @staticmethod
    def static(x: Any) -> Any:
        return x * rate

    @classmethod
    def of_class(cls, x: Any) -> Any:
        return x * cls.rate


@dataclass(slots=True)
class Slotted:
    rate: float


class Layer(nn.Cell):
    rate = 2.0

    def construct(self, x: Tensor) -> Any:
        return x * self.rate


class Bag:
    """Attributes set from outside."""


instance, module, slotted, layer = Settings(), ModuleType("its_settings"), Slotted(2.0), Layer()
numbers, queue, members = np.array([2.0, 2.0], np.float32), deque([2.0]), {2.0}
raw, typed, table, bag = bytearray(b"\2"), array("d", [2.0]), {"rate": 2.0}, Bag()
look_up = table.get


def with_attribute(x: Any) -> Any:
    return x * vars(with_attribute)["rate"]


def with_default(x: Any, by: float = 2.0) -> Any:
    return x * by


def importing(x: Any) -> Any:
    import its_settings  # type: ignore[import-not-found]

    return x * its_settings.rate


def _closing_over_a_module() -> Callable[[Any], Any]:
    inside = module
    return lambda x: x * inside.rate


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "a class's attribute": lambda x: x * Settings.rate,
    "an instance's attribute from its class": lambda x: x * instance.rate,
    "a class's tensor": lambda x: x * Settings.mask,
    "a property": lambda x: x * instance.of_global,
    "a static method": lambda x: Settings.static(x),
    "a class method": lambda x: instance.of_class(x),
    "a slot": lambda x: x * slotted.rate,
    "a cell's attribute from its class": layer,
    "an array": lambda x: x * numbers,
    "an array in a container of an object": lambda x: x * vars(bag)["arrays"][0],
    "a queue": lambda x: x * queue[0],
    "a set": lambda x: x * sum(members),
    "bytes": lambda x: x * raw[0],
    "an array of Python's": lambda x: x * typed[0],
    "a bound method of a container": lambda x: x * look_up("rate"),
    "a function's attribute": with_attribute,
    "a default": with_default,
    "a module": lambda x: x * module.rate,
    "a module in a closure": _closing_over_a_module(),
    "a module that the function imports": importing,
}


@pytest.mark.parametrize("what", FUNCTIONS)
def test_a_change_is_seen_and_so_is_that_back(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "its_settings", module)
    vars(module)["rate"] = vars(with_attribute)["rate"] = 2.0
    vars(bag)["arrays"] = [numbers]
    function = FUNCTIONS[what]
    compiled = jit(function, jit_level="O0", fullgraph=True)
    assert compiled(X).tolist() == [2, 4]
    with monkeypatch.context() as patch:
        numbers[:] = 3.0
        queue[0], typed[0], raw[0] = 3.0, 3.0, 3
        members.symmetric_difference_update({2.0, 3.0})
        for holder in (Settings, Layer, module, with_attribute):
            patch.setattr(holder, "rate", 3.0)
        patch.setattr(Settings, "mask", Tensor([3.0, 3.0]))
        patch.setattr(slotted, "rate", 3.0)
        patch.setattr(with_default, "__defaults__", (3.0,))
        patch.setitem(globals(), "rate", 3.0)
        patch.setitem(table, "rate", 3.0)
        assert compiled(X).tolist() == [3, 6]
    numbers[:] = 2.0
    queue[0], typed[0], raw[0] = 2.0, 2.0, 2
    members.symmetric_difference_update({2.0, 3.0})
    assert compiled(X).tolist() == [2, 4]
    assert compiled.traces == 2


@pytest.mark.parametrize("level", ["O0", pytest.param("O1", marks=pytest.mark.slow)])
def test_parameters_that_move_to_another_dtype_are_computed_with_in_that(level: str) -> None:
    net = nn.Dense(2, 3)
    compiled = jit(net, jit_level=level, fullgraph=True)
    compiled(X)
    for dtype in ("float64", "float16"):
        net.to(dtype)
        expected = net(X)
        assert compiled(X).dtype == expected.dtype
        np.testing.assert_allclose(compiled(X).asnumpy(), expected.asnumpy(), rtol=1e-3)


def test_a_parameter_that_is_frozen_meanwhile_gets_no_gradient() -> None:
    net = nn.SequentialCell(nn.Dense(2, 3), nn.Dense(3, 1))

    def step(x: Any) -> Any:
        weights = net.trainable_params()
        return value_and_grad(lambda x: ops.sum(net(x)), None, weights=weights)(x)[1]

    compiled = jit(step, jit_level="O0", fullgraph=True)
    assert len(compiled(X)) == 4
    net.trainable_params()[0].requires_grad = False
    assert len(compiled(X)) == 3


def test_large_arrays_that_are_compared_at_every_call_are_warned_of() -> None:
    data = np.zeros(5_000_000, np.float32)
    with pytest.warns(RuntimeWarning, match="19 MB of NumPy arrays are compared .*variable 'data', for one"):
        jit(lambda x: x + data[0], jit_level="O0")(X)


def test_zero_and_minus_zero_are_two_values() -> None:
    f = jit(lambda x, zero: ops.copysign(x, zero), jit_level="O0", fullgraph=True)
    assert f(X, 0.0).tolist() == [1, 2]
    assert f(X, -0.0).tolist() == [-1, -2]


def test_a_compiled_function_inside_may_be_traced_on_its_own_without_touching_that_around() -> None:
    inner = jit(lambda x: x * 2, jit_level="O0")
    outer = jit(lambda x: inner(x) + 1, jit_level="O0")
    outer(X)
    inner(ops.ones(5))
    assert outer(X).tolist() == [3, 5]
    assert outer.traces == 1


def test_the_gradient_of_a_compiled_function_sees_a_change_too(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = Parameter(np.array([1, 1], np.float32))
    compiled = jit(grad(lambda x: ops.sum(x * weight * Settings.rate)), jit_level="O0", fullgraph=True)
    assert compiled(X).tolist() == [2, 2]
    monkeypatch.setattr(Settings, "rate", 3.0)
    assert compiled(X).tolist() == [3, 3]


DRAWING = np.random.default_rng(0)
LEGACY = random.Random(0)


@pytest.mark.filterwarnings("ignore:jit. .* runs as it is:RuntimeWarning")
@pytest.mark.parametrize("draw", [random.random, np.random.rand, DRAWING.random, LEGACY.random])
def test_numbers_drawn_outside_of_the_framework_are_never_frozen(draw: Callable[[], float]) -> None:
    def noisy(x: Any) -> Any:
        return x + draw()

    with pytest.raises(
        TraceError, match=r"draws random numbers or next values from .* draw with framework\.ops\.rand"
    ):
        jit(noisy, fullgraph=True)(Tensor([1.0]))
    either = jit(noisy)
    assert either(Tensor([1.0])).item() != either(Tensor([1.0])).item()
    drawn = random.random()
    assert jit(lambda x: x + drawn, fullgraph=True)(Tensor([0.0])).item() == pytest.approx(drawn)


@pytest.mark.parametrize(
    "make", [lambda: (n for n in range(3)), lambda: iter([0, 1, 2]), lambda: iter({0: 0, 1: 1})]
)
def test_values_of_an_iterator_from_outside_are_never_frozen(make: Callable[[], Any]) -> None:
    values = make()
    with pytest.raises(TraceError, match="next values from variable 'values'"):
        jit(lambda x: x + next(values), fullgraph=True)(Tensor([0.0]))
    unused = make()
    assert jit(lambda x: x if unused else -x, fullgraph=True)(Tensor([1.0])).item() == 1


def test_a_global_looked_up_by_its_name_as_a_text_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "FACTOR", 2.0)
    scaled = jit(lambda x: x * globals()["FACTOR"])
    assert scaled(Tensor([1.0])).item() == 2
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    assert scaled(Tensor([1.0])).item() == 3


def test_a_dict_whose_keys_have_no_order_is_named() -> None:
    with pytest.raises(ArgumentError, match=r"keys \['a', 1\] has no order .* use keys of one type"):
        jit(lambda d: d[1])({"a": Tensor([1.0]), 1: Tensor([2.0])})
    with pytest.raises(ArgumentError, match="has no order"):
        grad(lambda d: d[1].sum())({"a": Tensor([1.0]), 1: Tensor([2.0])})
