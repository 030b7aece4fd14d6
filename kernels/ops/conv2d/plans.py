"""How the CUDA versions of convolution are laid over a card."""

from __future__ import annotations

from kernels.registry import Launch, Step
from kernels.toolchain.grids import THREADS, Dims, blocks, product


def naive_grad(dims: Dims, dtypes: str) -> Launch:
    """A thread to an element of the images, of the filters, of the bias."""
    sizes = {"": ("n", "c", "h", "w"), "_filters": ("k", "cg", "r", "s"), "_bias": ("k",)}
    return Launch(
        tuple(
            Step(suffix, blocks(product(dims, names), THREADS), (THREADS, 1, 1))
            for suffix, names in sizes.items()
        )
    )
