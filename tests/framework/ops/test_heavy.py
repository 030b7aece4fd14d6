"""What `kernels` computes for large arrays is what the definitions say."""

from __future__ import annotations

import gc
import sys
from typing import Any

import numpy as np
import pytest

import framework as fw
from framework import ops
from framework.core import backend

rng = np.random.default_rng(2)
N = 160  # so that N * N elements are enough for a kernel


def normal(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


LABELS = np.where(np.arange(N) == 3, -100, rng.integers(0, N, N))
IDS = rng.integers(-5, 5, 4 * N)
CASES: dict[str, tuple[Any, list[np.ndarray]]] = {
    "softmax": (ops.softmax, [normal(N, N)]),
    "log_softmax": (lambda x: ops.log_softmax(x, 0), [normal(N, N)]),
    "layer_norm": (ops.layer_norm, [normal(N, N), normal(N), normal(N)]),
    "rms_norm": (ops.rms_norm, [normal(N, N), normal(N)]),
    "gelu": (ops.gelu, [normal(N, N)]),
    "gelu_tanh": (lambda x: ops.gelu(x, "tanh"), [normal(N, N)]),
    "silu": (ops.silu, [normal(N, N)]),
    "mish": (ops.mish, [normal(N, N)]),
    "cross_entropy": (lambda x: ops.cross_entropy(x, LABELS), [normal(N, N)]),
    "attention": (
        lambda q, k, v: ops.attention(q, k, v, causal=True),
        [normal(2, 4, N, 16) for _ in range(3)],
    ),
    "embedding": (lambda t: ops.take(t, IDS, 0), [normal(10, N)]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_large_arrays_agree_with_the_definition_in_float64(name: str) -> None:
    f, arrays = CASES[name]
    g = rng.standard_normal(f(*map(fw.Tensor, arrays)).shape)
    results = []
    for dtype in (fw.float32, fw.float64):  # the latter no kernel takes
        xs = [fw.Tensor(a, dtype) for a in arrays]
        out, pull = fw.vjp(f, *xs)
        grads = pull(fw.Tensor(g, out.dtype))
        results.append([out, *(grads if isinstance(grads, tuple) else (grads,))])
    assert backend.kernel("softmax", results[0][0].value) is not None or name in ("cross_entropy",)
    for a, b in zip(*results, strict=True):
        scale = np.abs(b.asnumpy()).max()
        np.testing.assert_allclose(a.asnumpy(), b.asnumpy(), rtol=2e-4, atol=2e-5 * scale)


@pytest.mark.slow
def test_ten_thousand_steps_hold_memory_flat() -> None:
    w = fw.Parameter(np.ones((4, 4)))
    x = fw.Tensor(np.ones(4))

    def loss() -> fw.Tensor:
        return (fw.recompute(lambda y: ops.tanh(w @ y), x) ** 2).sum()

    step = fw.value_and_grad(loss, None, [w])

    def steps(n: int) -> None:
        for _ in range(n):
            _, (g,) = step()
            w.assign(w - 0.01 * g)

    gc.disable()  # reference counts alone must free every tape
    try:
        steps(500)
        before = sys.getallocatedblocks()
        steps(10_000)
        assert sys.getallocatedblocks() - before < 500
    finally:
        gc.enable()
