"""What transposition is tried with."""

from __future__ import annotations

import numpy as np

from kernels.samples import Case, exactly, integers, normal

INF, NAN = np.inf, np.nan
FLOATS = ("f32", "bf16", "f16")
WHOLE = ("i64", "i32", "i8", "u8")
SHAPES = (
    *((0, 3), (3, 0), (1, 1), (1, 100), (100, 1), (2, 3), (4, 4), (7, 8), (8, 7), (8, 8), (9, 17), (15, 16)),
    *(
        (16, 15),
        (16, 16),
        (17, 33),
        (31, 32),
        (33, 31),
        (63, 64),
        (64, 65),
        (65, 129),
        (128, 128),
        (3, 500),
        (500, 3),
    ),
    *((3, 500), (500, 3), (130, 67), (200, 136)),
)
CASES = (
    *(Case("transpose", f"{m}x{n}", {"x": normal(m, n)}, dtypes=FLOATS) for m, n in SHAPES),
    *(Case("transpose", f"{m}x{n} whole", {"x": integers(0, 127, m, n)}, dtypes=WHOLE) for m, n in SHAPES),
    Case("transpose", "batches", {"x": normal(2, 3, 20, 37)}, dtypes=FLOATS),
    Case("transpose", "batches of whole numbers", {"x": integers(0, 127, 3, 70, 130)}, dtypes=WHOLE),
    Case("transpose", "wide", {"x": normal(2, 40_001)}, dtypes=("f32", "bf16")),
    Case("transpose", "tall", {"x": normal(40_001, 2)}, dtypes=("f32", "bf16")),
    Case("transpose", "specials", {"x": exactly([[NAN, INF, -INF], [-0.0, 1e-40, 0.0]])}, dtypes=FLOATS),
)
BENCH = (
    Case("transpose", "2048x2048", {"x": normal(2048, 2048)}),
    Case("transpose", "1000x4000", {"x": normal(1000, 4000)}),
    Case("transpose", "64 of 512x64", {"x": normal(64, 512, 64)}),
    Case("transpose", "2048x2048 in 16 bits", {"x": normal(2048, 2048)}, dtypes=("bf16",)),
    Case("transpose", "2048x2048 bytes", {"x": integers(0, 127, 2048, 2048)}, dtypes=("u8",)),
)
