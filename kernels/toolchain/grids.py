"""How CUDA kernels are laid over rows and elements: plans that several operators share.

Every kernel strides over its work by the size of the grid, so a grid may be cut off at what the card takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kernels.dtypes import BY_NAME
from kernels.registry import Launch, Step

Dims = Mapping[str, int | float]
Plan = Callable[[Dims, str], Launch]
Triple = tuple[int, int, int]

LARGEST_GRID = 2**31 - 1
VECTOR = 16  # bytes that a thread reads at once
WARP = 32
THREADS = 256  # of a block, where nothing speaks for another number
LARGEST_BLOCK = 1024
SHARED = 96 << 10  # bytes for a block that every card from sm_80 on has, static ones left aside
KEPT = 12  # bytes that the gradient of a normalisation keeps of a row
NORM_BLOCK = 512  # threads of a block of it: two rows and what is between them take more than 64 registers
NORM_BLOCKS = 528  # of it: four to each processor of the largest cards, each with its sums of columns
SCRATCH_HEAD = 256  # kernel.cuh
COUNTED_SHARED = 8192  # bins that a block counts in shared memory
PROCESSORS = 132  # of the largest cards: blocks that fill all there is of each
FULL = 8 * PROCESSORS  # blocks that keep them busy
SCAN_PART = 8192  # elements of a row that a block scans
PART = 16 << 10  # bytes of a row below which cutting it up further is not worth it


def ceil_div(a: int, b: int) -> int:
    return -(-a // b)


def itemsize(dtypes: str) -> int:
    """Of the first type variable: `bf16_i64` has 2."""
    return BY_NAME[dtypes.partition("_")[0]].itemsize


def blocks(work: int, per_block: int) -> Triple:
    """A grid of as many blocks as the work fills, at least one."""
    return max(1, min(ceil_div(work, per_block), LARGEST_GRID)), 1, 1


def thread_per(*names: str) -> Plan:
    """One thread to each of the product of these dimensions: the plain versions."""

    def plan(dims: Dims, dtypes: str) -> Launch:
        return Launch((Step("", blocks(product(dims, names), THREADS), (THREADS, 1, 1)),))

    return plan


def eights_of(*names: str) -> Plan:
    """A thread to every eight elements of the product of these dimensions."""

    def plan(dims: Dims, dtypes: str) -> Launch:
        return Launch((Step("", blocks(product(dims, names), 8 * THREADS), (THREADS, 1, 1)),))

    return plan


def vectors_of(*names: str) -> Plan:
    """A thread to every 16 bytes of the product of these dimensions, the last ones partly filled."""

    def plan(dims: Dims, dtypes: str) -> Launch:
        work = product(dims, names) + VECTOR // itemsize(dtypes)
        return Launch((Step("", blocks(work, THREADS * VECTOR // itemsize(dtypes)), (THREADS, 1, 1)),))

    return plan


def group_per_row(held: int, rows: str = "rows", n: str = "n") -> Plan:
    """A group of threads to a row; see `row_step`."""

    def plan(dims: Dims, dtypes: str) -> Launch:
        return Launch((row_step(int(dims[rows]), int(dims[n]), itemsize(dtypes), held),))

    return plan


def row_step(rows: int, n: int, size: int, held: int, largest: int = LARGEST_BLOCK) -> Step:
    """A group of threads to a row of n elements of `size` bytes.

    The kernel without more suffix holds a row in registers, `held` times 16 bytes to a thread (0: there is
    none). Rows that the largest block does not hold go to the one with `_long`, those that 16 bytes do not
    divide to `_odd`.
    """
    threads, suffix = row_threads(n, size, held, largest), ""
    if threads is None:
        threads = min(largest, power_of_two(ceil_div(n * size, 4 * VECTOR)))
        suffix = "_odd" if n * size % VECTOR else "_long"
    together = groups(threads)
    return Step(suffix, blocks(rows, together), (threads, together, 1))


def row_threads(n: int, size: int, held: int, largest: int) -> int | None:
    """How many threads hold a row in registers; None where none do, or where 16 bytes do not divide it."""
    if not held or n * size % VECTOR:
        return None
    threads = power_of_two(ceil_div(n * size, held * VECTOR))
    return threads if threads <= largest else None


def groups(threads: int) -> int:
    """How many groups of so many threads stand in a block: several only where each is a warp."""
    return 4 if threads == WARP else 1


def norm_gradient_naive(dims: Dims, dtypes: str) -> Launch:
    """What each row is scaled by, the columns, the rows: a thread to each."""
    rows, columns = (blocks(int(dims[name]), THREADS) for name in ("rows", "n"))
    block = (THREADS, 1, 1)
    steps = Step("_statistics", rows, block), Step("_columns", columns, block), Step("", rows, block)
    return Launch(steps, scratch=max(1, int(dims["rows"])) * KEPT)


def norm_gradient(count: int, held: int) -> Plan:
    """The gradient of a normalisation of `rows` rows of `n`; `count` sums per column beside it."""

    def plan(dims: Dims, dtypes: str) -> Launch:
        rows, n, size = int(dims["rows"]), int(dims["n"]), itemsize(dtypes)
        columns = blocks(n, WARP), (WARP, WARP, 1)
        threads = row_threads(n, size, held, NORM_BLOCK)
        if threads is None or groups(threads) * count * 4 * n > SHARED:
            step = row_step(rows, n, size, 0, NORM_BLOCK)
            first = Step(step.suffix + "_statistics", step.grid, step.block)
            return Launch((first, Step("_all_columns", *columns), step), scratch=max(1, rows) * KEPT)
        together = groups(threads)
        grid = max(1, min(ceil_div(rows, together), NORM_BLOCKS))
        first = Step("", (grid, 1, 1), (threads, together, 1), together * count * 4 * n)
        return Launch((first, Step("_columns", *columns)), scratch=SCRATCH_HEAD + grid * count * n * 4)

    return plan


def block_per_row(dims: Dims, dtypes: str) -> Launch:
    """A block of the usual size to a row."""
    return Launch((Step("", blocks(int(dims["rows"]), 1), (THREADS, 1, 1)),))


def wide_block_per_row(dims: Dims, dtypes: str) -> Launch:
    """A block to a row that is read many times: a thread to eight elements, up to the largest block."""
    threads = min(LARGEST_BLOCK, power_of_two(ceil_div(int(dims["n"]), 8)))
    return Launch((Step("", blocks(int(dims["rows"]), 1), (threads, 1, 1)),))


def tiles(dims: Dims, dtypes: str) -> Launch:
    """A block to 32 by 32 elements of the last two axes (m, n) of `batch` matrices."""
    count = int(dims["batch"]) * ceil_div(int(dims["m"]), WARP) * ceil_div(int(dims["n"]), WARP)
    return Launch((Step("", blocks(count, 1), (WARP, 8, 1)),))


def counting(dims: Dims, dtypes: str) -> Launch:
    """Set `bins` counts to 0, then count n elements: in shared memory where that holds them."""
    bins, block = int(dims["bins"]), (THREADS, 1, 1)
    grid = min(blocks(int(dims["n"]), 16 * THREADS)[0], FULL)
    counted = (
        Step("", (grid, 1, 1), block, 4 * bins)
        if bins <= COUNTED_SHARED
        else Step("_wide", (grid, 1, 1), block)
    )
    return Launch((Step("_zero", blocks(bins, THREADS), block), counted))


def lookup(dims: Dims, dtypes: str) -> Launch:
    """A group of threads to each of n rows of d."""
    d, size = int(dims["d"]), itemsize(dtypes)
    threads = min(THREADS, power_of_two(ceil_div(d * size, VECTOR)))
    suffix = "_odd" if d * size % VECTOR else ""
    return Launch((Step(suffix, blocks(int(dims["n"]), groups(threads)), (threads, groups(threads), 1)),))


def lookup_gradient(dims: Dims, dtypes: str) -> Launch:
    """Set `rows` of d to 0, then a block to each of n rows to be added."""
    d, size = int(dims["d"]), itemsize(dtypes)
    zero = Step("_zero", blocks(int(dims["rows"]) * d, THREADS * VECTOR // size), (THREADS, 1, 1))
    suffix = "_odd" if d * size % VECTOR else ""
    return Launch((zero, Step(suffix, blocks(int(dims["n"]), 1), (THREADS, 1, 1))))


def pairs(dims: Dims, dtypes: str) -> Launch:
    """A thread to each pair of values that turn together, and to each value that does not turn."""
    each = int(dims["d"]) - int(dims["half"])
    return Launch(
        (Step("", blocks(product(dims, ("batch", "n", "heads")) * each, THREADS), (THREADS, 1, 1)),)
    )


def eight_pairs(dims: Dims, dtypes: str) -> Launch:
    """… to eight of either."""
    each = int(dims["half"]) // 8 + (int(dims["d"]) - 2 * int(dims["half"])) // 8
    return Launch(
        (Step("", blocks(product(dims, ("batch", "n", "heads")) * each, THREADS), (THREADS, 1, 1)),)
    )


def scanning(dims: Dims, dtypes: str) -> Launch:
    """A block to each part of a row; rows of several parts are read twice."""
    rows, parts = int(dims["rows"]), ceil_div(int(dims["n"]), SCAN_PART)
    block = (THREADS, 1, 1)
    step = Step("", blocks(rows * parts, 1), block)
    if parts <= 1:
        return Launch((step,), scratch=SCRATCH_HEAD)
    return Launch(
        (Step("_parts", step.grid, block), Step("_carry", blocks(rows, 1), block), step),
        scratch=rows * parts * 8,
    )


def reduction(dims: Dims, dtypes: str) -> Launch:
    """The middle axis of (outer, n, inner), in several parts where the results do not fill the card."""
    outer, n, inner, size = int(dims["outer"]), int(dims["n"]), int(dims["inner"]), itemsize(dtypes)
    if inner == 1:
        suffix = "_odd" if n * size % VECTOR else "_rows"
        threads = WARP if n * size <= WARP * VECTOR * 4 else THREADS
        grid, block = blocks(outer, groups(threads))[0], (threads, groups(threads), 1)
        per_part = PART // size
    else:
        suffix, block = "_columns", (WARP, 8, 1)
        grid, per_part = blocks(outer * ceil_div(inner, WARP), 1)[0], PART // (WARP * size)
    parts = max(1, min(ceil_div(n, per_part), ceil_div(FULL, grid)))
    steps = (Step(suffix, (grid, parts, 1), block),)
    if parts == 1:
        return Launch(steps, scratch=SCRATCH_HEAD)
    together = Step("_combine", blocks(outer * inner, 4), (WARP, 4, 1))
    return Launch((*steps, together), scratch=SCRATCH_HEAD + parts * outer * inner * 8)


def product(dims: Dims, names: tuple[str, ...]) -> int:
    result = 1
    for name in names:
        result *= int(dims[name])
    return result


def power_of_two(threads: int) -> int:
    """At least so many, at least a warp."""
    return max(WARP, 1 << max(0, threads - 1).bit_length())
