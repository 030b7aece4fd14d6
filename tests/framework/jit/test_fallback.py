"""Where a function cannot be traced or compiled, it says so once, naming line and cure, and still runs."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framework import Tensor, ops
from framework.errors import ArgumentError, TraceError
from framework.jit import jit, link

X = Tensor(np.arange(4, dtype=np.float32))


def _branching(x: Any) -> Any:
    if ops.sum(x) > 3:  # the line that the message names
        return x * 2
    return x


def test_control_flow_on_values_names_the_line_and_the_cure() -> None:
    line = _branching.__code__.co_firstlineno + 1
    with pytest.raises(TraceError, match=rf"test_fallback.py:{line}: .*ops.where, ops.cond, ops.while_loop"):
        jit(_branching, fullgraph=True)(X)


def test_without_fullgraph_it_runs_as_it_is_after_one_warning() -> None:
    f = jit(lambda x: _branching(x))
    with pytest.warns(RuntimeWarning, match=r"runs as it is, uncompiled: .*test_fallback.py") as said:
        results = [f(x).tolist() for x in (X, X * 0.1)]
    assert results == [[0, 2, 4, 6], (X * 0.1).tolist()]
    assert [each.filename for each in said] == [__file__]
    assert f.traces == 1


def test_cond_while_loop_and_scan_are_compiled() -> None:
    def f(x: Any) -> Any:
        y = ops.cond(ops.sum(x) > 3, lambda v: v * 2, lambda v: v, x)
        n, z = ops.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, s[1] + 1), (Tensor(0), y))
        last, every = ops.scan(lambda c, v: (c + v, c), Tensor(np.float32(0)), z)
        return z, last, every, n

    for value, expected in zip(jit(f, fullgraph=True)(X), f(X), strict=True):
        assert value.tolist() == expected.tolist()


def test_without_a_compiler_it_interprets_and_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "missing", lambda: "there is no compiler here")
    with pytest.warns(RuntimeWarning, match="interpreted, not compiled: there is no compiler here") as said:
        results = [jit(lambda x: x + 1)(X).tolist() for _ in range(2)]
    assert results == [[1, 2, 3, 4]] * 2
    assert len(said) == 1


def test_another_level_is_refused() -> None:
    with pytest.raises(ArgumentError, match="jit_level is 'O3'; one of O0, O1"):
        jit(_branching, jit_level="O3")


def test_errors_of_implementations_come_through() -> None:
    from framework.core.prim import Aval, define
    from framework.core.tensor import apply

    def broken(xp: Any, x: Any) -> Any:
        raise OverflowError("no room")

    prim = define("broken_for_a_test", broken, lambda x: Aval(x.shape, x.dtype))
    with warnings.catch_warnings(), pytest.raises(OverflowError, match="no room"):
        jit(lambda x: apply(prim, x * 2) + 1)(X)


def test_without_blas_products_are_those_of_the_implementation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "blas", lambda: None)

    def f(x: Any) -> Any:
        return ops.sum(ops.matmul(ops.swapaxes(x, 1, 2), x), axis=0), ops.swapaxes(x @ x, -1, -2) * 2

    x = Tensor(np.arange(18, dtype=np.float32).reshape(2, 3, 3))
    for value, expected in zip(jit(f, fullgraph=True)(x), f(x), strict=True):
        assert value.tolist() == expected.tolist()


@pytest.mark.parametrize("left", [0, 100])
def test_what_is_damaged_in_the_cache_is_compiled_again(
    left: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERNELS_CACHE", str(tmp_path))
    expected = jit(lambda x: x * 3)(X).tolist()
    for damaged in (*tmp_path.glob("*.so"), *tmp_path.glob("*.o")):
        content = damaged.read_bytes()
        damaged.unlink()  # the library that is loaded stays as it is
        damaged.write_bytes(content[:left])
    assert jit(lambda x: x * 3)(X).tolist() == expected
