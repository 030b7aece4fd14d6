"""How the CUDA kernels of the matrix products are laid over tiles of the result."""

from __future__ import annotations

from kernels.registry import Launch, Step
from kernels.toolchain.grids import Dims, ceil_div

SIDE, THREADS = 128, 256  # of a tile; of a block
RING = 4 * 2 * SIDE * 64  # bytes: stages, operands, lines, bytes of depth


def tiles(dims: Dims, dtypes: str) -> Launch:
    """v2_tiles: a block to a tile."""
    return _launch(_tiles(dims))


def tiles_of_groups(dims: Dims, dtypes: str) -> Launch:
    """v2_tiles, grouped."""
    return _launch(_tiles_of_groups(dims))


def ring(dims: Dims, dtypes: str) -> Launch:
    """v2_mma: the same, with a ring of shared memory."""
    return _launch(_tiles(dims), RING)


def ring_of_groups(dims: Dims, dtypes: str) -> Launch:
    """v2_mma, grouped."""
    return _launch(_tiles_of_groups(dims), RING)


def ring_int8(dims: Dims, dtypes: str) -> Launch:
    """v2_mma of int8."""
    return _launch(ceil_div(int(dims["rows"]), SIDE) * ceil_div(int(dims["n"]), SIDE), RING)


def _launch(count: int, shared: int = 0) -> Launch:
    return Launch((Step("", (max(1, count), 1, 1), (THREADS, 1, 1), shared),))


def _tiles(dims: Dims) -> int:
    m, n = int(dims["m"]), int(dims["n"])
    return int(dims["batch"]) * ceil_div(m, SIDE) * ceil_div(n, SIDE)


def _tiles_of_groups(dims: Dims) -> int:
    """At most: every group begins a tile, the tokens behind the last one too."""
    rows = int(dims["tokens"]) // SIDE + int(dims["experts"]) + 1
    return rows * ceil_div(int(dims["n"]), SIDE)
