"""How CUDA kernels of the quantised operators are laid over blocks and elements (codes8.cuh)."""

from __future__ import annotations

from kernels.registry import Launch, Step
from kernels.toolchain.grids import FULL, THREADS, WARP, Dims, Plan, blocks, ceil_div, product

EIGHT = 8  # elements that a lane handles at once
_BLOCK = (THREADS, 1, 1)


def lanes_per_block(dims: Dims, dtypes: str) -> Launch:
    """A warp to a block of `blocksize` elements, or to several that are shorter than a warp's 256."""
    together = max(1, WARP * EIGHT // int(dims["blocksize"]))
    return Launch((Step("", blocks(int(dims["blocks"]), together * THREADS // WARP), _BLOCK),))


def eight_per_thread(*names: str) -> Plan:
    """A thread to eight of the product of these dimensions."""
    return lambda dims, dtypes: Launch((Step("", blocks(product(dims, names), EIGHT * THREADS), _BLOCK),))


def few_blocks(dims: Dims, dtypes: str) -> Launch:
    """A thread to each element of a block of 256; as many at a time as keep the card busy."""
    return Launch((Step("", (max(1, min(int(dims["blocks"]), FULL)), 1, 1), _BLOCK),))


def warp_per_row_of_weights(dims: Dims, dtypes: str) -> Launch:
    """A warp to one of n rows of the weight and four of `rows` rows of x."""
    grid = blocks(int(dims["n"]), THREADS // WARP)[0], max(1, ceil_div(int(dims["rows"]), 4)), 1
    return Launch((Step("", grid, _BLOCK),))


def sixteen_rows_of_weights(dims: Dims, dtypes: str) -> Launch:
    """A block to sixteen rows of the weight and all of x: up to 64 rows, in sixteens."""
    rows = int(dims["rows"])
    held = next(each for each in (16, 32, 64) if rows <= each)
    return Launch((Step(f"_{held}", blocks(int(dims["n"]), 16), _BLOCK),))


def rows_to_int8(dims: Dims, dtypes: str) -> Launch:
    """Unmark all columns, mark those with outliers, then a block to each row."""
    return Launch(_marked(dims, ""))


def int8_layer(dims: Dims, dtypes: str) -> Launch:
    """Codes of x as above and the list of its marked columns; then tiles of 32 by 32, eight to a block."""
    rows, k, n = (int(dims[name]) for name in ("rows", "k", "n"))
    down = 2 if rows > WARP else 1
    grid = max(1, ceil_div(n, 8 // down * WARP)), max(1, ceil_div(rows, down * WARP)), 1
    line = ceil_div(k, 16) * 16
    scratch = rows * line + 4 * ceil_div(rows, 16) * 16 + line + 16 + 4 * line
    steps = *_marked(dims, "_rows"), Step("_list", (1, 1, 1), _BLOCK)
    if line > k:  # rows of the weight do not begin on borders of 16 bytes: a copy of it does
        steps, scratch = (*steps, Step("_weight", blocks(n * line, THREADS), _BLOCK)), scratch + n * line
    return Launch((*steps, Step("", grid, _BLOCK)), scratch=max(16, scratch))


def four_rows_per_thread(dims: Dims, dtypes: str) -> Launch:
    """A thread to one of k columns of four of `rows` rows."""
    return Launch((Step("", blocks(ceil_div(int(dims["rows"]), 4) * int(dims["k"]), THREADS), _BLOCK),))


def _marked(dims: Dims, last: str) -> tuple[Step, ...]:
    rows, k = int(dims["rows"]), int(dims["k"])
    marks = Step("_mark", (min(blocks(rows * k, THREADS)[0], FULL), 1, 1), _BLOCK)
    return Step("_clear", blocks(k, THREADS), _BLOCK), marks, Step(last, blocks(rows, 1), _BLOCK)
