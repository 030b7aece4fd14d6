"""What attention and its gradient are tried with."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kernels.ops.attention import oracle
from kernels.samples import Case, Rng, Sample, exactly, normal

INF, NAN = np.inf, np.nan
Sizes = tuple[int, int, int, int, int]  # b, hq, hk, sq, sk


def _arrays(sizes: Sizes, d: int, e: int | None = None) -> dict[str, Sample]:
    b, hq, hk, sq, sk = sizes
    e = d if e is None else e
    return {"q": normal(b, hq, sq, d), "k": normal(b, hk, sk, d), "v": normal(b, hk, sk, e)}


def _attributes(d: int, causal: bool) -> dict[str, Any]:
    return {"causal": causal, "scale": d**-0.5 if d else 1.0}


def _case(
    label: str, sizes: Sizes, d: int, causal: bool = False, e: int | None = None, **more: Sample
) -> Case:
    return Case("attention", label, {**_arrays(sizes, d, e), **more}, _attributes(d, causal))


def _padding(*lengths: int, most: int) -> Sample:
    """Keys up to a length, and not the second of them."""
    there = np.arange(most) < np.array(lengths)[:, None]
    there[:, 1:2] = False
    return exactly(there)


def _hiding(*shape: int) -> Sample:
    """Additive: normal values, -inf in a third of the places and in the whole first row."""

    def draw(rng: Rng) -> np.ndarray:
        mask = rng.standard_normal(shape)
        mask[rng.random(shape) < 0.33] = -INF
        mask[..., 0, :] = -INF
        return mask

    return draw


def _with_nan_where_hidden(*shape: int) -> Sample:
    """The last row, which only the last query sees, and the second, which is padding."""

    def draw(rng: Rng) -> np.ndarray:
        x = rng.standard_normal(shape)
        x[:, :, 1] = NAN
        x[:, :, -1] = INF
        x[:, :, -1, 0] = NAN
        return x

    return draw


def _of_gradient(case: Case) -> Case:
    """The same with a gradient of the output, the output, and what it was normalised with."""

    @functools.cache
    def drawn() -> Mapping[str, np.ndarray]:
        rng = np.random.default_rng(11)
        found = {name: np.asarray(draw(rng)) for name, draw in case.arrays.items()}
        inputs: list[Any] = [found.get(name) for name in ("q", "k", "v", "mask", "key_mask")]
        found["out"], found["lse"] = oracle.attention(*inputs, **case.attributes)
        found["dout"] = rng.standard_normal(found["out"].shape)
        return found

    def sample(name: str) -> Callable[[Rng], np.ndarray]:
        return lambda rng: drawn()[name]

    names = [*case.arrays, "out", "lse", "dout"]
    return Case("attention_grad", case.label, {name: sample(name) for name in names}, case.attributes)


SMALL = (
    _case("one key", (1, 1, 1, 1, 1), 1),
    _case("no query", (1, 2, 2, 0, 5), 16),
    _case("no key", (1, 2, 1, 3, 0), 16),
    _case("no batch", (0, 2, 1, 3, 4), 16),
    _case("d 0", (1, 1, 1, 3, 4), 0, e=16),
    _case("37x133 GQA 2", (1, 2, 1, 37, 133), 40),
    _case("65x97 causal", (1, 1, 1, 65, 97), 32, causal=True),
    _case("sq > sk causal", (2, 2, 1, 60, 33), 32, causal=True),
    _case("GQA 7, e 57", (1, 7, 1, 17, 65), 80, e=57),
    _case("GQA 8 causal", (1, 8, 1, 31, 31), 16, causal=True),
    _case(
        "masks and padding",
        (3, 2, 1, 29, 50),
        48,
        mask=_hiding(1, 2, 29, 50),
        key_mask=_padding(50, 20, 0, most=50),
    ),
    _case("mask per sequence, causal", (2, 2, 2, 40, 40), 32, causal=True, mask=_hiding(2, 1, 40, 40)),
)
CASES = (
    *SMALL,
    _case("1x239", (1, 2, 2, 1, 239), 64),
    _case("113x203", (1, 1, 1, 113, 203), 40),
    _case("127x513 causal", (1, 1, 1, 127, 513), 96, causal=True),
    _case("16x16", (1, 1, 1, 16, 16), 64),
    _case("49x97 d 111", (1, 1, 1, 49, 97), 111),
    _case("33x65 d 256", (1, 1, 1, 33, 65), 256),
    Case(
        "attention",
        "huge logits",
        {**_arrays((1, 2, 2, 20, 140), 16), "q": normal(1, 2, 20, 16, scale=1e4)},
        {"causal": False, "scale": 1.0},
        dtypes=("f32", "bf16"),
    ),
    Case("attention", "negative scale", _arrays((1, 1, 1, 9, 140), 16), {"causal": False, "scale": -0.3}),
    Case(
        "attention",
        "NaN in keys that are hidden",
        {
            "q": normal(1, 1, 37, 32),
            "k": _with_nan_where_hidden(1, 1, 37, 32),
            "v": _with_nan_where_hidden(1, 1, 37, 32),
            "key_mask": _padding(37, most=37),
        },
        _attributes(32, True),
    ),
    Case(
        "attention",
        "NaN in hidden keys of several tiles",
        {
            "q": normal(1, 2, 140, 64),
            "k": _with_nan_where_hidden(1, 1, 270, 64),
            "v": _with_nan_where_hidden(1, 1, 270, 64),
            "key_mask": _padding(270, most=270),
        },
        _attributes(64, True),
    ),
    Case(
        "attention",
        "specials",
        {
            "q": exactly([[[[1.0, 0], [NAN, 0], [INF, 1], [1e-40, 1]]]]),
            "k": exactly([[[[1.0, 1], [2, 1], [1e-40, 3]]]]),
            "v": exactly([[[[1.0], [2], [3]]]]),
        },
        {"causal": False, "scale": 1.0},
    ),
    *(_of_gradient(case) for case in SMALL),
)


def _bench(sizes: Sizes, d: int, causal: bool = False) -> tuple[Case, Case]:
    b, hq, hk, sq, sk = sizes
    label = f"B{b} Hq{hq} Hkv{hk} {sq}x{sk} d{d}{' causal' * causal}"
    forward = Case("attention", label, _arrays(sizes, d), _attributes(d, causal), want=(True, False))
    return forward, _of_gradient(forward)


BENCH = (
    *_bench((1, 8, 8, 1024, 1024), 64),
    *_bench((1, 8, 8, 1024, 1024), 64, causal=True),
    *_bench((1, 32, 8, 512, 512), 128, causal=True),
)
