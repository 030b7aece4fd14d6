"""Every operator, version, dtype and case: right, tidy with memory, the same again; faults in words.

The rule of accuracy and what arrays lie in are in `trying.py`. What is special to an operator is in `ops/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from kernels import compiled, threads
from kernels.errors import BadArgument, BadDtype, NoVersion
from kernels.registry import ORACLE, Cpu, Operator, operators
from kernels.samples import bench_cases, cases
from kernels.toolchain import cc, isa
from tests.kernels.trying import (
    FLOATING,
    Trial,
    a_few,
    assert_same,
    copies,
    failures,
    is_float,
    judge,
    largest,
    outputs,
    read_only,
    run,
    trials,
    versions,
)

NAMES = sorted(operators())
pytestmark = pytest.mark.skipif(not cc.available(), reason="needs gcc and g++")


@pytest.fixture(params=[each for each in isa.LEVELS if each != isa.available()[-1]])
def lower_level(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if request.param not in isa.available():
        pytest.skip(f"this processor does not run {request.param}")
    monkeypatch.setenv(isa.VARIABLE, request.param)
    forget()
    yield request.param
    forget()


@pytest.fixture
def thread_count() -> Iterator[Callable[[int], None]]:
    before = threads.get_num_threads()
    yield threads.set_num_threads
    threads.set_num_threads(before)


def forget() -> None:
    """The plans of calls: they hold functions of the level they were made at."""
    for operator in operators().values():
        operator.plans.clear()


def differing(operator: Operator, level: str) -> list[str]:
    """The versions that are compiled in another way for this level than for the best."""
    best = isa.available()[-1]
    return [
        each.name
        for each in operator.versions
        if isinstance(each, Cpu)
        and isa.best_of(each.levels, level) not in (None, isa.best_of(each.levels, best))
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_version_is_right(name: str) -> None:
    operator = operators()[name]
    wrong: list[str] = []
    served = set()
    for trial in trials(operator):
        for version in (ORACLE, *versions(operator)):
            try:
                wrong += failures(trial, version)
                served.add(version)
            except NoVersion:
                continue
    assert not wrong, report(wrong)
    best = isa.available()[-1]
    expected = {ORACLE, *(each.name for each in operator.versions if runs(each, best))}
    assert served == expected, "every version needs a case that it serves"


def runs(version: Any, level: str) -> bool:
    return isinstance(version, Cpu) and compiled.serves(version, level)


def report(wrong: list[str]) -> str:
    return "\n".join([f"{len(wrong)} wrong", *wrong[:12]])


@pytest.mark.slow  # compiles everything twice more
@pytest.mark.parametrize("name", NAMES)
def test_every_version_is_right_at_lower_levels(name: str, lower_level: str) -> None:
    operator = operators()[name]
    wrong = []
    for version in differing(operator, lower_level):
        for trial in trials(operator):
            try:
                wrong += failures(trial, version)
            except NoVersion:
                continue
    assert not wrong, report(wrong)


@pytest.mark.parametrize("name", NAMES)
def test_every_version_has_a_function_for_every_dtype(name: str) -> None:
    operator = operators()[name]
    level = isa.chosen()
    library = cc.load(compiled.build(operator.module, level))
    kinds = {trial.dtypes for trial in trials(operator)}
    missing = [
        operator.symbol(version, each)
        for version in operator.versions
        if runs(version, level)
        for each in version.dtypes or kinds
        if not hasattr(library, operator.symbol(version, each))
    ]
    assert not missing


# ---- the same again


@pytest.mark.parametrize("name", NAMES)
def test_ten_runs_and_any_number_of_threads(name: str, thread_count: Callable[[int], None]) -> None:
    operator = operators()[name]
    trial = largest(name)
    for version in versions(operator):
        for count in (1, 2):
            thread_count(count)
            try:
                wanted = run(trial, version)
            except NoVersion:
                break
            judge(trial, wanted)
            for _ in range(9 if count == 2 else 4):
                assert_same(run(trial, version), wanted, f"{trial} {version}, {count} threads")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_arrays_large_enough_for_two_threads(name: str, thread_count: Callable[[int], None]) -> None:
    """Of the benchmark's size: what one thread makes of them, two make too, and the same bits again."""
    operator = operators()[name]
    for case in bench_cases(operator)[:2]:
        trial = Trial(operator, case, tuple(next(case.combinations(operator.schema)).items()))
        thread_count(1)
        one = copies(trial.call(trial.inputs()))
        thread_count(2)
        two = copies(trial.call(trial.inputs()))
        again = trial.call(trial.inputs())
        assert_same(again, two, f"{trial}: two threads differ from themselves")
        for a, b in zip(one, two, strict=True):
            if a is not None:
                assert_alike(a, b, str(trial))


