"""At ties, kinks and singular points derivatives are torch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import framework as fw
from framework import ops

X = fw.Tensor([0.0, 1.0, 1.0, -1.0])


@pytest.mark.parametrize(
    ("f", "wanted"),
    [
        (lambda x: ops.maximum(x, 1.0), [0.0, 0.5, 0.5, 0.0]),
        (lambda x: ops.minimum(x, 1.0), [1.0, 0.5, 0.5, 1.0]),
        (lambda x: x.max(), [0.0, 0.5, 0.5, 0.0]),
        (ops.relu, [0.0, 1.0, 1.0, 0.0]),
        (ops.abs, [0.0, 1.0, 1.0, -1.0]),
        (lambda x: x**0.0, [0.0] * 4),
        (lambda x: ops.clip(x, 0.0, 1.0), [1.0, 1.0, 1.0, 0.0]),
        (lambda x: ops.linalg.vector_norm(x * 0), [0.0] * 4),
        (lambda x: x.prod(), [-1.0, 0.0, 0.0, 0.0]),
        (lambda x: ops.std(x[1:3]), [0.0] * 4),
        (lambda x: ops.var(x[1:3]), [0.0] * 4),
    ],
)
def test_derivatives_at_ties_and_kinks(f: Callable[[Any], Any], wanted: list[float]) -> None:
    assert fw.grad(lambda x: f(x).sum())(X).tolist() == wanted


@pytest.mark.parametrize("infinity", [float("inf"), -float("inf")])
def test_equal_infinities_share_the_gradient_of_logsumexp(infinity: float) -> None:
    assert fw.grad(ops.logsumexp)(fw.Tensor([infinity, infinity])).tolist() == [0.5, 0.5]


def test_complex_gradients_are_torchs() -> None:
    torch = pytest.importorskip("torch")
    z, w = [0.5 + 1j, -1.0 + 0.3j], [1.0 - 2j, 0.2 + 0.1j]
    functions: list[Any] = [
        lambda o, a, b: o.abs(a * b / (a + 2)).sum(),
        lambda o, a, b: o.real(o.exp(a) * o.conj(b) * 1j).sum(),
        lambda o, a, b: o.imag(o.sqrt(a) * o.sin(b) - o.tanh(a) ** 3).sum(),
        lambda o, a, b: o.abs(o.log(a) @ o.conj(b)),
    ]
    for f in functions:
        ours = fw.grad(lambda a, b, f=f: f(ops, a, b), (0, 1))(fw.Tensor(z), fw.Tensor(w))
        a, b = torch.tensor(z, requires_grad=True), torch.tensor(w, requires_grad=True)
        f(torch, a, b).backward()
        for x, t in zip(ours, (a, b), strict=True):
            assert abs(x.asnumpy() - t.grad.resolve_conj().numpy()).max() < 1e-5


def test_reading_a_complex_function_as_a_real_one_passes_the_check() -> None:
    def f(x: fw.Tensor, y: fw.Tensor) -> fw.Tensor:
        z = x + y * 1j
        return ops.abs(ops.fft.fft(z * z)) + ops.real(ops.conj(z) * ops.exp(z))

    fw.check_grads(f, [fw.Tensor([0.5, -1.0, 2.0]), fw.Tensor([1.0, 0.3, -0.7])], 2, rtol=1e-4)
