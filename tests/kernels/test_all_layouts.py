"""Every operator, however its arrays lie in memory: bit for bit what contiguous ones give.

What arrays lie in is in `trying.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kernels.errors import BadArgument
from kernels.registry import operators
from kernels.toolchain import cc
from tests.kernels.trying import (
    Placed,
    Trial,
    a_few,
    assert_same,
    copies,
    largest,
    outputs,
    placed,
    read_only,
    unwritten,
)

NAMES = sorted(operators())
pytestmark = pytest.mark.skipif(not cc.available(), reason="needs gcc and g++")


def spread(array: Any) -> Any:
    """Every other element of an array twice as long."""
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


def backwards(array: Any) -> Any:
    turned = tuple(slice(None, None, -1) for _ in array.shape)
    return array[turned].copy()[turned]


def by_columns(array: Any) -> Any:
    return np.asfortranarray(array)


def misaligned(array: Any) -> Any:
    """Elements begin at odd addresses."""
    return placed(array, offset=1).array


LAYOUTS = [spread, backwards, by_columns, misaligned, read_only]


def laid(trial: Trial, inputs: tuple[Any, ...], how: Callable[[Any], Any]) -> list[Any]:
    """The inputs that are only read in another layout."""
    return [
        how(each) if each is not None and each.ndim and not array.update else each
        for array, each in zip(trial.operator.schema.inputs, inputs, strict=True)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_layout_of_inputs_changes_nothing(name: str) -> None:
    for trial in a_few(name):
        wanted = trial.call(trial.inputs())
        for how in LAYOUTS:
            inputs = laid(trial, trial.inputs(), how)
            kept = [None if each is None else each.copy() for each in inputs]
            assert_same(trial.call(inputs), wanted, f"{trial} {how.__name__}")
            for array, each, was in zip(trial.operator.schema.inputs, inputs, kept, strict=True):
                assert array.update or each is None or each.tobytes() == was.tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_where_arrays_lie_changes_nothing(name: str) -> None:
    """A kernel may go about an array by its alignment, but not come to other bits by it."""
    for trial in [*a_few(name), largest(name)]:
        wanted: tuple[Any, ...] = ()
        for elements in (0, 1, 3, 8):
            inputs = [
                None if each is None else placed(each, elements * each.itemsize).array
                for each in trial.inputs()
            ]
            outs = tuple(
                None
                if each is None
                else unwritten(each.array.shape, each.array.dtype, elements * each.array.itemsize).array
                for each in outputs(trial)
            )
            found = copies(trial.call(inputs, outs or None))
            wanted = wanted or found
            assert_same(found, wanted, f"{trial}: {elements} elements beyond a multiple of 64 bytes")


@pytest.mark.parametrize("name", NAMES)
def test_one_row_for_all_may_be_a_view_of_stride_zero(name: str) -> None:
    def repeated(array: Any) -> Any:
        return np.broadcast_to(array[:1], array.shape)

    for trial in a_few(name, count=2):
        views = laid(trial, trial.inputs(), repeated)
        copies = laid(trial, trial.inputs(), lambda array: repeated(array).copy())
        assert_same(trial.call(views), trial.call(copies), str(trial))


@pytest.mark.parametrize("name", NAMES)
def test_outputs_may_have_any_layout(name: str) -> None:
    for trial in a_few(name):
        wanted = trial.call(trial.inputs())
        for how in (spread, backwards, by_columns, misaligned):
            outs = tuple(
                None if each is None else how(each.array) if each.array.ndim else each.array
                for each in outputs(trial)
            )
            if outs:
                assert_same(trial.call(trial.inputs(), outs), wanted, f"{trial} {how.__name__}")


@pytest.mark.parametrize("name", NAMES)
def test_an_output_may_overlap_an_input(name: str) -> None:
    for trial in a_few(name, count=2):
        wanted = trial.call(trial.inputs())
        for i, j, shift in overlaps(trial):
            inputs, outs = list(trial.inputs()), [each and each.array for each in outputs(trial)]
            whole = Placed((inputs[i].nbytes + outs[j].nbytes + 64,), np.dtype(np.uint8), 0).array
            step = shift * max(inputs[i].itemsize, outs[j].itemsize)
            source = whole[: inputs[i].nbytes].view(inputs[i].dtype).reshape(inputs[i].shape)
            source[...] = inputs[i]
            inputs[i] = source
            outs[j] = whole[step : step + outs[j].nbytes].view(outs[j].dtype).reshape(outs[j].shape)
            found = trial.call(inputs, tuple(outs))
            assert_same(found, wanted, f"{trial}: output {j} on input {i}, {step} bytes further")


def overlaps(trial: Trial) -> list[tuple[int, int, int]]:
    """Input, output and by how many elements it is shifted."""
    schema, inputs, outs = trial.operator.schema, trial.inputs(), outputs(trial)
    return [
        (i, j, shift)
        for i, (array, each) in enumerate(zip(schema.inputs, inputs, strict=True))
        for j, out in enumerate(outs)
        if each is not None and out is not None and not array.update
        for shift in (0, 1)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_nothing(name: str) -> None:
    """Without rows, where an operator takes any number of them."""
    operator = operators()[name]
    stars = [
        each.axes[0] if each.axes and each.axes[0].endswith("*") else "" for each in operator.schema.inputs
    ]
    for trial in a_few(name, count=1):
        inputs = trial.inputs()
        lead = [
            star for star, each in zip(stars, inputs, strict=True) if star and each is not None and each.ndim
        ]
        if not lead:
            continue
        empty = tuple(
            each if each is None or star != lead[0] else each[:0].copy()
            for star, each in zip(stars, inputs, strict=True)
        )
        try:
            found = trial.call(empty)
        except BadArgument:  # a size that another input still names
            continue
        for array, each in zip(operator.schema.outputs, found, strict=False):
            assert each is None or array.axes[:1] != (lead[0],) or each.size == 0
