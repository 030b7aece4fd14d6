"""Arguments to try operators with: what the tests check on and what the benchmarks time on.

A `Case` names an operator, what its arrays are drawn from, and its attributes. The folder of an operator
keeps its own in `cases.py`: `CASES` for correctness (small, odd shapes, hard values), `BENCH` for speed.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kernels.dtypes import BY_NAME
from kernels.registry import Operator
from kernels.schema import Schema

Rng = np.random.Generator
Sample = Callable[[Rng], np.ndarray]  # in float64 or a whole-number dtype; cast to what the schema says
Agree = Callable[[Sequence[Any], Sequence[Any], Sequence[Any]], None]


def normal(*shape: int, scale: float = 1.0, offset: float = 0.0) -> Sample:
    """Normally distributed values."""
    return lambda rng: rng.standard_normal(shape) * scale + offset


def uniform(low: float, high: float, *shape: int) -> Sample:
    """Evenly distributed values."""
    return lambda rng: rng.uniform(low, high, shape)


def integers(low: int, high: int, *shape: int) -> Sample:
    """Whole numbers from low up to, not including, high."""
    return lambda rng: rng.integers(low, high, shape)


def exactly(values: Any) -> Sample:
    """These values."""
    return lambda rng: np.asarray(values)


@dataclass(frozen=True)
class Case:
    """One call to try.

    Attributes:
        op: the operator's name.
        label: what is special about it.
        arrays: per input of the schema, what it is drawn from; optional ones may be missing.
        attributes: by name.
        want: which outputs; None for all.
        types: type variables that no input shows.
        dtypes: the combinations it is tried with (`f32`, `bf16`); None for all of the schema.
        agree: judges instead of the usual rule (twice a naive run's error; whole numbers exact), by an
            AssertionError: given the inputs, what came out, and what the oracle makes of float64 inputs. The
            latter two are the outputs and, behind them, the inputs marked `update` after the call.
    """

    op: str
    label: str
    arrays: Mapping[str, Sample]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    want: tuple[bool, ...] | None = None
    types: Mapping[str, str] = field(default_factory=dict)
    dtypes: tuple[str, ...] | None = None
    agree: Agree | None = None

    def __str__(self) -> str:
        return f"{self.op}-{self.label}"

    def draw(self, operator: Operator, kinds: Mapping[str, str], seed: int = 0) -> tuple[Any, ...]:
        """The inputs in the schema's order, of the dtypes that the type variables are bound to."""
        rng = np.random.default_rng(seed)
        return tuple(
            self.arrays[array.name](rng).astype(BY_NAME[kinds.get(array.dtype, array.dtype)])
            if array.name in self.arrays
            else None
            for array in operator.schema.inputs
        )

    def combinations(self, schema: Schema) -> Iterator[dict[str, str]]:
        """Each way to bind the type variables that this case is tried with."""
        names = list(schema.dtypes)
        for kinds in itertools.product(*(schema.dtypes[name] for name in names)):
            bound = dict(zip(names, kinds, strict=True))
            wanted = self.dtypes is None or "_".join(kinds) in self.dtypes
            if wanted and all(bound.get(name) == kind for name, kind in self.types.items()):
                yield bound

    def unseen(self, schema: Schema, kinds: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """The type variables that no input given shows, as `call` is told of them."""
        seen = {array.dtype for array in schema.inputs if array.name in self.arrays}
        return tuple((name, kind) for name, kind in kinds.items() if name not in seen)

    def attributes_of(self, operator: Operator) -> tuple[Any, ...]:
        """The attributes in the schema's order."""
        return tuple(self.attributes[each.name] for each in operator.schema.attributes)


def cases(operator: Operator) -> list[Case]:
    """What the operator's folder tries it with for correctness."""
    return _of(operator, "CASES")


def bench_cases(operator: Operator) -> list[Case]:
    """What the operator's folder times it with; in float32 alone, unless a case names its dtypes."""
    return _of(operator, "BENCH")


def _of(operator: Operator, which: str) -> list[Case]:
    module = importlib.import_module(f"{operator.module}.cases")
    return [case for case in getattr(module, which) if case.op == operator.name]
