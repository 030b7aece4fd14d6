"""How the CUDA versions of convolution are laid over a card."""

from __future__ import annotations

from collections.abc import Mapping

from kernels.registry import Launch, Step
from kernels.toolchain.grids import THREADS, Dims, blocks, ceil_div, product

SIDE = 128  # of a tile: filters by pixels of the result


def naive_grad(dims: Dims, dtypes: str) -> Launch:
    """A thread to an element of the images, of the filters, of the bias."""
    sizes = {"": ("n", "c", "h", "w"), "_filters": ("k", "cg", "r", "s"), "_bias": ("k",)}
    return Launch(
        tuple(
            Step(suffix, blocks(product(dims, names), THREADS), (THREADS, 1, 1))
            for suffix, names in sizes.items()
        )
    )


def tiles(dims: Dims, dtypes: str) -> Launch:
    """v2_tiles: a block to a tile of each group."""
    filters, pixels = int(dims["k"]) // int(dims["groups"]), product(dims, ("n", "oh", "ow"))
    count = int(dims["groups"]) * ceil_div(filters, SIDE) * ceil_div(pixels, SIDE)
    return Launch((Step("", blocks(count, 1), (THREADS, 1, 1)),))


def in_tiles(dims: Mapping[str, int]) -> bool:
    """Whether filters fill a part of a tile worth the rest; sums are counted in 32 bits."""
    return dims["k"] // dims["groups"] >= 4 and dims["cg"] * dims["r"] * dims["s"] < 1 << 31
