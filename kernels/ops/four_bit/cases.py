"""What 4-bit quantisation and products with 4-bit weights are tried with."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels.quant.codes import DYNAMIC_SIGNED, FP4, NF4
from kernels.samples import Case, Sample, exactly, integers, normal, uniform

INF, NAN = np.inf, np.nan


def _quantize(
    label: str, x: Sample, blocksize: int = 64, kinds: tuple[str, ...] = ("nf4", "fp4"), **more: Any
) -> Any:
    return [
        Case(
            "quantize_4bit",
            f"{label}, {kind}",
            {"x": x},
            {"quant_type": kind, "blocksize": blocksize},
            **more,
        )
        for kind in kinds
    ]


def weight(
    n: int, blocksize: int, values: Any = NF4, *, nested: bool = False
) -> tuple[dict[str, Sample], dict[str, Any]]:
    """The arrays and the attributes of n elements in 4 bits."""
    blocks = -(-n // blocksize)
    arrays = {"packed": integers(0, 256, (n + 1) // 2, 1), "values": exactly(values)}
    about = {"blocksize": blocksize, "nested_blocksize": 256, "nested_offset": 0.75}
    if not nested:
        return {**arrays, "absmax": uniform(0.1, 3, blocks)}, about
    arrays |= {
        "absmax8": integers(0, 256, blocks),
        "nested_absmax": uniform(0.1, 0.7, -(-blocks // 256)),
        "nested_values": exactly(DYNAMIC_SIGNED),
    }
    return arrays, about


def _dequantize(rows: int, columns: int, blocksize: int, kind: str, **how: Any) -> Case:
    arrays, about = weight(rows * columns, blocksize, **how)
    label = f"{rows}x{columns} by {blocksize}{', nested' if how.get('nested') else ''} to {kind}"
    about |= {"rows": rows, "columns": columns}
    return Case("dequantize_4bit", label, arrays, about, types={"T": kind})


def _gemm(
    m: int, n: int, k: int, blocksize: int = 64, dtypes: Any = None, bias: bool = False, **how: Any
) -> Case:
    arrays, about = weight(n * k, blocksize, **how)
    arrays["x"] = normal(m, k)
    if bias:
        arrays["bias"] = normal(n)
    return Case("gemm_4bit", f"{m}x{n}x{k} by {blocksize}", arrays, {**about, "n": n}, dtypes=dtypes)


def around(thresholds: Any) -> Any:
    """Each threshold and its neighbours on both sides, in blocks of 32 whose largest magnitude is 1."""
    middle = np.asarray(thresholds, np.float32)
    up, down = np.float32(np.inf), np.float32(-np.inf)
    found = np.concatenate([middle, np.nextafter(middle, up), np.nextafter(middle, down)])
    rows = np.concatenate([found, np.zeros(-found.size % 31, np.float32)]).reshape(-1, 31)
    return np.hstack([np.ones((len(rows), 1), np.float32), rows])


NF4_MIDDLE = (NF4[:-1] + NF4[1:]) * np.float32(0.5)
FP4_MIDDLE = np.array([1 / 384, 11 / 128, 5 / 24, 7 / 24, 5 / 12, 7 / 12, 5 / 6], np.float32)
SPECIALS = np.array(
    [1.0] * 64 + [NAN, 1, -2] + [0] * 61 + [INF, -INF, 3, 0] + [5] * 60 + [-0.0, 0.0] * 32 + [7] * 5
)

# rows, columns, block size and what else is special about a weight.
SHAPES: list[tuple[int, int, int, dict[str, Any]]] = [
    (0, 7, 64, {}),
    (1, 1, 64, {}),
    (8, 96, 64, {"values": FP4}),
    (5, 33, 32, {}),
    (3, 1001, 64, {"nested": True}),
    (130, 129, 32, {"nested": True}),
    (1, 4097, 4096, {}),
]

CASES = (
    *(
        case
        for n, blocksize in [
            (0, 64),
            (1, 64),
            (2, 32),
            (63, 64),
            (65, 64),
            (97, 32),
            (1000, 128),
            (4099, 4096),
        ]
        for case in _quantize(f"{n} by {blocksize}", normal(n), blocksize)
    ),
    *_quantize("rows shared by blocks", normal(8, 96)),
    *_quantize("three axes", normal(3, 5, 7), 32),
    *_quantize("midpoints", exactly(around(NF4_MIDDLE)), 32, ("nf4",), dtypes=("f32",)),
    *_quantize("midpoints", exactly(around([*FP4_MIDDLE, *-FP4_MIDDLE])), 32, ("fp4",), dtypes=("f32",)),
    *_quantize("specials", exactly(SPECIALS)),
    *_quantize("subnormals", exactly(np.array([1e-40, -3e-41, 0, 1e-39] * 9)), dtypes=("f32",)),
    *(
        _dequantize(rows, columns, blocksize, kind, **how)
        for kind in ("f32", "bf16", "f16")
        for rows, columns, blocksize, how in SHAPES
    ),
    _gemm(1, 5, 64),
    _gemm(1, 33, 96, bias=True),
    _gemm(0, 4, 64),
    _gemm(3, 0, 64),
    _gemm(2, 3, 0),
    _gemm(4, 7, 256, values=FP4, bias=True),
    _gemm(7, 9, 33, 32),
    _gemm(3, 13, 160, 4096, nested=True),
    _gemm(13, 25, 64, bias=True),
    _gemm(33, 37, 95, 32, nested=True),
    _gemm(65, 17, 128, values=FP4),
    _gemm(13, 49, 1100, bias=True),  # more than a block of depth
)
BENCH = (
    *_quantize("16M", normal(4096, 4096), 64, ("nf4",)),
    _dequantize(4096, 4096, 64, "f32"),
    _dequantize(4096, 4096, 64, "bf16"),
    _gemm(1, 4096, 4096, dtypes=("f32", "bf16")),
    _gemm(16, 4096, 4096, dtypes=("f32", "bf16")),
    _gemm(256, 4096, 4096, dtypes=("f32", "bf16")),
)
