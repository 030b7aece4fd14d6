"""What 8-bit blockwise quantisation is tried with."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels.quant.codes import DYNAMIC_SIGNED, DYNAMIC_UNSIGNED
from kernels.samples import Case, Sample, exactly, integers, normal, uniform

INF, NAN = np.inf, np.nan
SIGNED, UNSIGNED = exactly(DYNAMIC_SIGNED), exactly(DYNAMIC_UNSIGNED)


def _quantize(label: str, x: Sample, blocksize: int = 64, values: Sample = SIGNED, **more: Any) -> Case:
    return Case("quantize_blockwise", label, {"x": x, "values": values}, {"blocksize": blocksize}, **more)


def _dequantize(n: int, blocksize: int, kind: str) -> Case:
    arrays = {
        "codes": integers(0, 256, n),
        "absmax": uniform(0.1, 3, -(-n // blocksize)),
        "values": SIGNED,
    }
    return Case(
        "dequantize_blockwise",
        f"{n} by {blocksize} to {kind}",
        arrays,
        {"blocksize": blocksize},
        types={"T": kind},
    )


def around_midpoints(values: Any) -> Any:
    """1 and then midpoints and their neighbours on both sides: a scale of 1 keeps them as they are."""
    middle = (values[:-1] + values[1:]) * np.float32(0.5)
    up, down = np.float32(np.inf), np.float32(-np.inf)
    found = np.concatenate([middle, np.nextafter(middle, up), np.nextafter(middle, down)])
    rows = np.concatenate([found, np.zeros(-found.size % 63, np.float32)]).reshape(-1, 63)
    return np.hstack([np.ones((len(rows), 1), np.float32), rows])


CASES = (
    *(
        _quantize(f"{n} by {blocksize}", normal(n), blocksize)
        for n, blocksize in [(0, 64), (1, 64), (63, 64), (65, 64), (257, 128), (1000, 256), (4097, 4096)]
    ),
    _quantize("three axes", normal(3, 5, 37), 128),
    _quantize("rows shared by blocks", normal(8, 96), 64),
    _quantize("unsigned", uniform(0, 1, 3000), 256, UNSIGNED),
    _quantize("close to zero", lambda rng: rng.standard_normal(999) ** 15, 256, dtypes=("f32", "bf16")),
    _quantize("midpoints", exactly(around_midpoints(DYNAMIC_SIGNED)), 64, dtypes=("f32",)),
    _quantize(
        "midpoints, unsigned", exactly(around_midpoints(DYNAMIC_UNSIGNED)), 64, UNSIGNED, dtypes=("f32",)
    ),
    _quantize("a plain map", normal(500), 128, exactly(np.linspace(-1, 1, 256))),
    _quantize("a map that crowds", normal(500), 128, exactly(np.linspace(-1e-3, 1e-3, 256))),
    _quantize("zeros", exactly(np.zeros(70)), 64),
    _quantize("subnormals", exactly(np.array([1e-40, -3e-41, 0, 1e-39] * 20)), 64, dtypes=("f32",)),
    _quantize(
        "specials", exactly(np.array([1.0] * 64 + [NAN, 1, -2] + [0] * 61 + [INF, -INF, 3, 0] + [5] * 62))
    ),
    *(
        _dequantize(n, blocksize, kind)
        for kind in ("f32", "bf16", "f16")
        for n, blocksize in [(0, 64), (1, 64), (100, 64), (1000, 256), (4099, 4096)]
    ),
)
BENCH = (
    _quantize("16M", normal(4096, 4096), 4096),
    _dequantize(16_777_216, 4096, "f32"),
)
