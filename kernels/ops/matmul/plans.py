"""How the CUDA kernels of the matrix products are laid over tiles of the result."""

from __future__ import annotations

from collections.abc import Mapping

from kernels.registry import Launch, Step
from kernels.toolchain.grids import PROCESSORS, Dims, ceil_div

SIDE, THREADS = 128, 256  # of a tile; of a block
RING = 4 * 2 * SIDE * 64  # bytes: stages, operands, lines, bytes of depth
RING_TF32 = 4 * 2 * SIDE * 20 * 4  # stages, operands, lines, words from line to line
WIDTHS = {256: 4, 128: 6}  # of the tiles of v3_wgmma, with the panels of their rings
LINE = 128  # bytes of depth in a panel of them
WARPGROUPS = 3 * 128  # threads of a block
ROOM = 1024 + 128  # bytes beside the panels: up to the border where they begin, barriers


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


def ring_tf32(dims: Dims, dtypes: str) -> Launch:
    """v3_tf32."""
    return _launch(_tiles(dims), RING_TF32)


def in_pieces_of_f32(dims: Mapping[str, int]) -> bool:
    """Whether rows of a and b begin on borders of 16 bytes."""
    return dims["ak"] % 4 == 0 and dims["bn"] % 4 == 0


def ring_int8(dims: Dims, dtypes: str) -> Launch:
    """v2_mma of int8."""
    return _launch(ceil_div(int(dims["rows"]), SIDE) * ceil_div(int(dims["n"]), SIDE), RING)


def in_pieces(dims: Mapping[str, int]) -> bool:
    """Whether rows of all three matrices begin on borders of 16 bytes."""
    return all(dims[name] % 8 == 0 for name in ("ak", "bn", "n"))


def in_pieces_of_groups(dims: Mapping[str, int]) -> bool:
    """… of x, w and the result."""
    return all(dims[name] % 8 == 0 for name in ("k", "wn", "n"))


def warpgroups(dims: Dims, dtypes: str) -> Launch:
    """v3_wgmma: a block to each processor, which goes from tile to tile."""
    rows = int(dims["batch"]) * ceil_div(int(dims["m"]), SIDE)
    return _persistent(rows, int(dims["n"]))


def warpgroups_of_groups(dims: Dims, dtypes: str) -> Launch:
    """v3_wgmma, grouped."""
    return _persistent(_rows_of_groups(dims), int(dims["n"]))


def _persistent(rows: int, n: int) -> Launch:
    """As wide as it takes the fewest turns, a turn of the wide tiles counted double."""

    def turns(width: int) -> int:
        return ceil_div(rows * ceil_div(n, width), PROCESSORS) * width

    width = min(WIDTHS, key=turns)
    grid = max(1, min(rows * ceil_div(n, width), PROCESSORS))
    shared = WIDTHS[width] * (SIDE + width) * LINE + ROOM
    return Launch((Step(f"_{width}", (grid, 1, 1), (WARPGROUPS, 1, 1), shared),))


def _launch(count: int, shared: int = 0) -> Launch:
    return Launch((Step("", (max(1, count), 1, 1), (THREADS, 1, 1), shared),))


def _tiles(dims: Dims) -> int:
    m, n = int(dims["m"]), int(dims["n"])
    return int(dims["batch"]) * ceil_div(m, SIDE) * ceil_div(n, SIDE)


def _tiles_of_groups(dims: Dims) -> int:
    return _rows_of_groups(dims) * ceil_div(int(dims["n"]), SIDE)


def _rows_of_groups(dims: Dims) -> int:
    """Of tiles, at most: every group begins one, the tokens behind the last one too."""
    return int(dims["tokens"]) // SIDE + int(dims["experts"]) + 1
