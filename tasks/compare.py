"""The one comparer: is an output within the tolerance of the float64 oracle? NumPy.

Not in charge of what the oracle is (a task's `reference.py`) nor of when outputs are read (the judge).

Theory of operation. An element y passes when it is finite and |y - r| <= atol * rms(r) + rtol * |r|, where r
is the oracle and rms(r) its root mean square over the tensor. The scale comes from the oracle alone, so no
output can widen it, and an all-zero output fails wherever the oracle is not all zero. The oracle rounded to
the output's dtype always passes; where that is not finite, nothing else does.

Every *timed* output is compared, so comparing must be cheap. `Expectation` turns the rule once into two
bounds of the output's dtype that lie inside the allowance even after their own rounding. An output between
them is right: two passes, no temporaries; NaN, the poison of an unwritten output, fails both. Only an output
that is not between them is looked at in float64 by the rule itself (`_right`), which alone decides.
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from tasks.model import Tolerance

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

BLOCK = 16384  # elements; three float64 blocks stay in the second-level cache
# A sum of squares between these proves that every |r| is finite in float32 and that the scale is exact;
# any other oracle (zero, huge, infinite, NaN) is compared by the rule alone.
PLAIN_SQUARES = (1e-60, 1e75)


class Expectation:
    """What one output tensor must be. `accepts` is quick; `explain` says what is wrong."""

    def __init__(self, oracle: Array, tolerance: Tolerance, dtype: str) -> None:
        if oracle.dtype != np.float64:
            raise TypeError(f"oracle: dtype {oracle.dtype}; the reference must answer in float64")
        self.oracle = np.ascontiguousarray(oracle).reshape(oracle.shape)
        self.dtype = np.dtype(dtype)
        self.tolerance = tolerance
        squares = self._squares()
        self._plain = PLAIN_SQUARES[0] < squares < PLAIN_SQUARES[1]
        self.scale = float(np.sqrt(squares / oracle.size)) if self._plain else self._careful_rms()
        self._low, self._high = self._bounds()
        self._above, self._below = np.empty((2, *oracle.shape), bool)

    def accepts(self, output: Array) -> bool:
        """True if every element is right. A wrong shape or dtype never is."""
        if output.shape != self.oracle.shape or output.dtype != self.dtype:
            return False
        if not self._plain:
            return bool(self._right(output).all())
        with np.errstate(invalid="ignore"):  # ml_dtypes says so of each NaN
            np.greater_equal(output, self._low, out=self._above)
            np.less_equal(output, self._high, out=self._below)
        np.logical_and(self._above, self._below, out=self._above)
        return bool(self._above.all()) or bool(self._right(output).all())

    def explain(self, output: Array) -> dict[str, Any]:
        """Figures of the worst wrong element, for the page: plain numbers and strings."""
        if output.shape != self.oracle.shape or output.dtype != self.dtype:
            expected, got = f"{self.dtype} {self.oracle.shape}", f"{output.dtype} {output.shape}"
            return {"expected": expected, "got": got}
        wrong = ~self._right(output)
        error = self._relative_error(output)
        figures: dict[str, Any] = {"wrong": int(np.count_nonzero(wrong)), "of": int(wrong.size)}
        if figures["wrong"]:
            at = np.unravel_index(int(np.argmax(np.where(wrong, error, -1.0))), wrong.shape)
            figures["index"] = [int(i) for i in at]
            figures["expected"] = _plain(self.oracle[at])
            figures["got"] = _plain(output[at])
            figures["allowed"] = _plain(self._allowance()[at])
        return {**figures, "worst": _plain(error.max(initial=0.0))}

    def worst(self, output: Array) -> float:
        """The largest error in units of what is allowed; up to 1 is right. 0 for an empty output."""
        return float(self._relative_error(output).max(initial=0.0))

    def _squares(self) -> float:
        flat = self.oracle.reshape(-1)
        with np.errstate(over="ignore", invalid="ignore"):
            # Not np.dot: its BLAS threads wait for each other, milliseconds on a busy machine.
            return float(np.einsum("i,i->", flat, flat))

    def _careful_rms(self) -> float:
        """Root mean square of the finite part of the oracle, safe against overflow and underflow."""
        finite = self.oracle[np.isfinite(self._rounded())]
        largest = float(np.abs(finite).max(initial=0.0))
        return largest * float(np.sqrt(np.mean(np.square(finite / largest)))) if largest else 0.0

    def _bounds(self) -> tuple[Array, Array]:
        """Bounds that pass the rule whatever their own rounding did; empty where there is no room."""
        kind = ml_dtypes.finfo(self.dtype)  # type: ignore[no-untyped-call]  # NumPy's knows no bfloat16
        slope = self.tolerance.rtol - 2 * float(kind.eps)
        floor = self.tolerance.atol * self.scale * (1 - 2 * float(kind.eps)) - float(kind.tiny)
        oracle = self.oracle.reshape(-1)
        low, high = np.empty((2, oracle.size), self.dtype)
        allowance, bound = np.empty((2, min(BLOCK, oracle.size)))
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, oracle.size, BLOCK):
                r = oracle[start : start + BLOCK]
                a, b = allowance[: r.size], bound[: r.size]
                np.abs(r, out=a)
                np.multiply(a, slope, out=a)
                np.add(a, floor, out=a)
                np.copyto(low[start : start + BLOCK], np.subtract(r, a, out=b), casting="same_kind")
                np.copyto(high[start : start + BLOCK], np.add(r, a, out=b), casting="same_kind")
        return low.reshape(self.oracle.shape), high.reshape(self.oracle.shape)

    def _rounded(self) -> Array:
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            return self.oracle.astype(self.dtype)

    def _allowance(self) -> Array:
        with np.errstate(invalid="ignore"):
            allowance: Array = np.abs(self.oracle) * self.tolerance.rtol
        return allowance + self.tolerance.atol * self.scale

    def _right(self, output: Array) -> Mask:
        """The rule itself, per element."""
        rounded = self._rounded()
        with np.errstate(over="ignore", invalid="ignore"):
            right: Mask = np.abs(output - self.oracle) <= self._allowance()
            right &= np.isfinite(output)
        right |= output == rounded
        if not self._plain:
            finite = np.isfinite(rounded)
            right &= finite | (output == rounded)
            right |= np.isnan(rounded) & np.isnan(output)
        return right

    def _relative_error(self, output: Array) -> Array:
        right = self._right(output)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            error: Array = np.abs(output - self.oracle) / self._allowance()
        # The quotient says nothing for NaN and infinities, nor where only the rounded oracle is allowed.
        error[right & ~(error <= 1.0)] = 0.0
        error[~right & ~(error > 1.0)] = np.inf
        return error


def _plain(value: Any) -> float | str:
    """A number for JSON, which knows neither NaN nor infinity."""
    number = float(value)
    return number if np.isfinite(number) else str(number)
