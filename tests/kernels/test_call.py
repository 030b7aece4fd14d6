"""Calls: plans, outputs, faults."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import kernels
from kernels import arrays, compiled
from kernels.call import PLANS_KEPT, call
from kernels.errors import BadArgument, BadDtype, KernelError, NoVersion
from kernels.ops.softmax import SOFTMAX
from kernels.plan import CpuPlan
from kernels.registry import Operator
from kernels.schema import Array, Attribute, Schema, Work
from kernels.toolchain import cc

rng = np.random.default_rng(5)
needs_compiler = pytest.mark.skipif(not cc.available(), reason="needs gcc and g++")


class Toy(Operator):
    """An operator without versions: its oracle serves."""

    def __init__(self, schema: Schema, function: Callable[..., object]) -> None:
        super().__init__(schema, Work(lambda d: 1, lambda d: 1), "kernels.ops.toy", [])
        self.function = function

    @functools.cached_property
    def oracle(self) -> Callable[..., object]:
        return self.function


def floats(*shape: int) -> Any:
    return rng.standard_normal(shape).astype(np.float32)


TWO = Toy(
    Schema("two", [Array("x", "n*"), Array("w", "n*", optional=True)], [Array("y", "n*"), Array("z", "n*")]),
    lambda x, w: (x + 1, x * 2 if w is None else x * w),
)
SCALED = Toy(
    Schema("scaled", [Array("x", "n*")], [Array("y", "n*")], [Attribute("by", "float")]), lambda x, by: x * by
)
MADE = Toy(
    Schema("made", [Array("codes", "n*", "u8")], [Array("y", "n*")]), lambda codes: codes.astype(np.float32)
)


def step(p: Any, g: Any) -> tuple[()]:
    p -= g
    return ()


STEP = Toy(Schema("step", [Array("p", "n*", update=True), Array("g", "n*")], []), step)


# ---- outputs


def test_what_was_given_as_out_is_what_comes_back() -> None:
    x, y, z = floats(3), floats(3), floats(3)
    outs = (y, z)
    assert call(TWO, (x, None), (), outs) is outs
    np.testing.assert_array_equal(y, x + 1)
    out = floats(3)
    assert call(SCALED, (x,), (2.0,), out) is out
    assert call(SCALED, (x,), (2.0,), (out,)) is out


def test_outputs_that_are_not_wanted_are_none() -> None:
    y, z = call(TWO, (floats(3), None), want=(True, False))
    assert z is None
    assert y.shape == (3,)
    out = floats(3)
    assert call(TWO, (floats(3), None), (), (out, None), want=(True, False))[0] is out
    with pytest.raises(BadArgument, match=r"out \(z\) is not wanted, but given"):
        call(TWO, (floats(3), None), (), (out, floats(3)), want=(True, False))
    with pytest.raises(BadArgument, match=r"out \(z\) is missing"):
        call(TWO, (floats(3), None), (), (out, None))
    with pytest.raises(BadArgument, match="out has 1 arrays; 2 are needed"):
        call(TWO, (floats(3), None), (), out)


def test_outputs_that_overlap_each_other_are_refused() -> None:
    whole = floats(5)
    with pytest.raises(BadArgument, match=r"out \(y\) and out \(z\) overlap"):
        call(TWO, (floats(3), None), (), (whole[:3], whole[2:]))


def test_elements_of_an_output_that_share_their_memory_are_refused() -> None:
    out = np.lib.stride_tricks.as_strided(floats(1), (3,), (0,))
    with pytest.raises(BadArgument, match=r"strides \(0,\): elements share"):
        call(SCALED, (floats(3),), (2.0,), out)


def test_a_type_that_no_input_shows_has_to_be_told() -> None:
    codes = np.arange(3, dtype=np.uint8)
    assert call(MADE, (codes,), types=(("T", "f16"),)).dtype == np.float16
    with pytest.raises(
        BadDtype, match="no array given says which dtype is meant; allowed: float32, bfloat16"
    ):
        call(MADE, (codes,))
    with pytest.raises(BadDtype, match="made: dtype u8 is asked for; allowed: float32, bfloat16, float16"):
        call(MADE, (codes,), types=(("T", "u8"),))


def test_an_array_without_axes_stays_one() -> None:
    found = call(SCALED, (np.array(3, np.float32),), (2.0,))
    assert isinstance(found, np.ndarray)
    assert found.shape == ()
    assert found == 6


# ---- what is updated in place


def test_state_is_updated_where_it_is() -> None:
    p, g = floats(4), floats(4)
    wanted = p - g
    assert call(STEP, (p, g)) is None
    np.testing.assert_array_equal(p, wanted)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda p: p[::2], r"step: p of shape \(4,\) has strides \(8,\), but is updated in place"),
        (
            lambda p: p.view(np.uint8)[1:17].view(np.float32),
            "step: p begins at address 0x.*a multiple of 4 is",
        ),
        (lambda p: np.frombuffer(p[:4].tobytes(), np.float32), "step: p is read-only, but is written to"),
    ],
)
def test_state_that_cannot_be_updated_where_it_is_is_refused(made: Any, words: str) -> None:
    with pytest.raises(BadArgument, match=words):
        call(STEP, (made(floats(8)), floats(4)))


def test_state_that_overlaps_another_input_is_refused() -> None:
    p = floats(4)
    with pytest.raises(BadArgument, match="step: p and g overlap"):
        call(STEP, (p, p))


# ---- plans


def test_attributes_that_are_equal_share_a_plan_and_mean_the_same() -> None:
    SCALED.plans.clear()
    x = floats(3)
    for by in (2, 2.0, np.float32(2), np.array(2)):
        np.testing.assert_array_equal(call(SCALED, (x,), (by,)), 2 * x)
    assert len(set(map(id, SCALED.plans.values()))) == 1


def test_an_attribute_that_cannot_be_hashed_is_refused_in_words() -> None:
    with pytest.raises(BadArgument, match=r"scaled: by is \[2\]; a real number is needed"):
        call(SCALED, (floats(3),), ([2],))


def test_plans_do_not_pile_up() -> None:
    SCALED.plans.clear()
    for i in range(PLANS_KEPT + 10):
        call(SCALED, (floats(1),), (float(i),))
    assert len(SCALED.plans) <= PLANS_KEPT


@needs_compiler
def test_what_a_layout_does_not_show_is_looked_at_in_every_call() -> None:
    x, y = floats(4, 8), floats(4, 8)
    wanted = kernels.softmax(x, out=y).copy()
    y.flags.writeable = False
    with pytest.raises(BadArgument, match=r"softmax: out \(y\) is read-only"):
        kernels.softmax(x, out=y)
    memory = np.zeros(x.nbytes + 64, np.uint8)
    for offset in (1, 4):  # misaligned, then on the input but for an element
        copy = memory[:128].view(np.float32).reshape(4, 8)
        copy[...] = x
        out = memory[offset : offset + 128].view(np.float32).reshape(4, 8)
        np.testing.assert_array_equal(kernels.softmax(copy, out=out), wanted)


@needs_compiler
def test_interpreters_that_lay_arrays_out_in_another_way_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "FIELDS_ARE_THERE", False)
    SOFTMAX.plans.clear()
    x = floats(4, 8)
    found = kernels.softmax(x)
    read_only = floats(4, 8)
    read_only.flags.writeable = False
    with pytest.raises(BadArgument, match="read-only"):
        kernels.softmax(x, out=read_only)
    SOFTMAX.plans.clear()
    monkeypatch.undo()
    np.testing.assert_array_equal(found, kernels.softmax(x))


@needs_compiler
@pytest.mark.parametrize(("fault", "kind"), [(1, KernelError), (2, BadArgument), (77, KernelError)])
def test_what_a_kernel_returns_becomes_a_sentence(
    fault: int, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    SOFTMAX.plans.clear()
    x = floats(2, 8)
    kernels.softmax(x)
    (plan,) = SOFTMAX.plans.values()
    assert isinstance(plan, CpuPlan)
    monkeypatch.setattr(plan, "enter", lambda *_: fault)
    words = {1: "no memory", 2: "an index lies outside", 77: "the kernel returned 77"}[fault]
    with pytest.raises(kind, match=f"softmax: {words}"):
        kernels.softmax(x)
    SOFTMAX.plans.clear()


@needs_compiler
def test_the_block_is_laid_out_as_in_c() -> None:
    words = compiled.ARRAYS * 2 + compiled.WHOLE + compiled.REAL + 5
    assert ctypes.sizeof(compiled.Block) == 8 * words
    text = compiled.ENTRY.read_text()
    assert f"ARRAYS = {compiled.ARRAYS}, WHOLE = {compiled.WHOLE}, REAL = {compiled.REAL}" in text


def test_a_version_that_does_not_serve_a_dtype_is_refused() -> None:
    with pytest.raises(NoVersion, match="there is not version 'v1_naive' for f16 on cpu"):
        kernels.softmax(floats(2, 3).astype(np.float16), version="v1_naive")


def test_the_package_says_what_it_has() -> None:
    assert "softmax" in dir(kernels)
    with pytest.raises(AttributeError, match=r"no operator 'sofmax'; there are: .*softmax"):
        _ = kernels.sofmax
