"""What softmax is tried with."""

from __future__ import annotations

import numpy as np

from kernels.samples import Case, exactly, normal

INF, NAN = np.inf, np.nan
CASES = (
    *(
        Case("softmax", f"{m}x{n}", {"x": normal(m, n)})
        for m, n in [(0, 5), (5, 0), (1, 1), (3, 15), (4, 16), (7, 17), (2, 33), (3, 1023)]
    ),
    Case("softmax", "long row", {"x": normal(1, 70_001)}),
    Case("softmax", "huge values", {"x": normal(4, 50, scale=1e4)}, dtypes=("f32", "bf16")),
    Case("softmax", "three axes", {"x": normal(2, 3, 40)}),
    Case(
        "softmax",
        "specials",
        {"x": exactly([[0, -INF, 1], [-INF, -INF, -INF], [INF, 0, 1], [NAN, 0, 1], [1e-40, 0, -1e-40]])},
    ),
)
BENCH = (Case("softmax", "4096x1024", {"x": normal(4096, 1024)}),)
