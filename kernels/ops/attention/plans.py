"""How the CUDA versions of attention are laid over a card."""

from __future__ import annotations

from collections.abc import Mapping

from kernels.registry import Launch, Step
from kernels.toolchain.grids import PROCESSORS, THREADS, blocks, ceil_div

Dims = Mapping[str, int | float]
EACH = 16  # numbers to a thread of the plain versions
WARPS, WARP = 4, 32
# Of heads of up to so many numbers: multiples of 16 rows to a warp, keys to a tile.
TILES = {64: (2, 64), 128: (2, 32), 256: (1, 32)}
KEYS = {64: 128, 128: 128, 256: 64}  # of a tile of v3_wgmma
ROWS, SLOTS, WARPGROUPS = 128, 4, 3 * 128  # of queries to a block of it; tiles in its ring; threads
GRAD_TILES = {64: 32, 128: 32, 256: 16}  # of v2_recompute: rows that pass
GRAD_ROWS, ROW = 64, 12  # rows that stay; bytes that are kept of one that passes
ROOM = 1024 + 128  # bytes beside those: up to the border where they begin, barriers


def naive(dims: Dims, dtypes: str) -> Launch:
    """A thread to some numbers of a row of the result."""
    return Launch((_threads("", _rows(dims), max(1, int(dims["e"]))),))


def naive_grad(dims: Dims, dtypes: str) -> Launch:
    """… of the gradient of the queries, then of those of keys and values."""
    keys, d, e = int(dims["b"] * dims["hk"] * dims["sk"]), int(dims["d"]), int(dims["e"])
    return Launch((_threads("", _rows(dims), d), _threads("_keys", keys, d), _threads("_values", keys, e)))


def in_tiles(dims: Mapping[str, int]) -> bool:
    """Whether a head fits the widest tile."""
    return max(dims["d"], dims["e"]) <= max(TILES)


def flash(dims: Dims, dtypes: str) -> Launch:
    """A block to some rows of one head of keys; queries and two tiles of keys and values in shared memory."""
    width = _width(dims)
    sixteens, keys = TILES[width]
    rows = 16 * sixteens * WARPS
    count = ceil_div(_rows_per_head(dims), rows) * int(dims["b"] * dims["hk"])
    shared = 2 * width * (rows + 4 * keys)
    return Launch((Step(f"_{width}", blocks(count, 1), (WARPS * WARP, 1, 1), shared),))


def in_pieces(dims: Mapping[str, int]) -> bool:
    """… and rows of queries, keys and values begin on borders of 16 bytes."""
    return in_tiles(dims) and dims["d"] % 8 == 0 and dims["e"] % 8 == 0


def warpgroups(dims: Dims, dtypes: str) -> Launch:
    """v3_wgmma: a block to each processor; queries and a ring of tiles in shared memory."""
    width = _width(dims)
    count = ceil_div(_rows_per_head(dims), ROWS) * int(dims["b"] * dims["hk"])
    shared = 2 * width * (ROWS + SLOTS * KEYS[width]) + ROOM
    return Launch((Step(f"_{width}", (max(1, min(count, PROCESSORS)), 1, 1), (WARPGROUPS, 1, 1), shared),))


def recompute(dims: Dims, dtypes: str) -> Launch:
    """v2_recompute: 64 rows of one side to a block, with two tiles of the other side."""
    width, rows = _width(dims), _rows(dims)
    tile = GRAD_TILES[width]
    shared = 2 * 2 * width * (GRAD_ROWS + 2 * tile)
    heads, block = int(dims["b"] * dims["hk"]), (WARPS * WARP, 1, 1)
    keys = ceil_div(int(dims["sk"]), GRAD_ROWS) * heads * (2 if width == max(GRAD_TILES) else 1)
    steps = (
        Step("_delta", blocks(rows, THREADS // WARP), (THREADS, 1, 1)),
        Step(f"_keys_{width}", blocks(keys, 1), block, shared + 2 * tile * ROW),
        Step(f"_{width}", blocks(ceil_div(_rows_per_head(dims), GRAD_ROWS) * heads, 1), block, shared),
    )
    return Launch(steps, scratch=max(1, rows) * 4)


def _width(dims: Dims) -> int:
    return next(width for width in TILES if width >= max(dims["d"], dims["e"]))


def _rows(dims: Dims) -> int:
    return int(dims["b"] * dims["hq"] * dims["sq"])


def _rows_per_head(dims: Dims) -> int:
    return int(dims["hq"] // dims["hk"] * dims["sq"]) if dims["hk"] else 0


def _threads(suffix: str, rows: int, columns: int) -> Step:
    return Step(suffix, blocks(rows * ceil_div(columns, EACH), THREADS), (THREADS, 1, 1))
