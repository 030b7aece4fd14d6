"""Products cut so that BLAS multiplies the pieces as they lie; masks as wide as the floats beside them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from framework import Tensor, ops
from framework.jit import jit, link
from framework.jit.program import Compiled

SIZES = [
    (8, 8, 8),
    (9, 13, 11),  # no side a multiple of a block's
    (32, 256, 64),
    (40, 70, 1000),
    (130, 67, 130),  # more than OpenBLAS calls small, and a strip that is not full
    (250, 250, 250),
    (16, 16, 1030),  # too deep for a strip
    (7, 100, 100),  # too few rows
]


@pytest.mark.parametrize("unpacked", [0, 1])
def test_products_in_pieces_are_products(monkeypatch: pytest.MonkeyPatch, unpacked: int) -> None:
    monkeypatch.setattr(link, "multiplies_unpacked", lambda: unpacked)
    rng = np.random.default_rng(0)
    given, expected = [], []
    for m, n, k in SIZES:
        a, b = (rng.integers(-4, 5, shape).astype(np.float32) for shape in ((m, k), (k, n)))
        given.append((a, b, a.T.copy(), b.T.copy()))
        expected.append(a @ b)
    forms = jit(
        lambda given: [(a @ b, a @ bt.T, at.T @ b, at.T @ bt.T) for a, b, at, bt in given], fullgraph=True
    )
    for products, right in zip(forms(given), expected, strict=True):
        for product in products:
            np.testing.assert_array_equal(product.asnumpy(), right)  # of whole numbers: no rounding


def test_a_product_in_pieces_is_added_to_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "multiplies_unpacked", lambda: 1)
    rng = np.random.default_rng(0)
    w, x, g = (rng.integers(-4, 5, shape).astype(np.float32) for shape in ((96, 200), (96, 64), (200, 64)))
    step = jit(lambda w, x, g: w - 0.5 * (x @ g.T), fullgraph=True, donate=0)
    np.testing.assert_array_equal(step(Tensor(w), x, g).asnumpy(), w - 0.5 * (x @ g.T))


def test_what_blas_does_is_known_by_its_core() -> None:
    known = link.multiplies_unpacked.__wrapped__
    for core, expected in ((b"SkylakeX", True), (b"Haswell", False)):
        library = SimpleNamespace(scipy_openblas_get_corename64_=Mock(return_value=core))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(link, "_libraries", lambda library=library: iter([library]))
            assert known() is expected


MASK = np.tri(40, 24, dtype=bool)


def _inputs_of(function: Any, *args: Any) -> list[np.ndarray]:
    compiled = jit(function, fullgraph=True)
    np.testing.assert_allclose(compiled(*args).asnumpy(), function(*args).asnumpy(), rtol=1e-6, atol=1e-6)
    (entry,) = next(iter(compiled.entries.values()))
    assert isinstance(entry.run, Compiled)
    return list(entry.run.constants)


def test_a_constant_mask_beside_floats_has_four_bytes_an_element() -> None:
    mask, x = Tensor(MASK), Tensor(np.linspace(-1, 1, 40 * 24, dtype=np.float32).reshape(40, 24))
    (held,) = _inputs_of(lambda x: ops.softmax(ops.where(mask, x, -np.inf), axis=-1), x)
    assert held.dtype == np.int32
    (held,) = _inputs_of(lambda x: ops.where(~mask.T, x, 0.0), x.T)
    assert held.dtype == np.int32


def test_a_mask_that_is_returned_or_called_back_with_stays_of_bools() -> None:
    mask, x = Tensor(MASK), Tensor(np.ones((40, 24), np.float32))
    assert jit(lambda x: (mask, ops.where(mask, x, 0.0)), fullgraph=True)(x)[0].dtype == np.dtype(bool)
    rows = Tensor(np.arange(40)[::-1].copy())
    (held,) = _inputs_of(lambda x, i: ops.where(mask, x, 0.0) + ops.take(mask, i, axis=0), x, rows)
    assert held.dtype == np.dtype(bool)
