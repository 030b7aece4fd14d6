"""A compiled function never uses a stale value: whatever it depends on is looked at in every call."""

from __future__ import annotations

import functools
import sys
from typing import Any

import numpy as np
import pytest

from framework import Parameter, Tensor, grad, nn, ops, vmap
from framework.errors import ArgumentError, InPlaceError, TraceError
from framework.jit import jit

X = Tensor(np.arange(4, dtype=np.float32))
factor = 2.0
settings = {"rate": 0.5, "names": ["a"]}


def O0(function: Any) -> Any:  # what is traced when does not depend on the level
    return jit(function, jit_level="O0", fullgraph=True)


def test_the_same_arguments_are_traced_once() -> None:
    f = O0(lambda x, flag: x + 1 if flag else x - 1)
    assert f(X, True).tolist() == f(X, True).tolist() == [1, 2, 3, 4]
    assert f.traces == 1


@pytest.mark.parametrize(
    "other",
    [
        (Tensor(np.zeros(5, np.float32)), True),  # another shape
        (Tensor(np.zeros(4, np.float64)), True),  # another dtype
        (X, False),  # another value of a static argument
        (X, 1),  # equal, but of another type
    ],
)
def test_other_shapes_dtypes_and_static_arguments_are_traced_anew(other: Any) -> None:
    f = O0(lambda x, flag: x + 1 if flag is True else x - 1)
    f(X, True)
    f(*other)
    assert f.traces == 2


def test_a_changed_global_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    f = O0(lambda x: x * factor)
    assert f(X).tolist() == [0, 2, 4, 6]
    monkeypatch.setitem(globals(), "factor", 3.0)
    assert f(X).tolist() == [0, 3, 6, 9]
    monkeypatch.setitem(globals(), "factor", 2.0)
    f(X)
    assert f.traces == 2  # the first trace fits again


def test_a_changed_closure_is_seen_through_inner_functions() -> None:
    shift = 1.0

    def inner(x: Any) -> Any:
        return x + shift

    f = O0(lambda x: inner(x) * 2)
    assert f(X).tolist() == [2, 4, 6, 8]
    shift = 2.0
    assert f(X).tolist() == [4, 6, 8, 10]


def test_a_changed_member_of_a_container_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    f = O0(lambda x: x * settings["rate"] + len(settings["names"]))  # type: ignore[arg-type]
    assert f(X).tolist() == [1, 1.5, 2, 2.5]
    monkeypatch.setitem(settings, "rate", 1.0)
    assert f(X).tolist() == [1, 2, 3, 4]
    monkeypatch.setitem(settings, "names", ["a", "b"])
    assert f(X).tolist() == [2, 3, 4, 5]


def test_a_closed_over_tensor_that_is_replaced_is_seen_and_one_in_use_cannot_be_written_to() -> None:
    mask = Tensor(np.ones(4, np.float32))
    f = O0(lambda x: x * mask)
    f(X)
    with pytest.raises(InPlaceError, match="index_put"):
        mask[0] = 5.0
    mask = ops.index_put(mask, 1, 5.0)
    assert f(X).tolist() == [0, 5, 2, 3]


@pytest.mark.filterwarnings("ignore:jit")
@pytest.mark.parametrize("looped", [False, True])
def test_a_write_to_a_tensor_from_outside_is_refused_and_taken_back(looped: bool) -> None:
    count = Tensor(np.zeros(2, np.float32))

    def counting(x: Any) -> Any:
        count[0] = 1.0
        return x

    def f(x: Any) -> Any:
        return ops.scan(lambda c, y: (c + counting(y), None), 0.0, x)[0] if looped else counting(x)

    with pytest.raises(TraceError, match=r"made outside of it \(variable 'count'\).*hold .* in a Parameter"):
        jit(f, fullgraph=True)(X)
    assert count.tolist() == [0, 0]
    jit(f)(X)  # runs as it is
    assert count.tolist() == [1, 0]


