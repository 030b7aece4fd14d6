"""Discrete Fourier transforms: the array API's `fft` extension. Real input becomes complex of the same
precision.

`norm` says which direction divides by n: "backward" (the inverse), "forward", or "ortho" (both, by √n).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

from framework.core import backend, dtypes
from framework.core.tensor import Tensor, apply, as_tensor, wrap
from framework.errors import ArgumentError, ShapeError
from framework.ops.arrange import pad, roll
from framework.ops.coerce import Operand, axes_from_right, axis_from_right, cast
from framework.ops.elementwise import conj, multiply, real
from framework.ops.shape import concat, narrow
from framework.prims.linalg import FFT


def _complex(x: Operand) -> Tensor:
    t = as_tensor(x)
    if dtypes.is_complex(t.dtype):
        return t
    return cast(t, dtypes.complex128 if t.dtype == dtypes.float64 else dtypes.complex64)


def _sized(x: Tensor, n: int | None, axis: int) -> Tensor:
    """Cut or padded with zeros to n elements of an axis."""
    size = x.shape[axis]
    if n is None or n == size:
        return x
    if n < 1:
        raise ShapeError(f"fft: n {n} must be at least 1")
    return narrow(x, axis, 0, n) if n < size else pad(x, [(0, n - size), *[(0, 0)] * (-axis - 1)])


def _along(x: Tensor, n: int | None, axis: int, norm: str, inverse: bool) -> Tensor:
    if norm not in ("backward", "ortho", "forward"):
        raise ArgumentError(f"fft: norm {norm!r} is unknown; give 'backward', 'ortho' or 'forward'")
    i = axis_from_right(axis, x.ndim, "fft")
    x = _sized(x, n, i)
    out: Tensor = apply(FFT, x, axis=i, inverse=inverse)
    if norm == "ortho":
        return multiply(out, 1 / sqrt(x.shape[i]))
    return multiply(out, 1 / x.shape[i]) if inverse == (norm == "backward") else out


def _along_all(x: Tensor, sized: list[tuple[int | None, int]], norm: str, inverse: bool) -> Tensor:
    for n, axis in sized:
        x = _along(x, n, axis, norm, inverse)
    return x


def fft(x: Operand, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """Σ x[k] · exp(-2πi·jk/n) along an axis, cut or padded to n. Array API `fft.fft`."""
    return _along(_complex(x), n, axis, norm, False)


def ifft(x: Operand, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """What `fft` undoes. Array API `fft.ifft`."""
    return _along(_complex(x), n, axis, norm, True)


def _axes(x: Tensor, s: Sequence[int] | None, axes: Sequence[int] | None) -> list[tuple[int | None, int]]:
    """(size, axis) of each transform."""
    chosen = list(axes) if axes is not None else list(range(-(len(s) if s is not None else x.ndim), 0))
    sizes: list[int | None] = [None] * len(chosen) if s is None else list(s)
    if len(sizes) != len(chosen):
        raise ShapeError(f"fft: s {s!r} and axes {axes!r} must be equally long")
    return list(zip(sizes, chosen, strict=True))


def fftn(
    x: Operand, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = "backward"
) -> Tensor:
    """`fft` along several axes, all by default. Array API `fft.fftn`."""
    t = _complex(x)
    return _along_all(t, _axes(t, s, axes), norm, False)


def ifftn(
    x: Operand, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = "backward"
) -> Tensor:
    """`ifft` along several axes, all by default. Array API `fft.ifftn`."""
    t = _complex(x)
    return _along_all(t, _axes(t, s, axes), norm, True)


def rfft(x: Operand, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """The first n // 2 + 1 of `fft` of a real x; the others are their conjugates. Array API `fft.rfft`."""
    t = as_tensor(x)
    if dtypes.is_complex(t.dtype):
        raise ArgumentError(f"rfft: x is {t.dtype.name}; it must be real: use fft")
    size = t.shape[axis] if n is None else n
    return narrow(fft(t, n=n, axis=axis, norm=norm), axis, 0, size // 2 + 1)


def irfft(x: Operand, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """What `rfft` undoes: n real elements, 2·(size - 1) by default. Array API `fft.irfft`."""
    t = _complex(x)
    size = 2 * (t.shape[axis] - 1) if n is None else n
    i = axis_from_right(axis, t.ndim, "irfft")
    half = _sized(t, size // 2 + 1, i)
    inner = narrow(half, i, 1, (size - 1) // 2)
    entries = (..., slice(None, None, -1), *(slice(None),) * (-i - 1))
    return real(ifft(concat([half, conj(inner[entries])], i), axis=i, norm=norm)) if size > 1 else real(half)


def rfftn(
    x: Operand, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = "backward"
) -> Tensor:
    """`rfft` along the last of several axes, `fft` along the others. Array API `fft.rfftn`."""
    t = as_tensor(x)
    *others, (n, axis) = _axes(t, s, axes)
    t = rfft(t, n=n, axis=axis, norm=norm)
    return _along_all(t, others, norm, False)


def irfftn(
    x: Operand, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = "backward"
) -> Tensor:
    """What `rfftn` undoes. Array API `fft.irfftn`."""
    t = _complex(x)
    *others, (n, axis) = _axes(t, s, axes)
    return irfft(_along_all(t, others, norm, True), n=n, axis=axis, norm=norm)


_OTHER = {"backward": "forward", "forward": "backward", "ortho": "ortho"}


def hfft(x: Operand, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """`fft` of a signal that equals its reversed conjugate, given by its half: real. Array API `fft.hfft`."""
    return irfft(conj(_complex(x)), n=n, axis=axis, norm=_OTHER.get(norm, norm))


def ihfft(x: Operand, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """What `hfft` undoes. Array API `fft.ihfft`."""
    return conj(rfft(x, n=n, axis=axis, norm=_OTHER.get(norm, norm)))


def fftfreq(n: int, *, d: float = 1.0, dtype: Any = None) -> Tensor:
    """The frequency of each element of an `fft` of n samples d apart. Array API `fft.fftfreq`."""
    return wrap(backend.xp.fft.fftfreq(n, d).astype(dtypes.as_dtype(dtype or dtypes.default_float)))


def rfftfreq(n: int, *, d: float = 1.0, dtype: Any = None) -> Tensor:
    """The frequency of each element of an `rfft` of n samples d apart. Array API `fft.rfftfreq`."""
    return wrap(backend.xp.fft.rfftfreq(n, d).astype(dtypes.as_dtype(dtype or dtypes.default_float)))


def fftshift(x: Operand, *, axes: int | Sequence[int] | None = None) -> Tensor:
    """Frequency 0 in the middle. Array API `fft.fftshift`."""
    t = as_tensor(x)
    chosen = axes_from_right(axes, t.ndim, "fftshift")
    return roll(t, tuple([t.shape[a] // 2 for a in chosen]), chosen)


def ifftshift(x: Operand, *, axes: int | Sequence[int] | None = None) -> Tensor:
    """What `fftshift` undoes. Array API `fft.ifftshift`."""
    t = as_tensor(x)
    chosen = axes_from_right(axes, t.ndim, "fftshift")
    return roll(t, tuple([-(t.shape[a] // 2) for a in chosen]), chosen)


__all__ = [
    "fft", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifftn", "ifftshift", "ihfft", "irfft", "irfftn",
    "rfft", "rfftfreq", "rfftn",
]  # fmt: skip
