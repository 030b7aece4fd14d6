"""How the CUDA version of sorting is laid over a card."""

from __future__ import annotations

from kernels.registry import Launch, Step
from kernels.toolchain.grids import THREADS, Dims, blocks, power_of_two


def radix(dims: Dims, dtypes: str) -> Launch:
    """A block to a row; in scratch memory two sets of keys and of positions in 32 bits."""
    rows, n = int(dims["rows"]), int(dims["n"])
    key = 8 if dtypes == "i64" else 4
    step = Step("", blocks(rows, 1), (min(THREADS, power_of_two(n)), 1, 1))
    return Launch((step,), scratch=max(1, rows * n) * 2 * (key + 4))
