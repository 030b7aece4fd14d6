"""What a result is made of is the same whether it is computed or only inferred, as jit and vmap do."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from framework import ops
from framework.core import dtypes, tree
from framework.core.graph import trace
from framework.core.tensor import Tensor, as_tensor
from framework.errors import FrameworkError

# These need values, or take no tensors.
LEFT_OUT = (
    "from_dlpack getitem nonzero repeat unique_all unique_counts unique_inverse unique_values CustomRegOp"
)


def _number_of_operands(operator: Any) -> int:
    needed = [p for p in inspect.signature(operator).parameters.values() if p.default is p.empty]
    return len(needed) if all(p.kind is p.POSITIONAL_OR_KEYWORD for p in needed) else 0


OPERATORS = [name for name in ops.__all__ if name not in LEFT_OUT.split()]


def _kinds(operator: Any, args: Any, run: Any) -> Any:
    """Shapes and dtypes of an operator's results; "refused" where it has none."""
    try:
        return [(x.shape, x.dtype) for x in map(as_tensor, run(operator, *args))]
    except FrameworkError:
        return "refused"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", dtypes.BY_NAME)
def test_results_have_the_shape_and_dtype_that_traces_infer(dtype: str) -> None:
    x, y = Tensor(np.array([1, 0, 1, 1]), dtype), Tensor(np.array([1, 1, 0, 1]), dtype)
    for name in OPERATORS:
        operator = getattr(ops, name)
        if (count := _number_of_operands(operator)) in (1, 2):
            computed = _kinds(operator, (x, y)[:count], lambda f, *args: tree.flatten(f(*args))[0])
            inferred = _kinds(operator, (x, y)[:count], lambda f, *args: trace(f, *args).outputs)
            assert computed == inferred, (name, dtype)
