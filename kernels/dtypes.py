"""The short names of dtypes, as they stand in schemas and in the names of compiled symbols.

bfloat16 is `ml_dtypes.bfloat16`, a NumPy dtype; NumPy has none of its own.
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

BY_NAME: dict[str, np.dtype[Any]] = {
    "f64": np.dtype(np.float64),
    "f32": np.dtype(np.float32),
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "i64": np.dtype(np.int64),
    "i32": np.dtype(np.int32),
    "i8": np.dtype(np.int8),
    "u8": np.dtype(np.uint8),
    "bool": np.dtype(np.bool_),
}
NAME = {dtype: name for name, dtype in BY_NAME.items()}
FLOATS = ("f32", "bf16", "f16")


def name_of(dtype: np.dtype[Any]) -> str:
    """`f32` for float32; a dtype that no kernel takes keeps its own name."""
    return NAME.get(dtype, str(dtype))
