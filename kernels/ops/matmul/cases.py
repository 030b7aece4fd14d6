"""What the matrix products are tried with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kernels.samples import Case, Sample, exactly, integers, normal, uniform

INF, NAN = np.inf, np.nan
# Around the tiles (4 to 32 wide), one and two rows or columns, nothing along each axis.
SIZES = (
    (0, 3, 2),
    (3, 0, 2),
    (3, 2, 0),
    (1, 1, 1),
    (1, 67, 45),
    (67, 1, 45),
    (3, 70, 130),
    (13, 33, 65),
    (14, 32, 64),
    (33, 47, 31),
    (65, 97, 129),
)


def _product(
    label: str,
    m: int,
    n: int,
    k: int,
    batch: tuple[int, ...] = (),
    *,
    shared: bool = False,
    ta: bool = False,
    tb: bool = False,
    bias: bool = False,
    alpha: float = 1.0,
    to: str | None = None,
    a: Sample | None = None,
) -> Case:
    matrices = () if shared else batch
    arrays = {
        "a": a or normal(*batch, *((k, m) if ta else (m, k))),
        "b": normal(*matrices, *((n, k) if tb else (k, n))),
    }
    if bias:
        arrays["bias"] = normal(n)
    attributes = {"transpose_a": ta, "transpose_b": tb, "alpha": alpha}
    dtypes = {None: ("f32_f32", "bf16_bf16", "f16_f16"), "f32": ("bf16_f32", "f16_f32")}[to]
    return Case("matmul", label, arrays, attributes, types={"O": to} if to else {}, dtypes=dtypes)


def _specials(rng: np.random.Generator) -> Any:
    a = rng.standard_normal((20, 40))
    a[0, 0], a[1, 1], a[2, 2], a[3, 3:5], a[4] = NAN, INF, -INF, (INF, -INF), 0
    return a


def _grouped(
    label: str, k: int, n: int, ends: tuple[int, ...], tokens: int, turned: bool = False, **more: Any
) -> Case:
    w = normal(len(ends), *((n, k) if turned else (k, n)))
    arrays = {"x": normal(tokens, k), "w": w, "ends": exactly(np.array(ends, np.int64))}
    return Case("grouped_matmul", label, arrays, {"transpose_w": turned}, **more)


def _int8(
    label: str, rows: tuple[int, ...], k: int, n: int, *, tb: bool = False, bias: bool = False, **more: Any
) -> Case:
    arrays: Mapping[str, Sample] = {
        "a": integers(-128, 128, *rows, k),
        "b": integers(-128, 128, *((n, k) if tb else (k, n))),
        "a_scale": uniform(1e-3, 1e-1, *rows),
        "b_scale": uniform(-1e-1, 1e-1, n),
        **({"bias": normal(n)} if bias else {}),
        **more,
    }
    return Case("matmul_int8", label, arrays, {"transpose_b": tb})


CASES = (
    *(_product(f"{m}x{n}x{k}", m, n, k) for m, n, k in SIZES),
    *(_product(f"{m}x{n}x{k}-turned", m, n, k, ta=True, tb=True) for m, n, k in SIZES[4:]),
    _product("turned-b", 35, 50, 70, tb=True, bias=True, alpha=0.125),
    _product("turned-a", 35, 50, 70, ta=True, bias=True),
    _product("turned-a-wide", 77, 50, 70, ta=True),
    _product("one-row-bias", 1, 50, 70, bias=True, alpha=-2.0),
    _product("one-column-bias", 50, 1, 70, tb=True, bias=True, alpha=-2.0),
    _product("several-blocks-of-k", 40, 40, 1500),
    _product("batched", 9, 17, 33, (2, 3), bias=True),
    _product("batched-b-shared", 9, 17, 33, (2, 3), shared=True),
    _product("batched-b-shared-turned", 9, 17, 33, (3,), shared=True, ta=True, tb=True),
    _product("to-float32", 21, 43, 65, to="f32", bias=True),
    _product("one-row-to-float32", 1, 43, 65, to="f32"),
    _product("several-tiles", 130, 260, 20, tb=True, bias=True),
    _product("specials", 20, 36, 40, a=_specials),
    _product("one-row-specials", 1, 36, 40, a=lambda rng: _specials(rng)[1:2]),
    # Rows of multiples of 8, for warpgroups: parts of panels and tiles, both widths, a ring gone round.
    _product("200x264x136", 200, 264, 136, bias=True),
    _product("136x72x200-turned", 136, 72, 200, ta=True, tb=True, alpha=-0.5),
    _product("72x136x456", 72, 136, 456),
    _product("64x128x600-turned-a", 64, 128, 600, ta=True),
    _product("24x320x520-turned-b", 24, 320, 520, tb=True),
    _product("batched-to-float32", 24, 40, 72, (3,), to="f32", bias=True, ta=True),
    _grouped("two-experts", 16, 24, (3, 9), 9),
    _grouped("three-experts", 72, 136, (129, 129, 150), 160),
    _grouped("three-experts-turned", 136, 72, (0, 7, 150), 150, turned=True),
    _grouped("four-experts", 33, 45, (5, 5, 30, 47), 47),
    _grouped("several-tiles", 8, 130, (129, 131), 133),
    _grouped("behind-the-last", 20, 70, (3, 9), 13, turned=True),
    _grouped("no-experts", 4, 4, (), 3),
    _grouped("one-token", 40, 64, (0, 1), 1),
    *(_int8(f"{m}x{n}x{k}", (m,), k, n) for m, n, k in SIZES[:-2]),
    _int8("several-tiles", (130,), 8, 130),
    _int8("turned", (65,), 129, 97, tb=True, bias=True),
    _int8("bias", (33,), 257, 40, bias=True),
    _int8("several-axes", (2, 3), 70, 20, tb=True),
    _int8("largest-sums", (17,), 3000, 33, a=exactly(np.full((17, 3000), -128))),
)


def _square(n: int, dtype: str, **more: Any) -> Case:
    size = f"{n}x{n}x{n}"
    case = _product(size, n, n, n, **more)
    return Case("matmul", size, case.arrays, case.attributes, dtypes=(f"{dtype}_{dtype}",))


def _vector(dtype: str, tb: bool) -> Case:
    label = f"1x4096x4096{'-turned' if tb else ''}"
    case = _product(label, 1, 4096, 4096, tb=tb)
    return Case("matmul", label, case.arrays, case.attributes, dtypes=(f"{dtype}_{dtype}",))


BENCH = (
    _square(1024, "f32"),
    _square(1024, "bf16"),
    _square(128, "f32"),
    _vector("f32", False),
    _vector("f32", True),
    _vector("bf16", True),
    _grouped(
        "512 tokens, 8 experts, 512x1024", 512, 1024, tuple(range(64, 513, 64)), 512, dtypes=("f32", "bf16")
    ),
    _int8("1024x1024x1024", (1024,), 1024, 1024),
)
