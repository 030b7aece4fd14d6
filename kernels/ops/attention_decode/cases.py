"""What decoding is tried with."""

from __future__ import annotations

import numpy as np

from kernels.samples import Case, Rng, Sample, exactly, normal

LENGTHS = (0, 1, 15, 16, 17, 64, 65, 130)


def _behind(lengths: list[int], *shape: int) -> Sample:
    """Normal values, and NaN where a cache has no key yet."""

    def draw(rng: Rng) -> np.ndarray:
        x = rng.standard_normal(shape)
        for i, length in enumerate(lengths):
            x[i, :, length:] = np.nan
        return x

    return draw


def _plain(
    label: str, heads: tuple[int, int], new: int, cap: int, d: int, e: int, lengths: list[int] | None = None
) -> Case:
    b, (hq, hk) = len(lengths) if lengths else 2, heads
    arrays = {"q": normal(b, hq, new, d)}
    if lengths:
        arrays |= {"k": _behind(lengths, b, hk, cap, d), "v": _behind(lengths, b, hk, cap, e)}
        arrays["lengths"] = exactly(np.array(lengths))
    else:
        arrays |= {"k": normal(b, hk, cap, d), "v": normal(b, hk, cap, e)}
    return Case("attention_decode", label, arrays, {"scale": d**-0.5 if d else 1.0})


def _paged(
    label: str, heads: tuple[int, int], new: int, size: int, d: int, e: int, lengths: list[int]
) -> Case:
    """Blocks dealt out in a random order, some to spare; entries that are not needed are out of range."""
    b, most = len(lengths), max(-(-length // size) for length in lengths) + 1
    blocks = b * most + 2
    table = np.random.default_rng(3).permutation(blocks)[: b * most].reshape(b, most)
    for i, length in enumerate(lengths):
        table[i, -(-length // size) :] = -1
    arrays = {
        "q": normal(b, heads[0], new, d),
        "k": normal(blocks, size, heads[1], d),
        "v": normal(blocks, size, heads[1], e),
        "table": exactly(table),
        "lengths": exactly(np.array(lengths)),
    }
    return Case("attention_decode_paged", label, arrays, {"scale": d**-0.5})


CASES = (
    _plain("lengths", (1, 1), 1, 130, 32, 32, list(LENGTHS)),
    _plain("no lengths", (2, 1), 1, 33, 64, 64),
    _plain("d 40, e 111", (2, 2), 1, 20, 40, 111, [20, 7]),
    _plain("d 1, e 1", (1, 1), 1, 19, 1, 1, [19, 18]),
    _plain("d 256", (1, 1), 1, 17, 256, 256),
    _plain("GQA 7", (7, 1), 1, 50, 48, 48, [50, 31]),
    _plain("GQA 8, four new", (8, 1), 4, 70, 64, 64, [70, 3, 0]),
    _plain("several splits", (2, 2), 1, 2100, 16, 16, [2049, 1025]),
    _plain("no sequence", (2, 2), 1, 0, 16, 16),
    _plain("zero capacity", (2, 1), 1, 0, 16, 16, [0, 0]),
    Case(
        "attention_decode",
        "huge logits",
        {
            "q": normal(2, 1, 1, 32, scale=100),
            "k": normal(2, 1, 50, 32, scale=100),
            "v": normal(2, 1, 50, 32),
        },
        {"scale": 1.0},
        dtypes=("f32", "bf16"),
    ),
    Case(
        "attention_decode",
        "specials",
        {
            "q": exactly([[[[1.0, 0]], [[np.nan, 0]], [[1e-40, 1]]]]),
            "k": exactly([[[[-np.inf, 1], [1, 2], [1e-40, 3]]]]),
            "v": exactly([[[[1.0], [2], [3]]]]),
        },
        {"scale": 1.0},
    ),
    _paged("blocks of 16", (2, 1), 1, 16, 32, 32, [0, 1, 16, 17, 50]),
    _paged("blocks of 1", (1, 1), 1, 1, 16, 16, [5, 2]),
    _paged("blocks of 100", (4, 2), 2, 100, 40, 24, [100, 230, 1]),
    _paged("GQA 7, several splits", (7, 1), 1, 64, 16, 16, [1100, 1024]),
)
BENCH = (
    Case(
        "attention_decode",
        "Hq8 8192 keys d64",
        {"q": normal(1, 8, 1, 64), "k": normal(1, 8, 8192, 64), "v": normal(1, 8, 8192, 64)},
        {"scale": 0.125},
    ),
    Case(
        "attention_decode",
        "Hq32 Hkv8 4096 keys d128",
        {"q": normal(1, 32, 1, 128), "k": normal(1, 8, 4096, 128), "v": normal(1, 8, 4096, 128)},
        {"scale": 128**-0.5},
    ),
    _paged("4 sequences, Hq8 2048 keys d64, blocks of 16", (8, 8), 1, 16, 64, 64, [2048] * 4),
)
