"""The comparer: the rule as written, on every element, and quick where all is right."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tasks.compare import Array, Expectation
from tasks.model import Tolerance

ELEMENTWISE = Tolerance(rtol=1e-5, atol=1e-6)
NUMBERS = st.floats(-1e30, 1e30, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-30)


def expect(*oracle: float, tolerance: Tolerance = ELEMENTWISE, dtype: str = "float32") -> Expectation:
    return Expectation(np.array(oracle, float), tolerance, dtype)


def floats(*values: float) -> Array:
    return np.array(values, np.float32)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(
    hnp.arrays(np.float64, st.integers(1, 40), elements=NUMBERS),
    st.sampled_from(["float32", "float64"]),
    st.tuples(st.sampled_from([0, 1e-10, 1e-5, 1e-4, 1e-2]), st.sampled_from([0, 1e-12, 1e-6, 1e-3])),
    st.floats(0, 2),
    st.data(),
)
def test_the_rule_decides_as_it_is_written(
    oracle: Array, dtype: str, tolerance: tuple[float, float], part: float, data: st.DataObject
) -> None:
    rtol, atol = tolerance
    rms = np.abs(oracle).max() * np.sqrt(np.mean((oracle / (np.abs(oracle).max() or 1)) ** 2))
    allowed = atol * rms + rtol * np.abs(oracle)
    output = oracle.astype(dtype)
    at = data.draw(st.integers(0, len(oracle) - 1))
    output[at] = oracle[at] + part * allowed[at]
    error = abs(float(output[at]) - oracle[at])
    expected = error <= allowed[at] or output[at] == oracle.astype(dtype)[at]
    if abs(error - allowed[at]) > 1e-9 * allowed[at]:  # on the edge, the last bit of rms decides
        assert Expectation(oracle, Tolerance(rtol, atol), dtype).accepts(output) == expected


def test_every_element_counts_wherever_it_is() -> None:
    oracle = np.random.default_rng(0).standard_normal(50_000)
    expectation = Expectation(oracle, ELEMENTWISE, "float32")
    for at in (0, 1, 16_383, 16_384, 49_999):
        output = oracle.astype(np.float32)
        assert expectation.accepts(output)
        output[at] += 1e-3
        assert not expectation.accepts(output)
        assert expectation.explain(output)["index"] == [at]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_output_that_is_not_finite_fails(value: float) -> None:
    assert not expect(1, 2, 3).accepts(floats(1, value, 3))


def test_zeros_fail_however_small_the_oracle_is() -> None:
    loose = Tolerance(rtol=0.5, atol=0.25)
    for scale in (1e-30, 1e-12, 1.0, 1e30):
        assert not expect(scale, -scale, scale / 2, tolerance=loose).accepts(floats(0, 0, 0))


def test_only_zeros_pass_where_the_oracle_is_zero_everywhere() -> None:
    assert expect(0, 0).accepts(floats(0, -0.0))
    assert not expect(0, 0).accepts(floats(0, 1e-45))


def test_an_empty_output_is_right_if_its_shape_is() -> None:
    expectation = Expectation(np.empty((0, 4)), ELEMENTWISE, "float32")
    assert expectation.accepts(np.empty((0, 4), np.float32))
    assert not expectation.accepts(np.empty((4, 0), np.float32))
    assert expectation.worst(np.empty((0, 4), np.float32)) == 0.0


@pytest.mark.parametrize("special", [np.inf, -np.inf, np.nan])
def test_where_the_oracle_is_not_finite_only_the_same_value_passes(special: float) -> None:
    expectation = expect(1, special, 2)
    assert expectation.accepts(floats(1, special, 2))
    assert expectation.worst(floats(1, special, 2)) == 0.0
    for other in {1.0, np.inf, -np.inf, 3e38} - {special}:
        assert not expectation.accepts(floats(1, other, 2))
    assert not expectation.accepts(floats(1, special, 2.1))


def test_an_oracle_beyond_the_dtype_must_be_met_by_infinity() -> None:
    assert expect(1e39, 1).accepts(floats(np.inf, 1))
    assert not expect(1e39, 1).accepts(floats(3.4e38, 1))
    assert not expect(3.402e38, 1).accepts(floats(np.inf, 1))


def test_the_rounded_oracle_passes_even_where_the_tolerance_is_finer_than_the_dtype() -> None:
    assert expect(1 / 3, 1e-45, tolerance=Tolerance(0, 0)).accepts(floats(1 / 3, 1e-45))
    assert not expect(1 / 3, tolerance=Tolerance(0, 0)).accepts(np.nextafter(floats(1 / 3), floats(1)))


def test_a_huge_wrong_element_does_not_widen_what_is_allowed_elsewhere() -> None:
    assert expect(1, 1).explain(floats(1e30, 1.1))["wrong"] == 2


@pytest.mark.parametrize("atol", [number * 1e-4 for number in range(1, 40)])
def test_no_rounding_widens_what_is_allowed_beside_zero(atol: float) -> None:
    expected = expect(3.0, 0.0, tolerance=Tolerance(rtol=1e-5, atol=atol))
    allowed = atol * expected.scale
    nearest = np.float32(allowed)
    assert expected.accepts(floats(3.0, nearest)) == (float(nearest) <= allowed)


def test_a_wrong_shape_or_dtype_is_explained() -> None:
    assert not expect(1, 2).accepts(np.array([1.0, 2.0]))
    assert expect(1, 2).explain(np.array([1.0, 2.0])) == {"expected": "float32 (2,)", "got": "float64 (2,)"}


def test_figures_of_the_worst_element_can_be_sent_as_json() -> None:
    figures = expect(1, 2, 4).explain(floats(1, np.nan, 5))
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert figures["wrong"] == 2
    assert figures["of"] == 3
    assert figures["index"] == [1]
    assert (figures["expected"], figures["got"], figures["worst"]) == (2.0, "nan", "inf")


def test_the_worst_error_is_in_units_of_what_is_allowed() -> None:
    expectation = expect(1, 1, tolerance=Tolerance(rtol=0.01, atol=0.01))
    assert expectation.worst(floats(1, 1.01)) == pytest.approx(0.5, rel=1e-4)
    assert expectation.explain(floats(1, 1.04))["worst"] == pytest.approx(2.0, rel=1e-4)


def test_an_oracle_in_single_precision_is_refused() -> None:
    with pytest.raises(TypeError, match="dtype float32; the reference must answer in float64"):
        Expectation(floats(1), ELEMENTWISE, "float32")


def test_an_oracle_in_another_memory_order_is_compared_by_index() -> None:
    oracle = np.arange(12.0).reshape(3, 4).T
    assert Expectation(oracle, ELEMENTWISE, "float32").accepts(oracle.astype(np.float32))


def test_accepting_a_right_output_costs_about_as_much_as_reading_it() -> None:
    oracle = np.random.default_rng(0).standard_normal(1 << 18)
    output = oracle.astype(np.float32)
    expectation = Expectation(oracle, ELEMENTWISE, "float32")
    seconds = []
    for _ in range(20):
        begin = time.perf_counter()
        assert expectation.accepts(output)
        seconds.append(time.perf_counter() - begin)
    assert min(seconds) < 10e-9 * oracle.size  # measured 0.4 ns an element; float64 temporaries cost 10