def test_a_call_holds_none_of_its_arguments_and_may_be_followed_by_a_write_to_one() -> None:
    f = jit(lambda x: x + 1, fullgraph=True)
    x = Tensor(np.zeros(2, np.float32))
    f(x)
    x[0] = 1.0
    assert f(x).tolist() == [2, 1]
    assert f.traces == 1
    assert sys.getrefcount(x) == 2


def test_a_new_value_of_a_parameter_needs_no_new_trace() -> None:
    weight = Parameter(np.ones(4, np.float32))
    f = O0(lambda x: x * weight)
    f(X)
    weight.assign(np.full(4, 7.0))
    assert f(X).tolist() == [0, 7, 14, 21]
    assert f.traces == 1


def test_an_attribute_of_a_cell_that_changes_is_seen() -> None:
    class Scaled(nn.Cell):
        def __init__(self) -> None:
            self.scale = 2.0
            self.inner = nn.LeakyReLU(0.5)

        def construct(self, x: Tensor) -> Any:
            return self.inner(x) * self.scale

    net = Scaled()
    f = O0(net)
    assert f(-X).tolist() == [0, -1, -2, -3]
    net.scale = 4.0
    assert f(-X).tolist() == [0, -2, -4, -6]
    net.inner.negative_slope = 0.25
    assert f(-X).tolist() == [0, -1, -2, -3]


def test_train_and_eval_have_a_trace_each() -> None:
    net = nn.SequentialCell(nn.Dense(4, 3), nn.ReLU())
    f = O0(net)
    for mode in (True, False, True, False):
        net.train(mode)
        f(X)
    assert f.traces == 2


def test_methods_partials_and_objects_are_looked_into() -> None:
    class Model:
        rate = 0.5

        @functools.partial(jit, jit_level="O0")
        def step(self, x: Any) -> Any:
            return x * self.rate

    model = Model()
    assert model.step(X).tolist() == [0, 0.5, 1, 1.5]
    model.rate = 2.0
    assert model.step(X).tolist() == [0, 2, 4, 6]
    assert O0(functools.partial(lambda a, x: a * x, 3.0))(X).tolist() == [0, 3, 6, 9]


def test_what_is_neither_array_nor_hashable_is_refused_with_the_cure() -> None:
    with pytest.raises(ArgumentError, match=r"bytearray.*neither an array nor hashable; give a tensor"):
        jit(lambda x, y: x)(X, bytearray(b"abc"))


def test_many_traces_of_one_kind_are_warned_of_once() -> None:
    rate = 0.0
    f = O0(lambda x: x * rate)

    def run() -> None:
        nonlocal rate
        for i in range(10):
            rate = float(i)
            assert f(X).tolist() == [0, i, 2 * i, 3 * i]

    with pytest.warns(RuntimeWarning, match=r"traced 8 times .* because variable 'rate' had changed"):
        run()


def test_what_another_transform_follows_is_never_frozen_into_a_program() -> None:
    with pytest.warns(RuntimeWarning, match="neither an argument nor a constant"):
        assert grad(lambda x: jit(lambda: ops.sum(x * x))())(X).tolist() == [0, 2, 4, 6]
    with pytest.warns(RuntimeWarning, match="neither an argument nor a constant"):
        assert vmap(lambda x: jit(lambda: x * 2)())(X).tolist() == [0, 2, 4, 6]


def test_a_gradient_by_a_constant_compiles() -> None:
    f = O0(lambda x: grad(lambda w: ops.sum(w * x))(ops.ones((4,))))
    assert f(X).tolist() == X.tolist()


def test_a_tensor_that_got_out_of_a_batch_is_refused() -> None:
    box: list[Tensor] = []
    escaping = O0(lambda x: (vmap(lambda y: (box.append(y), y)[1])(x), box.pop())[1])
    with pytest.raises(TraceError, match="neither an argument nor a constant"):
        escaping(X)


def test_a_compiled_function_inside_of_a_gradient_or_a_trace_is_a_part_of_it() -> None:
    f = jit(lambda x: ops.sum(x * x))
    assert grad(f)(X).tolist() == [0, 2, 4, 6]
    assert vmap(f)(ops.stack([X, X * 2])).tolist() == [14, 56]
    assert jit(lambda x: f(x) + 1, jit_level="O0")(X).item() == 15
