"""Every primitive of the table keeps its record's promises, on the operands of `samples.py`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import framework as fw
from framework.core import dtypes
from framework.core.axes import cost, factor_sizes, rule_of
from framework.core.graph import replay, trace
from framework.core.prim import PRIMS
from framework.core.tensor import Tensor, apply
from tests.framework.samples import ELSEWHERE, STRUCTURE, TABLE, all_samples

SAMPLES = all_samples()
CASES = [pytest.param(name, i, id=f"{name}-{i}") for name, rows in SAMPLES.items() for i in range(len(rows))]
# Of complex operands: their derivatives are compared by real and imaginary part.
LAPACK = {"cholesky", "solve", "inv", "slogdet", "eigh", "qr", "svd"}
COMPLEX = {"conj", "real", "imag", "fft"}


def sample(name: str, i: int) -> tuple[list[Tensor], dict[str, Any]]:
    arrays, attrs = SAMPLES[name][i]
    return [Tensor(x) for x in arrays], attrs


def outputs(name: str, ins: list[Any], attrs: dict[str, Any]) -> list[Tensor]:
    out = apply(PRIMS[name], *ins, **attrs)
    return list(out) if isinstance(out, tuple) else [out]


def of_floats(name: str, i: int) -> tuple[Any, list[Tensor]]:
    """The primitive as a function whose derivatives can be compared, and its operands at a sample."""
    ins, attrs = sample(name, i)
    if name in COMPLEX:
        ins = [fw.ops.real(ins[0]), fw.ops.imag(ins[0])]

    def fn(*xs: Tensor) -> list[Tensor]:
        if name in ("cholesky", "eigh"):  # of symmetric matrices
            xs = ((xs[0] + xs[0].mT) / 2,)
        if name in COMPLEX:
            (y,) = outputs(name, [xs[0] + xs[1] * 1j], attrs)
            return [fw.ops.real(y), fw.ops.imag(y)] if dtypes.is_complex(y.dtype) else [y]
        found = outputs(name, list(xs), attrs)
        # Signs of vectors are the library's choice.
        return [abs(y) for y in found] if name in ("qr", "svd", "eigh") else found

    return fn, ins


def has_gradient(name: str, i: int) -> bool:
    """Is there a rule or a definition, and a floating-point operand and result?"""
    prim, (ins, attrs) = PRIMS[name], sample(name, i)
    return (
        (prim.vjp is not None or prim.expand is not None)
        and name != "custom_gradient"  # whatever the user says
        and any(dtypes.is_inexact(x.dtype) for x in ins)
        and any(dtypes.is_inexact(y.dtype) for y in outputs(name, ins, attrs))
    )


SMOOTH = [case for case in CASES if has_gradient(*case.values)]


def test_every_primitive_of_the_table_has_a_sample() -> None:
    assert set(TABLE) - STRUCTURE - ELSEWHERE <= set(SAMPLES)


@pytest.mark.parametrize(("name", "i"), CASES)
def test_inference_factor_rule_and_replay_agree_with_the_implementation(name: str, i: int) -> None:
    ins, attrs = sample(name, i)
    outs = outputs(name, ins, attrs)
    found = PRIMS[name].infer(*ins, **attrs)
    avals = list(found) if PRIMS[name].multi else [found]
    assert [(a.shape, a.dtype) for a in avals] == [(y.shape, y.dtype) for y in outs]
    check_factors(name, ins, outs, attrs)
    graph = trace(lambda *xs: outputs(name, list(xs), attrs), *ins)
    for y, z in zip(outs, replay(graph, ins), strict=True):
        np.testing.assert_array_equal(y.asnumpy(), z.asnumpy())


def check_factors(name: str, ins: list[Tensor], outs: list[Tensor], attrs: dict[str, Any]) -> None:
    """A factor has one size in all words; the cost that follows is sensible."""
    rule = rule_of(PRIMS[name], ins, attrs)
    if rule is not None:
        assert len(rule.ins) == len(ins)
        assert len(rule.outs) == len(outs)
        sizes = factor_sizes(rule, ins)
        for word, y in zip(rule.outs, outs, strict=True):
            letters = word.removeprefix("...")
            known = [(sizes.get(c, n), n) for c, n in zip(letters[::-1], y.shape[::-1], strict=False)]
            assert all(a == b for a, b in known), (word, y.shape, sizes)
    flops, moved = cost(PRIMS[name], ins, outs, attrs)
    assert flops >= 0
    assert moved > 0


def check_order(name: str, i: int, order: int, modes: tuple[str, ...] = ("fwd", "rev")) -> None:
    limits = (1e-3, 1e-4, 1e-5) if name in LAPACK else (3e-4, 2e-5, 2e-6)
    fw.check_grads(*of_floats(name, i), order, modes, *limits)


@pytest.mark.parametrize(("name", "i"), SMOOTH)
def test_first_and_second_derivatives_are_those_of_finite_differences(name: str, i: int) -> None:
    check_order(name, i, 2)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "i"), SMOOTH)
def test_third_derivatives_are_those_of_finite_differences(name: str, i: int) -> None:
    check_order(name, i, 3)


def _rows(x: Tensor, axis: int, shift: float) -> tuple[Tensor, list[Tensor]]:
    """A batch of three along an axis, of which the second and third differ where they may."""
    a = x.asnumpy()
    rows = [
        a,
        a if a.dtype.kind in "iub" else a * (1 + shift),
        a[::-1].copy() if a.ndim and a.dtype.kind in "ib" else a,
    ]
    return Tensor(np.stack(rows, axis)), [Tensor(r) for r in rows]


@pytest.mark.parametrize(("name", "i"), CASES)
def test_vmap_gives_what_a_loop_gives(name: str, i: int) -> None:
    ins, attrs = sample(name, i)
    choices = {tuple(range(len(ins))), (0,), (len(ins) - 1,)}
    for n, mapped in enumerate(sorted(choices)):
        axes = [
            (-1 if n % 2 else 0) if j in mapped and ins[j].ndim else 0 if j in mapped else None
            for j in range(len(ins))
        ]
        batches = [(x, [x] * 3) if a is None else _rows(x, a, 1e-3) for x, a in zip(ins, axes, strict=True)]
        found = fw.vmap(lambda *xs: outputs(name, list(xs), attrs), in_axes=tuple(axes))(
            *[b for b, _ in batches]
        )
        rows = [outputs(name, [r[k] for _, r in batches], attrs) for k in range(3)]
        for y, column in zip(found, zip(*rows, strict=True), strict=True):
            wanted = np.stack([c.asnumpy() for c in column])
            assert y.dtype == wanted.dtype
            np.testing.assert_allclose(
                y.asnumpy(), wanted, rtol=1e-10, atol=1e-12, err_msg=f"mapped {mapped}"
            )


NARROW = [
    name
    for name, rows in SAMPLES.items()
    if PRIMS[name].axes is not None
    and rows[0][0][0].dtype == np.float64
    and name not in ("cast", "nextafter")  # the result is not a number near the operand's
]


@pytest.mark.parametrize("name", NARROW)
def test_narrow_floats_stay_narrow_and_near(name: str) -> None:
    for dtype in (fw.float32,) if name in LAPACK else (fw.float16, fw.bfloat16, fw.float32):
        ins, attrs = sample(name, 0)
        exact = [x.astype(dtype) if dtypes.is_float(x.dtype) else x for x in ins]
        wide = outputs(name, [x.astype(fw.float64) if dtypes.is_float(x.dtype) else x for x in exact], attrs)
        tolerance = {"float16": 2e-2, "bfloat16": 1e-1, "float32": 1e-4}[dtype.name]
        for y, z in zip(outputs(name, exact, attrs), wide, strict=True):
            if dtypes.is_float(z.dtype):
                assert y.dtype in (dtype, fw.float32)
                np.testing.assert_allclose(
                    y.asnumpy().astype(float), z.asnumpy(), rtol=tolerance, atol=tolerance, err_msg=dtype.name
                )
