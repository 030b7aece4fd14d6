"""The one comparer: is an output within the tolerance of the float64 oracle? NumPy.

Not in charge of what the oracle is (a task's `reference.py`) nor of when outputs are read (the judge).

Theory of operation. An element y passes when it is finite and |y - r| <= atol * rms(r) + rtol * |r|, where r
is the oracle and rms(r) its root mean square over the tensor. The scale comes from the oracle alone, so no
output can widen it, and an all-zero output fails wherever the oracle is not all zero. Every *timed* output is
compared, so the rule is turned once into the lowest and the highest number of the output's dtype that pass:
comparing is then two passes over the output without temporaries. NaN, the poison of an unwritten output,
fails both by itself. Where the oracle is not finite (or exceeds the dtype), only the same value passes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.model import Tolerance

Array = npt.NDArray[Any]


class Expectation:
    """What one output tensor may be; `accepts` is quick, `explain` says what is wrong with an output."""

    def __init__(self, oracle: Array, tolerance: Tolerance, dtype: str) -> None:
        if oracle.dtype != np.float64:
            raise TypeError(f"oracle: dtype {oracle.dtype}; the reference must answer in float64")
        self.oracle = oracle
        self.dtype = np.dtype(dtype)
        with np.errstate(over="ignore"):
            rounded = oracle.astype(self.dtype)
        # An output may always be the correctly rounded oracle, even where that is an infinity or a denormal.
        self.allowance = self._allowance(tolerance, rounded)
        self.low, self.high = self._bounds(rounded)
        nan = np.isnan(rounded)
        self._nan = nan if nan.any() else None
        self._above = np.empty(oracle.shape, bool)
        self._below = np.empty(oracle.shape, bool)

    def accepts(self, output: Array) -> bool:
        """True if every element is right; a wrong shape or dtype never is."""
        if output.shape != self.low.shape or output.dtype != self.dtype:
            return False
        return bool(self._right(output).all())

    def explain(self, output: Array) -> dict[str, Any]:
        """Figures of the worst element of a wrong output, for the page: plain numbers and strings."""
        if output.shape != self.low.shape or output.dtype != self.dtype:
            return {
                "expected": f"{self.dtype} {list(self.low.shape)}",
                "got": f"{output.dtype} {list(output.shape)}",
            }
        wrong = ~self._right(output)
        count = int(np.count_nonzero(wrong))
        if not count:
            return {"wrong": 0, "of": int(wrong.size), "worst": self.worst(output)}
        error = self._relative_error(output)
        at = np.unravel_index(int(np.argmax(np.where(wrong, error, -1.0))), wrong.shape)
        return {
            "index": [int(i) for i in at],
            "expected": _plain(self.oracle[at]),
            "got": _plain(output[at]),
            "allowed": _plain(self.allowance[at]),
            "worst": _plain(error[at]),
            "wrong": count,
            "of": int(wrong.size),
        }

    def worst(self, output: Array) -> float:
        """The largest error in units of what is allowed: 1.0 is just right. 0 for an empty output."""
        error = self._relative_error(output)
        return float(error.max()) if error.size else 0.0

    def _right(self, output: Array) -> npt.NDArray[np.bool_]:
        """Per element, in a scratch array that the next call overwrites."""
        np.greater_equal(output, self.low, out=self._above)
        np.less_equal(output, self.high, out=self._below)
        np.logical_and(self._above, self._below, out=self._above)
        if self._nan is not None:
            np.copyto(self._above, np.isnan(output), where=self._nan)
        return self._above

    def _allowance(self, tolerance: Tolerance, rounded: Array) -> Array:
        allowance = np.abs(self.oracle)
        finite = np.isfinite(rounded)
        scale = _rms(allowance if finite.all() else allowance[finite])
        allowance *= tolerance.rtol
        allowance += tolerance.atol * scale
        allowance[~finite] = 0.0
        return allowance

    def _bounds(self, rounded: Array) -> tuple[Array, Array]:
        """The lowest and the highest value of the dtype within the allowance, exactly."""
        limit = np.finfo(self.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            exact = self.oracle - self.allowance
            low = np.clip(exact, limit.min, limit.max).astype(self.dtype)
            np.nextafter(low, self.dtype.type(np.inf), out=low, where=low < exact)
            np.add(self.oracle, self.allowance, out=exact)
            high = np.clip(exact, limit.min, limit.max).astype(self.dtype)
            np.nextafter(high, self.dtype.type(-np.inf), out=high, where=high > exact)
            np.minimum(low, rounded, out=low)
            np.maximum(high, rounded, out=high)
        infinite = np.isinf(rounded)
        if infinite.any():
            low[infinite] = high[infinite] = rounded[infinite]
        return low, high

    def _relative_error(self, output: Array) -> Array:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            error: Array = np.abs(output - self.oracle) / self.allowance
        right = self._right(output)
        error[~np.isfinite(error) & ~right] = np.inf
        # Right although the quotient says nothing: an exact infinity, an exact zero, a rounded denormal.
        error[right & ~(error <= 1.0)] = 0.0
        return error


def _rms(magnitudes: Array) -> float:
    """Root mean square of non-negative numbers, safe against overflow; 0 when there are none."""
    largest = float(magnitudes.max(initial=0.0))
    if largest == 0.0:
        return 0.0
    flat = magnitudes.reshape(-1)
    if 1e-100 < largest < 1e100:
        return float(np.sqrt(np.dot(flat, flat) / flat.size))
    flat = flat / largest
    return largest * float(np.sqrt(np.dot(flat, flat) / flat.size))


def _plain(value: Any) -> float | str:
    """A number for JSON, which knows neither NaN nor infinity."""
    number = float(value)
    return number if np.isfinite(number) else str(number)
