"""What programs are compiled to: fused nests, planned memory, readable listings, CUDA that compiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framework import Tensor, ops, value_and_grad
from framework.bench.workloads import WORKLOADS, forward_of_block
from framework.core.graph import trace
from framework.jit import jit
from framework.jit.emit_c import emit
from framework.jit.emit_cuda import emit_cuda
from framework.jit.fuse import NODE_LIMIT, Loops
from framework.jit.ir import read
from framework.jit.lower import Plan, lower
from framework.jit.passes import simplified

RNG = np.random.default_rng(0)


def _random(*shape: int) -> Tensor:
    return Tensor(RNG.standard_normal(shape).astype(np.float32))


def _planned(function: Any, *args: Any) -> Plan:
    return lower(simplified(read(trace(function, *args), expand=True)))


def _block_step() -> tuple[Any, tuple[Any, ...]]:
    work = WORKLOADS["block-small"]()

    def loss(w: Any, x: Any, y: Any) -> Any:
        away = forward_of_block(w, x, work.heads) - y
        return ops.mean(away * away)

    return value_and_grad(loss), (work.weights, work.x, work.y)


def test_a_layer_norm_is_one_nest_that_stores_one_array() -> None:
    plan = _planned(ops.layer_norm, _random(8, 16), _random(16), _random(16))
    assert len(plan.kernels) == 1
    assert len(plan.stored) == 1


def test_a_product_with_bias_and_activation_has_one_nest_behind_it() -> None:
    plan = _planned(lambda x, w, b: ops.gelu(ops.tanh(x @ w + b)), _random(8, 16), _random(16, 4), _random(4))
    assert [isinstance(kernel, Loops) for kernel in plan.kernels] == [False, True]


def test_transposes_and_heads_go_into_the_strides_of_products() -> None:
    def f(x: Any, w: Any) -> Any:
        q = ops.permute_dims(ops.reshape(x @ w, (2, 6, 4, 8)), (0, 2, 1, 3))
        a = ops.permute_dims(q @ ops.swapaxes(q, -1, -2) @ q, (0, 2, 1, 3))
        return ops.reshape(a, (2, 6, 32)) @ w.T

    plan = _planned(f, _random(2, 6, 32), _random(32, 32))
    assert len(plan.products) == len(plan.kernels) == 4


def test_the_step_of_a_block_works_in_little_memory() -> None:
    function, args = _block_step()
    plan = _planned(function, *args)
    values = sum(node.nbytes for node in plan.program.nodes if not node.is_view)
    assert plan.nbytes <= 0.55 * plan.naive <= 0.55 * values
    assert jit(function).lower(*args).memory == (plan.nbytes, plan.naive)
    assert len(plan.kernels) < 50


def test_buffers_whose_lives_overlap_do_not_share_memory() -> None:
    function, args = _block_step()
    plan = _planned(function, *args)
    names = {name: [node for node, place in plan.place.items() if place == name] for name in plan.offsets}
    step = {node: i for i, kernel in enumerate(plan.kernels) for node in kernel.nodes}
    lives = []
    for name, nodes in names.items():
        reads = [i for i, kernel in enumerate(plan.kernels) for node in kernel.reads() if node in nodes]
        first, last = min(step[node] for node in nodes), max([step[node] for node in nodes] + reads)
        lives.append((plan.offsets[name], max(node.nbytes for node in nodes), first, last))
    for i, (start, size, first, last) in enumerate(lives):
        for other_start, other_size, other_first, other_last in lives[:i]:
            together = first <= other_last and other_first <= last
            assert not together or start + size <= other_start or other_start + other_size <= start


def test_lower_prints_every_stage() -> None:
    lowered = jit(lambda x: ops.softmax(x * 1.0) + ops.exp(x) - ops.exp(x)).lower(_random(3, 5))
    assert "v0: float32[3, 5] = mul(a0, a1)" in lowered.traced
    assert "mul(" not in lowered.optimised
    assert lowered.optimised.count("exp(a0)") == 1
    assert "fusion: 1 nests of loops" in lowered.passes
    assert "#pragma omp simd reduction(+:" in lowered.code
    assert "__global__ void k0" in lowered.cuda
    assert str(lowered).startswith("=== traced\n")


def _normalised(x: Any, w: Any, b: Any) -> Any:
    y = ops.gelu(ops.layer_norm(x, w, b), approximate="tanh")
    narrow = [ops.cast(x, dtype) * 2 for dtype in ("float16", "bfloat16")]
    return (
        ops.softmax(y),
        ops.sum(y, axis=0),
        ops.max(x),
        ops.concat([x > 0, x[:, ::-1] > 0], axis=1),
        *narrow,
    )


@pytest.mark.parametrize("arch", ["sm_80", "sm_90a"])
def test_nests_compile_for_a_card(arch: str, tmp_path: Path) -> None:
    _compile_for_a_card(arch, tmp_path, _normalised, _random(8, 300), _random(300), _random(300))


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["sm_80", "sm_90a"])
def test_the_step_of_a_block_compiles_for_a_card(arch: str, tmp_path: Path) -> None:
    function, args = _block_step()
    _compile_for_a_card(arch, tmp_path, function, *args)


def _compile_for_a_card(arch: str, tmp_path: Path, function: Any, *args: Any) -> None:
    nvrtc = pytest.importorskip("kernels.toolchain.nvrtc")
    if not nvrtc.available():
        pytest.skip("NVRTC is not installed")
    plan = _planned(function, *args)
    source = tmp_path / "nests.cu"
    source.write_text(emit_cuda(plan))
    cubin = nvrtc.compile_source(source, arch)
    assert len(cubin.kernels) == sum(kernel.nest is not None for kernel in plan.kernels)
    assert all(kernel.spill_loads == 0 for kernel in cubin.kernels.values())


def test_a_value_whose_loops_its_reader_would_have_to_cut_is_stored_instead_of_computed_again() -> None:
    x, scale, table = _random(2, 8, 16), _random(16), _random(20, 16)
    targets = Tensor(RNG.integers(0, 20, 16))

    def loss(x: Any, scale: Any) -> Any:
        logits = ops.layer_norm(x, scale, scale) @ table.T
        return ops.mean(ops.cross_entropy(ops.reshape(logits, (-1, 20)), targets))

    plan = _planned(value_and_grad(loss, (0, 1)), x, scale)
    assert not any(plan.is_hosted(kernel) for kernel in plan.kernels)


def test_equal_programs_give_equal_code_so_that_the_cache_serves() -> None:
    function, args = _block_step()
    sources = {emit(_planned(function, *args)) for _ in range(3)}
    assert len(sources) == 1


def test_a_long_chain_compiles_in_nests_of_bounded_length() -> None:
    def chain(x: Any) -> Any:
        for _ in range(200):
            x = ops.tanh(x) * 1.1
        return x

    x = _random(33)
    np.testing.assert_allclose(jit(chain, fullgraph=True)(x).asnumpy(), chain(x).asnumpy(), rtol=1e-4)
    plan = _planned(chain, x)
    assert [len(kernel.nodes) for kernel in plan.kernels] == [NODE_LIMIT] * 3 + [400 - 3 * NODE_LIMIT]
    assert emit(plan).count("called_tanh(t") == 192  # written out so often, they take a compiler very long
