"""What the benchmark on a card times in the place of the cases for processors."""

from __future__ import annotations

import math

from kernels.samples import Case, integers, normal, uniform

WIDE = (8192, 8192)
MANY = 1 << 26


def _product(n: int, dtypes: tuple[str, ...]) -> Case:
    arrays = {"a": normal(n, n), "b": normal(n, n)}
    attributes = {"transpose_a": False, "transpose_b": False, "alpha": 1.0}
    return Case(
        "matmul", f"{n}x{n}x{n}", arrays, attributes, dtypes=tuple(f"{each}_{each}" for each in dtypes)
    )


def _attention(length: int, d: int, *, causal: bool) -> tuple[Case, Case]:
    heads, shared = 32, 8
    arrays = {
        "q": normal(1, heads, length, d),
        "k": normal(1, shared, length, d),
        "v": normal(1, shared, length, d),
    }
    attributes = {"causal": causal, "scale": d**-0.5}
    label = f"B1 Hq{heads} Hkv{shared} {length} d{d}{' causal' * causal}"
    more = {
        "dout": normal(1, heads, length, d),
        "out": normal(1, heads, length, d, scale=0.03),
        "lse": normal(1, heads, length, scale=0.1, offset=math.log(length) + 0.5),
    }
    return (
        Case("attention", label, arrays, attributes, want=(True, False), dtypes=("bf16", "f16")),
        Case("attention_grad", label, {**arrays, **more}, attributes, dtypes=("bf16",)),
    )


# Where the cases for processors would fit the cache of a card, or keep few of its parts busy, larger ones.
LARGE = (
    _product(8192, ("bf16", "f16")),
    _product(4096, ("bf16", "f32")),
    *_attention(4096, 128, causal=False),
    *_attention(4096, 128, causal=True),
    *_attention(4096, 64, causal=True),
    *(Case(op, "8192x8192", {"x": normal(*WIDE)}) for op in ("softmax", "log_softmax")),
    Case("softmax_grad", "8192x8192", {"dy": normal(*WIDE), "y": uniform(0, 2 / 8192, *WIDE)}),
    Case("rms_norm", "8192x8192", {"x": normal(*WIDE), "weight": normal(8192)}, {"eps": 1e-6}, (True, False)),
    Case(
        "layer_norm",
        "8192x8192",
        {"x": normal(*WIDE), "weight": normal(8192), "bias": normal(8192)},
        {"eps": 1e-5},
        (True, False, False),
    ),
    *(
        Case(
            op, "8192x8192", {"dy": normal(*WIDE), "x": normal(*WIDE), "weight": normal(8192)}, {"eps": 1e-5}
        )
        for op in ("rms_norm_grad", "layer_norm_grad")
    ),
    Case(
        "cross_entropy",
        "4096x50257",
        {"logits": normal(4096, 50257), "targets": integers(0, 50257, 4096)},
        {"ignore_index": -100},
    ),
    *(Case(op, "64M", {"x": normal(MANY)}) for op in ("gelu", "gelu_tanh", "silu", "relu")),
    Case("swiglu", "64M", {"gate": normal(MANY), "up": normal(MANY)}),
    Case("reduce_sum", "64M", {"x": normal(1, MANY, 1)}),
    Case("transpose", "8192x8192", {"x": normal(*WIDE)}),
    Case("histogram", "64M", {"x": uniform(0, 1, MANY)}, {"bins": 256, "low": 0.0, "high": 1.0}),
)
