"""Trying an operator on one of its cases: what it is given and where that lies, what it should give, the
rule.

Arrays lie between canaries and one element beyond a multiple of 64 bytes; outputs are filled with NaN
before. The truth is the oracle on float64 copies of inputs that have been rounded to their dtype. The
yardstick is the oracle in the dtype itself: an output may be twice as far from the truth (gradients three
times) plus two units in the last place of the largest value, and so may its mean. Whole numbers must be
those of the oracle in float64 or in float32, in which kernels compute.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from kernels.call import call
from kernels.dtypes import BY_NAME, FLOATS, NAME
from kernels.registry import Operator, operators
from kernels.samples import Case, cases

CANARY, EDGE = 0xFF, 256  # every byte; in floats it is a NaN, in indices out of range. Bytes on either side
UNWRITTEN = 0x5A  # what outputs of whole numbers hold before
FLOATING = {*FLOATS, "f64"}


@dataclass(frozen=True, eq=False)
class Trial:
    """A case with its type variables bound.

    Attributes:
        coarse: float32 inputs are rounded to tf32 (ten bits behind the leading one), for versions that do so.
    """

    operator: Operator
    case: Case
    kinds: tuple[tuple[str, str], ...]
    coarse: bool = False

    def __str__(self) -> str:
        return f"{self.case} {self.dtypes}"

    @property
    def dtypes(self) -> str:
        return "_".join(kind for _, kind in self.kinds)

    @property
    def attributes(self) -> tuple[Any, ...]:
        return self.case.attributes_of(self.operator)

    def inputs(self) -> tuple[Any, ...]:
        """New ones each time: an operator may update them."""
        found = self.case.draw(self.operator, dict(self.kinds))
        return tuple(_in_tf32(each) for each in found) if self.coarse else found

    def call(self, inputs: Sequence[Any], outs: Any = None, version: str | None = None) -> tuple[Any, ...]:
        """Outputs and, behind them, the inputs that were updated."""
        types = self.case.unseen(self.operator.schema, dict(self.kinds))
        found = call(self.operator, tuple(inputs), self.attributes, outs, version, types, self.case.want)
        return (*as_tuple(found), *self.updated(inputs))

    def updated(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        schema = self.operator.schema
        return tuple(each for array, each in zip(schema.inputs, inputs, strict=True) if array.update)

    def oracle(self, floats: str | None) -> tuple[Any, ...]:
        """What it makes of the inputs with floats cast to this dtype; None leaves them."""
        inputs = [
            each.astype(BY_NAME[floats]) if each is not None and floats and is_float(each) else each
            for each in self.inputs()
        ]
        schema = self.operator.schema
        plain = [each.plain("", v) for each, v in zip(schema.attributes, self.attributes, strict=True)]
        with np.errstate(all="ignore"):
            found = as_tuple(self.operator.oracle(*inputs, *plain))
        wanted = self.case.want or (True,) * len(found)
        outputs = (each if want else None for each, want in zip(found, wanted, strict=True))
        return (*outputs, *self.updated(inputs))


def _in_tf32(array: Any) -> Any:
    if array is None or array.dtype != np.float32:
        return array
    return ((array.view(np.uint32) + 0x1000) & 0xFFFFE000).view(np.float32)


def as_tuple(found: Any) -> tuple[Any, ...]:
    return found if isinstance(found, tuple) else () if found is None else (found,)


def is_float(array: Any) -> bool:
    return NAME[array.dtype] in FLOATING


def trials(operator: Operator, largest: int | None = None) -> Iterator[Trial]:
    """Every case in every dtype it is for; only those whose arrays have `largest` elements at most."""
    for case in cases(operator):
        for kinds in case.combinations(operator.schema):
            trial = Trial(operator, case, tuple(kinds.items()))
            if largest is None or all(each is None or each.size <= largest for each in trial.inputs()):
                yield trial


def a_few(name: str, count: int = 3, largest: int = 3000) -> list[Trial]:
    """Trials of small arrays that are not empty, evenly from the list of all."""
    found = [
        each
        for each in trials(operators()[name], largest)
        if all(array is None or array.size > 0 for array in each.inputs())
    ]
    step = max(1, len(found) // count)
    return found[::step][:count]


def versions(operator: Operator) -> list[str]:
    return [each.name for each in operator.versions if each.device == "cpu"]


_truths: dict[tuple[Any, ...], tuple[Any, ...]] = {}


def truth(trial: Trial, floats: str | None) -> tuple[Any, ...]:
    """What the oracle says, worked out once."""
    key = id(trial.case), trial.kinds, floats, trial.coarse
    if key not in _truths:
        if len(_truths) > 400:
            _truths.clear()
        _truths[key] = trial.oracle(floats)
    return _truths[key]


# ---- memory


class Placed:
    """An array between canaries, one element beyond a multiple of 64 bytes, or where `offset` says."""

    def __init__(self, shape: tuple[int, ...], dtype: Any, offset: int | None = None) -> None:
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        self.memory = np.full(size + 2 * EDGE + 64, CANARY, np.uint8)
        edge = EDGE + -self.memory.ctypes.data % 64 + (dtype.itemsize if offset is None else offset)
        self.begin, self.end = edge, edge + size
        self.array = self.memory[self.begin : self.end].view(dtype).reshape(shape)

    def intact(self) -> bool:
        around = (self.memory[: self.begin], self.memory[self.end :])
        return all(bool((each == CANARY).all()) for each in around)


def placed(array: Any, offset: int | None = None) -> Placed:
    found = Placed(array.shape, array.dtype, offset)
    found.array[...] = array
    return found


def unwritten(shape: tuple[int, ...], dtype: Any, offset: int | None = None) -> Placed:
    """An output whose every element is NaN, or a strange number."""
    found = Placed(shape, dtype, offset)
    if NAME[dtype] not in FLOATING:
        found.memory[found.begin : found.end] = UNWRITTEN
    return found


def outputs(trial: Trial) -> list[Placed | None]:
    """Where the outputs of a trial go."""
    schema = trial.operator.schema
    kinds = dict(trial.kinds)
    true = truth(trial, "f64")[: len(schema.outputs)]
    return [
        None if each is None else unwritten(each.shape, BY_NAME[kinds.get(array.dtype, array.dtype)])
        for array, each in zip(schema.outputs, true, strict=True)
    ]


def run(trial: Trial, version: str | None) -> tuple[Any, ...]:
    """Call with arrays between canaries; see that nothing was written beside the outputs, nor to inputs."""
    inputs = [None if each is None else placed(each) for each in trial.inputs()]
    outs = outputs(trial)
    schema = trial.operator.schema
    before = [None if each is None else each.memory.copy() for each in inputs]
    given = tuple(None if each is None else each.array for each in outs) if outs else None
    found = trial.call([None if each is None else each.array for each in inputs], given, version)
    for each in [*inputs, *outs]:
        assert each is None or each.intact(), "bytes outside the arrays were written to"
    for array, each, was in zip(schema.inputs, inputs, before, strict=True):
        if each is not None and not array.update:
            assert bytes(each.memory) == bytes(was), f"the input {array.name} was written to"
    return found


# ---- the rule


def judge(trial: Trial, found: Sequence[Any]) -> None:
    """Hold what came out against the truth.

    Raises:
        AssertionError: it is not good enough.
    """
    schema, true = trial.operator.schema, truth(trial, "f64")
    named = [*schema.outputs, *(each for each in schema.inputs if each.update)]
    kinds = dict(trial.kinds)
    for array, got, want in zip(named, found, true, strict=True):
        if got is None or want is None:
            assert got is want, f"{array.name}: one is there, the other is not"
            continue
        wanted = BY_NAME[kinds.get(array.dtype, array.dtype)]
        assert (got.shape, got.dtype) == (np.shape(want), wanted), f"{array.name}: shape or dtype differ"
    if trial.case.agree is not None:
        trial.case.agree(trial.inputs(), found, true)
        return
    factor = 3 if "grad" in trial.operator.name else 2
    for i, (array, got, want) in enumerate(zip(named, found, true, strict=True)):
        if got is None or got.size == 0:
            continue
        if is_float(got):
            _close(array.name, got, np.asarray(want), truth(trial, None)[i], factor)
        elif not np.array_equal(got, want):
            other = truth(trial, "f32")[i]
            wrong = (got != want) & (got != other)
            assert not wrong.any(), (
                f"{array.name}: {wrong.sum()} of {wrong.size} differ, first {_first(wrong, got, want)}"
            )


def _close(name: str, got: Any, want: Any, naive: Any, factor: int) -> None:
    with np.errstate(all="ignore"):
        rounded = want.astype(got.dtype).astype(np.float64)
        values, plain = got.astype(np.float64), np.asarray(naive).astype(np.float64)
    odd = np.isnan(rounded) | np.isinf(rounded)
    same = np.where(np.isnan(rounded), np.isnan(values), values == rounded) | ~odd
    assert same.all(), f"{name}: NaN or infinity differ, first {_first(~same, got, want)}"
    assert np.isfinite(values[~odd]).all(), (
        f"{name}: not finite where it should be, first {_first(~odd & ~np.isfinite(values), got, want)}"
    )
    if odd.all():
        return
    use = ~odd & np.isfinite(plain)
    error, yardstick = np.abs(values[~odd] - want[~odd]), np.abs(plain[use] - want[use])
    unit, size = float(ml_dtypes.finfo(got.dtype).eps), np.abs(want)[~odd]
    for which, of in (("largest", np.max), ("mean", np.mean)):
        allowed = factor * (of(yardstick) if use.any() else 0.0) + 2 * unit * of(size)
        assert of(error) <= allowed, (
            f"{name}: the {which} error is {of(error):.3g}, allowed {allowed:.3g} "
            f"(naive {of(yardstick) if use.any() else 0:.3g}); worst {_worst(error, got[~odd], want[~odd])}"
        )


def _first(wrong: Any, got: Any, want: Any) -> str:
    place = tuple(int(each[0]) for each in np.nonzero(wrong))
    return f"at {place}: {got[place]} for {np.asarray(want)[place]}"


def _worst(error: Any, got: Any, want: Any) -> str:
    place = int(np.argmax(error))
    return f"{got[place]} for {want[place]}"


def failures(trial: Trial, version: str | None) -> list[str]:
    """What is wrong with a version on a trial, in words.

    Raises:
        NoVersion: it does not serve such a trial.
    """
    try:
        judge(trial, run(trial, version))
    except AssertionError as wrong:
        return [f"{trial} {version or 'best'}: {wrong}"]
    return []


def largest(name: str) -> Trial:
    """The trial with the most elements."""
    return max(a_few(name, 100, 10**6), key=lambda one: sum(x.size for x in one.inputs() if x is not None))


def read_only(array: Any) -> Any:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def copies(arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(None if each is None else each.copy() for each in arrays)


def assert_same(found: tuple[Any, ...], wanted: tuple[Any, ...], what: str) -> None:
    for one, other in zip(found, wanted, strict=True):
        if one is not None or other is not None:
            assert one.tobytes() == other.tobytes(), what
