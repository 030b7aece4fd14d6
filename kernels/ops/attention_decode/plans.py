"""How the CUDA versions of decoding are laid over a card."""

from __future__ import annotations

from collections.abc import Mapping

from kernels.registry import Launch, Step
from kernels.toolchain.grids import THREADS, VECTOR, blocks, ceil_div, itemsize

Dims = Mapping[str, int | float]
SPLIT, ROWS, BLOCK = 256, 8, 128  # keys, rows and threads of a block


def naive(dims: Dims, dtypes: str) -> Launch:
    """A thread to a number of the result."""
    return Launch((Step("", blocks(_rows(dims) * max(1, int(dims["e"])), THREADS), (THREADS, 1, 1)),))


def query_fits(dims: Mapping[str, int]) -> bool:
    """Whether the shared memory of any card holds the queries of a block."""
    return dims["d"] <= 2048


def split(dims: Dims, dtypes: str) -> Launch:
    """A block to a split of the keys, then a block to a row."""
    heads = int(dims["b"] * dims["hk"])
    per_head = int(dims["hq"] // dims["hk"] * dims["n"]) if heads else 0
    splits = ceil_div(_capacity(dims), SPLIT)
    vector = VECTOR // itemsize(dtypes)
    shared = ROWS * ceil_div(int(dims["d"]), vector) * vector * 4
    block = (BLOCK, 1, 1)
    first = Step("", blocks(heads * ceil_div(per_head, ROWS) * splits, 1), block, shared)
    second = Step("_combine", blocks(_rows(dims), 1), block)
    return Launch((first, second), scratch=max(1, _rows(dims) * splits * (int(dims["e"]) + 2) * 4))


def _rows(dims: Dims) -> int:
    return int(dims["b"] * dims["hq"] * dims["n"])


def _capacity(dims: Dims) -> int:
    return int(dims["most"] * dims["size"]) if "most" in dims else int(dims["cap"])
