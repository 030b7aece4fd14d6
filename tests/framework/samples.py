"""Sample operands of every primitive: what `test_every_primitive.py` walks.

A sample is the operands (float64 where floating) and the attributes. Values keep clear of kinks, poles and
ties, so that finite differences hold.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import framework as fw
from framework import ops
from framework.core.graph import closed, trace
from framework.core.prim import PRIMS
from framework.core.tensor import apply

Sample = tuple[list[Any], dict[str, Any]]
STRUCTURE = {"input", "pick"}  # what the graph itself is made of: not to be applied
TABLE = frozenset(PRIMS)  # as imported: other tests add to it
ELSEWHERE = {"custom"}  # an operator of the user's own: tests/framework/custom
_rng = np.random.default_rng(7)


def normal(*shape: int) -> np.ndarray:
    """Far from 0 and from each other, in both signs."""
    n = int(np.prod(shape))
    values = np.linspace(0.3, 1.9, max(n, 1))[:n] * np.where(np.arange(n) % 3 == 1, -1, 1)
    return _rng.permutation(values).reshape(shape)


def positive(*shape: int, low: float = 0.4, high: float = 2.2) -> np.ndarray:
    """From low to high, all different."""
    n = int(np.prod(shape))
    return _rng.permutation(np.linspace(low, high, max(n, 1))[:n]).reshape(shape)


def integers(high: int, *shape: int) -> np.ndarray:
    return _rng.integers(0, high, shape)


def flags(*shape: int) -> np.ndarray:
    return _rng.random(shape) < 0.5


def spd(n: int) -> np.ndarray:
    a = normal(n, n)
    return a @ a.T + n * np.eye(n)


def _elementwise() -> dict[str, list[Sample]]:
    smooth = (
        "identity neg square abs sign exp expm1 sin cos sinh cosh tanh asinh atan floor ceil round trunc "
        "relu sigmoid softplus erf gelu gelu_tanh silu mish isnan isfinite signbit copy stop_gradient"
    )
    one = {
        smooth: normal(2, 3),
        "sqrt rsqrt reciprocal log log1p log2 log10": positive(2, 3),
        "tan asin acos atanh": positive(2, 3, low=-0.7, high=0.8),
        "acosh": positive(2, 3, low=1.3, high=3.0),
        "bitwise_invert": integers(9, 2, 3),
    }
    two = {
        "add sub mul div maximum minimum atan2 logaddexp copysign equal not_equal less less_equal greater "
        "greater_equal nextafter": (normal(2, 3), normal(3) * 0.95),
        "gelu_grad gelu_tanh_grad silu_grad mish_grad": (normal(2, 3), normal(2, 3)),
        "pow remainder floor_divide": (positive(2, 3), positive(2, 1, low=0.7, high=1.6)),
        "bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift": (
            integers(9, 2, 3),
            integers(5, 3),
        ),
    }
    found: dict[str, list[Sample]] = {name: [([x], {})] for names, x in one.items() for name in names.split()}
    found |= {name: [(list(xs), {})] for names, xs in two.items() for name in names.split()}
    z = normal(2, 3) + 1j * normal(2, 3)
    found |= {name: [([z], {})] for name in ("conj", "real", "imag")}
    found["where"] = [([flags(2, 3), normal(2, 3), normal(3)], {})]
    found["cast"] = [([normal(2, 3)], {"dtype": fw.float64}), ([integers(5, 2)], {"dtype": fw.float32})]
    return found


def _shape() -> dict[str, list[Sample]]:
    along = {"axis": (-1,), "keepdims": False}
    both = {"axis": (-2, -1), "keepdims": True}
    x = normal(2, 3, 2)
    return {
        "reshape": [([normal(2, 3)], {"shape": (3, 2, 1)})],
        "broadcast_to": [([normal(3, 1)], {"shape": (2, 3, 4)})],
        "transpose": [([x], {"perm": (-2, -1, -3)}), ([x], {"perm": (-1, -2)})],
        "concat": [
            ([normal(2, 2), normal(2, 1)], {"axis": -1}),
            ([normal(1, 2), normal(2, 2)], {"axis": -2}),
        ],
        "slice": [([normal(4, 5)], {"where": ((1, 4, 2), (4, -1, -2))})],
        "unslice": [([normal(2, 3)], {"where": ((1, 4, 2), (4, -1, -2)), "shape": (4, 5)})],
        **{name: [([x], along), ([x], both)] for name in ("sum", "prod", "max", "min", "logsumexp")},
        **{name: [([flags(2, 3)], along), ([flags(2, 3)], both)] for name in ("all", "any")},
        "matmul": [([normal(2, 3), normal(3, 2)], {}), ([normal(2, 1, 2, 3), normal(2, 3, 1)], {})],
        "argsort": [([normal(3, 2)], {"axis": -2, "descending": True})],
        "argmax": [([normal(3, 2)], {"axis": -2, "keepdims": True})],
        "argmin": [([normal(3, 2)], {"axis": -1, "keepdims": False})],
        "cumsum": [([normal(3, 2)], {"axis": -2})],
        "cumprod": [([normal(3, 2)], {"axis": -2})],
        "searchsorted": [([np.array([0.1, 0.5, 0.9]), normal(4)], {"right": False})],
        "gather": [
            ([normal(4, 2), integers(4, 3)], {}),
            ([normal(3, 2, 2), integers(3, 2, 2), integers(2, 2, 2)], {}),
        ],
        "scatter_add": [([normal(3, 2), np.array([1, 1, 0])], {"shape": (4, 2)})],
        "scatter": [([normal(4, 2), normal(3, 2), np.array([1, 1, 0])], {})],
        "take_along_axis": [([normal(2, 4), integers(4, 2, 3)], {"axis": -1})],
        "add_along_axis": [([normal(2, 3), integers(4, 2, 3)], {"axis": -1, "n": 4})],
    }


def _networks() -> dict[str, list[Sample]]:
    q, k, v = normal(1, 2, 3, 2), normal(1, 1, 3, 2), normal(1, 1, 3, 2)
    hidden = {"causal": True, "scale": 0.7}
    out, lse = (t.asnumpy() for t in apply(PRIMS["attention"], *map(fw.Tensor, (q, k, v)), **hidden))
    image, filters = normal(1, 2, 4, 4), normal(2, 1, 2, 2)
    conv = {"stride": (1, 2), "padding": (1, 0), "dilation": (1, 1), "groups": 2}
    pool = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0)}
    places = np.array([[[0, 3], [9, 10]], [[4, 2], [8, 15]]])[None]
    g = normal(*_shape_of("conv2d", [image, filters], conv))
    return {
        **{
            name: [([normal(2, 3)], {"axis": -1}), ([normal(3, 2)], {"axis": -2})]
            for name in ("softmax", "log_softmax")
        },
        **{
            f"{name}_grad": [([normal(2, 3), normal(2, 3)], {"axis": -1})]
            for name in ("softmax", "log_softmax")
        },
        "layer_norm": [([normal(2, 3), normal(3), normal(3)], {"eps": 1e-5})],
        "layer_norm_grad": [([normal(2, 3), normal(2, 3), normal(3)], {"eps": 1e-5})],
        "rms_norm": [([normal(2, 3), normal(3)], {"eps": 1e-6})],
        "rms_norm_grad": [([normal(2, 3), normal(2, 3), normal(3)], {"eps": 1e-6})],
        "attention": [([q, k, v], hidden), ([q, k, v, normal(1, 1, 3, 3)], {"causal": False, "scale": 0.5})],
        "attention_grad": [([normal(1, 2, 3, 2), q, k, v, out, lse], hidden)],
        "cross_entropy": [([normal(3, 4), np.array([1, -100, 3])], {"ignore_index": -100})],
        "cross_entropy_grad": [([normal(3, 4), np.array([1, -100, 3]), normal(3)], {"ignore_index": -100})],
        "conv2d": [([image, filters], conv)],
        "conv2d_dx": [([g, filters], {"size": (4, 4), **conv})],
        "conv2d_dw": [([image, g], {"kernel": (2, 2), **conv})],
        "max_pool2d": [([image], pool)],
        "max_unpool2d": [([normal(1, 2, 2, 2), places], {"size": (4, 4)})],
        "gather_pooled2d": [([image, places], {})],
        "avg_pool2d": [([image], pool)],
        "avg_unpool2d": [([normal(1, 2, 2, 2)], {"size": (4, 4), **pool})],
    }


def _shape_of(name: str, arrays: list[np.ndarray], attrs: dict[str, Any]) -> tuple[int, ...]:
    shape: tuple[int, ...] = PRIMS[name].infer(*map(fw.Tensor, arrays), **attrs).shape
    return shape


def _linear_algebra() -> dict[str, list[Sample]]:
    return {
        "cholesky": [([spd(3)], {})],
        "solve": [([spd(3), normal(3, 2)], {})],
        "inv": [([spd(3)], {})],
        "slogdet": [([spd(3)], {})],
        "eigh": [([spd(3)], {})],
        "qr": [([normal(4, 3)], {})],
        "svd": [([normal(4, 3)], {})],
        "fft": [([normal(2, 4) + 1j * normal(2, 4)], {"axis": -1, "inverse": False})],
        "einsum": [([normal(2, 3), normal(3, 2, 2)], {"spec": "ij,jkl->il"})],
        "random": [([np.array([3, 1], np.uint64)], {"shape": (2,), "kind": "normal", "dtype": fw.float64})],
    }


def _graph(fn: Any, *args: Any) -> Any:
    return closed(trace(fn, *map(fw.Tensor, args)))[0]


def _control() -> dict[str, list[Sample]]:
    x, y = normal(3), normal(3)
    scanned = _graph(lambda c, row, w: (ops.sin(c * w) + row, c * row), x, y, y)
    return {
        "call": [([x, y], {"graph": _graph(lambda x, y: (ops.sin(x) * y, x + 1), x, y)})],
        "cond": [
            (
                [np.array(True), x, y],
                {"then": _graph(lambda x, y: x * y, x, y), "other": _graph(lambda x, y: x - y, x, y)},
            )
        ],
        "scan": [
            ([x, normal(4, 3), y], {"body": scanned, "carries": 1, "xs": 1, "length": 4, "reverse": True})
        ],
        "while": [
            (
                [positive(3, low=0.2, high=0.3), np.array(1.1)],
                {
                    "test": _graph(lambda x: x.sum() < 4.0, x),
                    "body": _graph(lambda x, w: x * x * w + 0.5, x, np.array(1.1)),
                    "carries": 1,
                    "tested": 0,
                },
            )
        ],
        "custom_gradient": [
            ([x * 2, x], {"outputs": 1, "arguments": 1, "backward": lambda kept, gs: (gs[0] * 2,)}),
        ],
    }


def all_samples() -> dict[str, list[Sample]]:
    """Samples of each primitive by its name."""
    return _elementwise() | _shape() | _networks() | _linear_algebra() | _control()
