"""What reductions are tried with."""

from __future__ import annotations

import numpy as np

from kernels.samples import Case, Sample, exactly, normal, uniform

INF, NAN = np.inf, np.nan
NAMES = ("reduce_sum", "reduce_mean", "reduce_prod", "reduce_max", "reduce_min", "reduce_l2")
OF_NONE = ("reduce_sum", "reduce_mean", "reduce_prod", "reduce_l2")
SHAPES = (
    *(
        (0, 5, 2),
        (2, 5, 0),
        (1, 1, 1),
        (3, 2, 1),
        (3, 15, 1),
        (2, 16, 1),
        (5, 17, 1),
        (3, 127, 1),
        (2, 129, 1),
    ),
    *((2, 1023, 1), (300, 1, 1), (2, 7, 2), (3, 41, 3), (2, 33, 31), (1, 9, 63), (2, 10, 64), (1, 5, 127)),
    *((2, 129, 1), (2, 6, 129), (1, 3, 300), (1, 40, 513)),
)


def _sample(name: str, *shape: int) -> Sample:
    """A product of many normal values is 0 or infinite in 16 bits; these stay near 1."""
    return uniform(0.97, 1.03, *shape) if name == "reduce_prod" else normal(*shape)


CASES = (
    *(
        Case(name, "x".join(map(str, shape)), {"x": _sample(name, *shape)})
        for name in NAMES
        for shape in SHAPES
    ),
    *(Case(name, "of none", {"x": normal(2, 0, 3)}) for name in OF_NONE),
    *(Case(name, "long row", {"x": _sample(name, 1, 140_001, 1)}, dtypes=("f32",)) for name in NAMES),
    *(Case(name, "long column", {"x": _sample(name, 1, 70_001, 2)}, dtypes=("f32",)) for name in NAMES),
    *(
        Case(name, "far from 0", {"x": normal(3, 500, 1, offset=1e4)})
        for name in NAMES
        if name != "reduce_prod"
    ),
    *(
        Case(
            name,
            "specials",
            {
                "x": exactly(
                    [
                        [[1], [NAN], [2], [3]],
                        [[INF], [1], [-2], [0]],
                        [[-INF], [1], [5], [2]],
                        [[INF], [-INF], [1], [1]],
                        [[1e-40], [3e-41], [0], [0]],
                        [[-0.0], [0.0], [-0.0], [0.0]],
                        [[-1], [-2], [-3], [NAN]],
                    ]
                )
            },
        )
        for name in NAMES
    ),
    *(
        Case(
            name,
            "NaN in a long row",
            {"x": exactly(np.where(np.arange(300) == 77, NAN, 1).reshape(1, 300, 1))},
        )
        for name in NAMES
    ),
)
BENCH = (
    Case("reduce_sum", "rows of 4096x1024", {"x": normal(4096, 1024, 1)}),
    Case("reduce_sum", "columns of 4096x1024", {"x": normal(1, 4096, 1024)}),
    Case("reduce_sum", "all of 4M", {"x": normal(1, 1 << 22, 1)}),
    Case("reduce_mean", "rows of 4096x1024", {"x": normal(4096, 1024, 1)}),
    Case("reduce_prod", "rows of 4096x1024", {"x": uniform(0.97, 1.03, 4096, 1024, 1)}),
    Case("reduce_max", "rows of 4096x1024", {"x": normal(4096, 1024, 1)}),
    Case("reduce_min", "rows of 4096x1024", {"x": normal(4096, 1024, 1)}),
    Case("reduce_l2", "rows of 4096x1024", {"x": normal(4096, 1024, 1)}),
)
