"""Random programs of tensors: what `test_random_programs.py` compares in eager, compiled and batched form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from framework import ops

Step = tuple[str, Callable[..., Any], int]  # name, operator, number of operands

UNARY: list[Step] = [
    (name, function, 1)
    for name, function in {
        "tanh": ops.tanh,
        "exp": lambda x: ops.exp(ops.minimum(x, 3.0)),
        "square": lambda x: ops.square(ops.tanh(x)),
        "sigmoid": ops.sigmoid,
        "gelu": ops.gelu,
        "abs": ops.abs,
        "neg": lambda x: -x,
        "relu": ops.relu,
        "log": lambda x: ops.log(ops.abs(x) + 1),
        "sqrt": lambda x: ops.sqrt(ops.abs(x) + 0.5),
        "floor": lambda x: ops.floor(ops.tanh(x) * 0.4),
        "half": lambda x: x * 0.5,
        "softmax": ops.softmax,
        "log_softmax": lambda x: ops.log_softmax(x, axis=0),
        "layer_norm": lambda x: ops.layer_norm(x, eps=0.1),  # 1e-5 makes 316 ulp of one, on equal numbers
        "sum0": lambda x: ops.sum(x, axis=0, keepdims=True) * 0.3,
        "mean1": lambda x: ops.mean(x, axis=-1, keepdims=True),
        "max1": lambda x: ops.max(x, axis=-1, keepdims=True),
        "min0": lambda x: ops.min(x, axis=0, keepdims=True),
        "total": lambda x: ops.reshape(ops.mean(x), (1, 1)),
        "transpose": ops.matrix_transpose,
        "reversed": lambda x: x[:, ::-1],
        "rolled": lambda x: ops.concat([x[1:], x[:1]], axis=0),
        "folded": lambda x: ops.reshape(
            ops.matrix_transpose(ops.reshape(x, (x.shape[1], x.shape[0]))), x.shape
        ),
        "inner": lambda x: x[1:-1] if x.shape[0] > 3 else x,
        "positive": lambda x: ops.cast(x > 0, np.float32),
        "masked": lambda x: ops.where(x > 0.1, x, -0.5),
    }.items()
]
BINARY: list[Step] = [
    (name, function, 2)
    for name, function in {
        "add": lambda x, y: x + y,
        "sub": lambda x, y: x - y,
        "mul": lambda x, y: ops.tanh(x) * y,
        "div": lambda x, y: x / (ops.abs(y) + 1),
        "maximum": ops.maximum,
        "minimum": ops.minimum,
        "where": lambda x, y: ops.where(x > y, x, y * 0.5),
        "matmul": lambda x, y: ops.matmul(x, ops.matrix_transpose(y)) * 0.2,
        "outer": lambda x, y: ops.matmul(ops.matrix_transpose(x), y) * 0.2,
        "joined": lambda x, y: ops.concat([x, y], axis=0),
    }.items()
]


def _fits(name: str, shapes: list[tuple[int, ...]]) -> bool:
    """Can the operator take operands of these shapes, without the result growing large?"""
    if len(shapes) == 1:
        return True
    (m, k), (n, j) = shapes
    if name == "matmul":
        return k == j
    if name == "outer":
        return m == n
    if name == "joined":
        return k == j and m + n <= 16
    return (m == n or 1 in (m, n)) and (k == j or 1 in (k, j))


@st.composite
def programs(draw: Any, most: int = 30) -> tuple[Callable[..., Any], list[np.ndarray], str]:
    """A function of two matrices that returns its last two values, its arguments, and its text."""
    m, n = draw(st.sampled_from([(4, 6), (5, 5), (3, 17), (1, 8), (8, 1)]))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    arrays = [rng.standard_normal(shape).astype(np.float32) for shape in ((m, n), (m, n))]
    shapes = [(m, n), (m, n)]
    steps: list[tuple[Step, list[int]]] = []
    for _ in range(draw(st.integers(1, most))):
        step = draw(st.sampled_from(UNARY + BINARY))
        chosen = [draw(st.integers(max(0, len(shapes) - 6), len(shapes) - 1)) for _ in range(step[2])]
        if not _fits(step[0], [shapes[i] for i in chosen]):
            continue
        result = step[1](*[ops.zeros(shapes[i]) for i in chosen])
        steps.append((step, chosen))
        shapes.append(result.shape)

    def program(x: Any, y: Any) -> Any:
        values = [x, y]
        for (_, function, _), chosen in steps:
            values.append(function(*[values[i] for i in chosen]))
        return values[-2:]

    return program, arrays, "; ".join(f"{step[0]}{chosen}" for step, chosen in steps)
