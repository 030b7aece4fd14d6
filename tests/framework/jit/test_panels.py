"""Products and the loops behind them, panel by panel: what is fused, and that it computes the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import kernels
from framework import Tensor, ops, value_and_grad
from framework.core.graph import trace
from framework.jit import jit, panels, products
from framework.jit.ir import read
from framework.jit.lower import Plan, lower
from framework.jit.panels import Panels
from framework.jit.passes import simplified
from tests.framework.jit.programs import programs

RNG = np.random.default_rng(0)


def _random(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def _planned(function: Any, *args: Any) -> Plan:
    return lower(simplified(read(trace(function, *map(Tensor, args)), expand=True)))


def _panels(plan: Plan) -> list[Panels]:
    return [kernel for kernel in plan.kernels if isinstance(kernel, Panels)]


@pytest.fixture(params=[1, 3], ids=["one thread", "three threads"])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """So many threads, and everything that can be cut into panels is: of 512 bytes, among threads."""
    monkeypatch.setattr(panels, "PANEL", 512)
    monkeypatch.setattr(panels, "HEIGHT", 0)
    monkeypatch.setattr(panels, "CUT_FROM", 0)
    monkeypatch.setattr(products, "CUT_FROM", 0)
    before = kernels.get_num_threads()
    kernels.set_num_threads(request.param)
    yield request.param
    kernels.set_num_threads(before)


def _dense(x: Any, w: Any, b: Any) -> Any:
    return ops.gelu(x @ w + b, approximate="tanh")


def test_bias_and_activation_run_over_panels_of_a_high_product_which_is_written_where_they_write() -> None:
    plan = _planned(_dense, _random(2048, 32), _random(32, 256), _random(256))
    (kernel,) = _panels(plan)
    assert (kernel.count, kernel.rows) == (4, 512)
    assert len(plan.kernels) == 1
    assert plan.nbytes == 0


def test_a_deep_product_is_not_cut_as_blas_would_read_its_operands_again_and_again() -> None:
    plan = _planned(_dense, _random(1024, 512), _random(512, 256), _random(256))
    (kernel,) = _panels(plan)
    assert (kernel.count, kernel.rows) == (1, 1024)  # on one thread; each of several has rows of its own


@pytest.mark.parametrize("rows", [8, 128])
def test_a_small_or_wide_product_stays_apart(rows: int) -> None:
    plan = _planned(_dense, _random(rows, 64), _random(64, 2048), _random(2048))
    assert len(plan.kernels) == 2
    assert not _panels(plan)


def test_the_scores_of_attention_are_a_panel_each() -> None:
    q, k = _random(2, 8, 64, 32), _random(2, 8, 32, 192)
    plan = _planned(lambda q, k: ops.softmax(q @ k * 0.2), q, k)
    (kernel,) = _panels(plan)
    assert (kernel.count, kernel.rows) == (16, 64)
    assert plan.nbytes == 0


def test_what_the_loops_cannot_write_over_passes_through_a_scratch(threads: int) -> None:
    plan = _planned(lambda x, w: ops.cast(x @ w, "float16"), _random(64, 8), _random(8, 8))
    (kernel,) = _panels(plan)
    assert (kernel.rows, kernel.slots) == (16, threads)
    assert plan.nbytes == threads * 16 * 8 * 4 <= plan.naive / 2


def test_lower_names_the_fused_kernels() -> None:
    lowered = jit(_dense).lower(_random(2048, 32), _random(32, 256), _random(256))
    assert "epilogues: 1 products" in lowered.passes
    assert "matmul+add+mul+tanh: 4 of 512 × 256" in lowered.passes
    assert "cut_sgemm(env, 1, PLAIN, PLAIN, rows, 256, 32" in lowered.code


Case = tuple[Callable[..., Any], list[np.ndarray]]
X, W = _random(70, 9), _random(9, 12)
CASES: dict[str, Case] = {
    "bias and gelu": (_dense, [X, W, _random(12)]),
    "residual": (lambda x, w, r: r + x @ w, [X, W, _random(70, 12)]),
    "a scale of each row": (lambda x, w, s: (x @ w) * s, [X, W, _random(70, 1)]),
    "the product is a result too": (lambda x, w: (y := x @ w, ops.relu(y)), [X, W]),
    "several results": (lambda x, w: (ops.relu(y := x @ w), ops.tanh(y), y > 0), [X, W]),
    "two readers": (lambda x, w: (ops.softmax(y := x @ w, axis=0), ops.exp(y)), [X, W]),
    "narrow": (lambda x, w: ops.cast(ops.relu(x @ w), "bfloat16"), [X, W]),
    "rows": (lambda x, w: ops.softmax(ops.layer_norm(x @ w)), [X, W]),
    "only sums of rows": (lambda x, w: ops.logsumexp(x @ w, axis=-1), [X, W]),
    "sums of columns": (lambda x, w: (ops.relu(y := x @ w), ops.sum(y, axis=0)), [X, W]),
    "a sum of all": (lambda x, w: ops.sum(ops.square(x @ w)), [X, W]),
    "transposed operands": (lambda x, w: ops.relu(x.T @ w.T), [_random(9, 70), _random(12, 9)]),
    "a transposed result": (lambda x, w: ops.relu(ops.permute_dims(x @ w, (1, 0)) * 2), [X, W]),
    "another shape": (lambda x, w: ops.relu(ops.reshape(x @ w, (7, 10, 12))), [X, W]),
    "a part": (lambda x, w: ops.relu((x @ w)[:, 2:8]), [X, W]),
    "backwards": (lambda x, w: ops.relu((x @ w)[::-1]), [X, W]),
    "with itself, shifted": (lambda x, w: (y := x @ w)[1:] * y[:-1], [X, W]),
    "batches": (lambda x, w: ops.softmax(x @ w * 0.3), [_random(3, 4, 20, 9), _random(4, 9, 12)]),
    "heads": (
        lambda x, w: ops.relu(ops.permute_dims(ops.reshape(x @ w, (7, 10, 3, 4)), (0, 2, 1, 3)) + 1),
        [X, W],
    ),
    "one upon the other": (lambda x, w, v: ops.relu(ops.relu(x @ w) @ v), [X, W, _random(12, 14)]),
    "the sum of two": (lambda x, w, v: ops.tanh(x @ w + x @ v), [X, W, _random(9, 12)]),
    "the sum of two, between": (
        lambda x, w, v, u: ops.tanh(x @ w + x @ v) @ u,
        [X, W, _random(9, 12), _random(12, 2)],
    ),
    "around another product": (lambda x, w, v: ops.tanh((y := x @ w) + y @ v), [X, W, _random(12, 12)]),
    "with the next row": (
        lambda x, w, r: ops.concat([(y := x @ w)[1:], r], axis=0) * 2 + y,
        [X, W, _random(1, 12)],
    ),
    "over its own operand": (
        lambda x, w, v, u: ops.tanh(v @ (e := x @ w) * 0.1 + e) @ u,
        [X, W, _random(70, 70), _random(12, 2)],
    ),
    "doubles": (
        lambda x, w: ops.relu(ops.cast(x, "float64") @ ops.cast(w, "float64") + 1),
        [X, W],
    ),
}


@pytest.mark.usefixtures("threads")
def test_panels_compute_what_eager_mode_computes() -> None:
    """In one program, as compiling takes longer than running; then again, in memory that was used."""

    def every(operands: dict[str, Any]) -> Any:
        return {name: function(*operands[name]) for name, (function, _) in CASES.items()}

    operands = {name: tuple(map(Tensor, arrays)) for name, (_, arrays) in CASES.items()}
    compiled = jit(every, fullgraph=True)
    assert compiled.lower(operands).code.count("int64_t at =") > len(CASES) - 4
    expected = every(operands)
    for _ in range(2):
        found = compiled(operands)
        for name in CASES:
            one, other = (
                each if isinstance(each, tuple) else (each,) for each in (found[name], expected[name])
            )
            for a, b in zip(one, other, strict=True):
                assert a.dtype == b.dtype
                a, b = (ops.cast(each, "float64").asnumpy() for each in (a, b))
                np.testing.assert_allclose(
                    a, b, rtol=1e-2 if name == "narrow" else 1e-5, atol=1e-5, err_msg=name
                )


@pytest.mark.usefixtures("threads")
def test_a_training_step_by_panels_writes_over_its_weights() -> None:
    """Two layers, a residual and a softmax; the weights are donated, and read by every panel."""

    def loss(w: dict[str, Any], x: Any) -> Any:
        h = ops.gelu(x @ w["up"] + w["bias"]) @ w["down"] + x
        return -ops.mean(ops.log_softmax(h @ w["up"]))

    def step(w: dict[str, Any], x: Any) -> Any:
        value, gradients = value_and_grad(loss)(w, x)
        return value, {name: w[name] - 0.1 * gradients[name] for name in w}

    shapes = {"up": (9, 12), "down": (12, 9), "bias": (12,)}
    eager = {name: Tensor(_random(*shape)) for name, shape in shapes.items()}
    now = {name: Tensor(each.asnumpy().copy()) for name, each in eager.items()}
    x = Tensor(X)
    compiled = jit(step, fullgraph=True, donate=0)
    for _ in range(3):
        expected, eager = step(eager, x)
        found, now = compiled(now, x)
        np.testing.assert_allclose(found.asnumpy(), expected.asnumpy(), rtol=1e-5)
    for name in shapes:
        np.testing.assert_allclose(now[name].asnumpy(), eager[name].asnumpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("threads")
def test_random_programs_by_panels() -> None:
    @settings(max_examples=25, deadline=None, derandomize=True)
    @given(programs())
    def compare(case: Any) -> None:
        program, arrays, text = case
        tensors = [Tensor(each) for each in arrays]
        for found, expected in zip(jit(program, fullgraph=True)(*tensors), program(*tensors), strict=True):
            scale = max(1.0, float(np.abs(expected.asnumpy()).max(initial=0)))
            np.testing.assert_allclose(found.asnumpy(), expected.asnumpy(), atol=2e-4 * scale, err_msg=text)

    compare()