def assert_alike(a: Any, b: Any, what: str) -> None:
    if not is_float(a):
        assert np.array_equal(a, b), what
        return
    one, other = a.astype(np.float64), b.astype(np.float64)
    assert np.array_equal(np.isfinite(one), np.isfinite(other)), what
    rounding = float(ml_dtypes.finfo(a.dtype).eps) * 8
    both = np.isfinite(one)
    size = np.abs(one[both]).max(initial=0)
    assert np.abs(one[both] - other[both]).max(initial=0) <= rounding * size, what


# ---- faults, told before anything is touched


@pytest.mark.parametrize("name", NAMES)
def test_an_output_that_does_not_fit_is_refused_in_words(name: str) -> None:
    operator = operators()[name]
    for trial in a_few(name, count=1):
        for j, good in enumerate(outputs(trial)):
            if good is None:
                continue
            outs = [each and each.array for each in outputs(trial)]

            def refused(kind: type[Exception], bad: Any, words: list[str]) -> None:
                with pytest.raises(kind) as told:
                    trial.call(trial.inputs(), (*outs[:j], bad, *outs[j + 1 :]))  # noqa: B023
                assert all(word in str(told.value) for word in (operator.name, *words)), told.value

            shape, dtype, array = good.array.shape, good.array.dtype, operator.schema.outputs[j].name
            refused(BadArgument, np.zeros((*shape, 1), dtype), [array, str((*shape, 1)), str(shape)])
            refused(BadDtype, np.zeros(shape, np.complex64), [array, "complex64", str(dtype)])
            refused(BadArgument, read_only(good.array), [array, "read-only"])
            refused(BadDtype, "text", [array, "'text'", "NumPy"])
            assert good.intact()


@pytest.mark.parametrize("name", NAMES)
def test_an_input_that_does_not_fit_is_refused_in_words(name: str) -> None:
    operator = operators()[name]
    for trial in a_few(name, count=1):
        for i, array in enumerate(operator.schema.inputs):
            inputs = list(trial.inputs())
            if inputs[i] is None:
                continue
            inputs[i] = inputs[i].astype(np.complex64)
            with pytest.raises(BadDtype, match=f"{operator.name}: {array.name} is complex64; allowed: "):
                trial.call(inputs)
            if not array.optional:
                inputs[i] = None
                with pytest.raises(BadDtype, match=f"{operator.name}: {array.name} is None"):
                    trial.call(inputs)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_version_is_refused_with_the_names_of_all(name: str) -> None:
    trial = next(trials(operators()[name]))
    with pytest.raises(NoVersion, match="there are: oracle, v1_naive"):
        trial.call(trial.inputs(), version="v0")


# ---- what a folder must hold


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_is_complete(name: str) -> None:
    operator = operators()[name]
    cpu = versions(operator)
    assert cpu[:1] == ["v1_naive"], "versions begin with the plainest"
    assert len({(each.device, each.name) for each in operator.versions}) == len(operator.versions)
    assert cases(operator), "no CASES"
    assert compiled.fits(operator.schema), "enter.c has no room for its operands"
    assert operator.oracle.__module__ == f"{operator.module}.oracle"
    assert {kind for trial in trials(operator) for _, kind in trial.kinds} >= {
        kind for kinds in operator.schema.dtypes.values() for kind in kinds if kind in FLOATING
    }, "a dtype has no case"
