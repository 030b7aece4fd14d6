"""Linear algebra: the array API's main functions and its `linalg` extension, and einsum."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from math import inf, prod
from typing import Any, NamedTuple

from framework.core import dtypes
from framework.core.tensor import Tensor, apply, as_tensor
from framework.errors import ArgumentError, ShapeError
from framework.ops import arrange as a
from framework.ops import reduce as r
from framework.ops import shape as s
from framework.ops.arrange import diagonal as diagonal
from framework.ops.coerce import Operand, axis_from_right, cast, common, pair
from framework.ops.elementwise import abs, conj, divide, exp, multiply, sqrt, square, where
from framework.ops.reduce import matmul as matmul
from framework.ops.shape import matrix_transpose as matrix_transpose
from framework.prims import linalg as p


class EighResult(NamedTuple):
    """Eigenvalues (..., n), ascending; eigenvectors (..., n, n) in columns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class QRResult(NamedTuple):
    """Orthonormal columns and an upper triangle."""

    Q: Tensor
    R: Tensor


class SlogdetResult(NamedTuple):
    """The determinant's sign (phase) and the logarithm of its magnitude."""

    sign: Tensor
    logabsdet: Tensor


class SVDResult(NamedTuple):
    """Left vectors, singular values in descending order, right vectors (conjugate transposed)."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def _float(x: Operand) -> Tensor:
    t = as_tensor(x)
    return cast(t, dtypes.to_float(t.dtype))


def outer(x: Operand, y: Operand) -> Tensor:
    """x[i] · y[j] of two vectors. Array API `linalg.outer`."""
    return multiply(s.reshape(as_tensor(x), (-1, 1)), s.reshape(as_tensor(y), (1, -1)))


def vecdot(x: Operand, y: Operand, axis: int = -1) -> Tensor:
    """The sum of conj(x) · y along an axis. Array API `vecdot`."""
    return r.sum(multiply(conj(x), y), axis)


def tensordot(x: Operand, y: Operand, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Tensor:
    """Summed over products of axes: the last of x with the first of y, or the pairs named. Array API."""
    x, y = pair(x, y)
    if isinstance(axes, int) and not 0 <= axes <= min(x.ndim, y.ndim):
        raise ShapeError(
            f"tensordot: axes {axes} of shapes {x.shape} and {y.shape}; give at most as many as each"
        )
    if isinstance(axes, int):
        ours, theirs = list(range(x.ndim - axes, x.ndim)), list(range(axes))
    else:
        ours = [axis_from_right(i, x.ndim, "tensordot") + x.ndim for i in axes[0]]
        theirs = [axis_from_right(i, y.ndim, "tensordot") + y.ndim for i in axes[1]]
    if [x.shape[i] for i in ours] != [y.shape[i] for i in theirs]:
        raise ShapeError(f"tensordot: axes {axes!r} of shapes {x.shape} and {y.shape} differ in size")
    keep_x = [i for i in range(x.ndim) if i not in ours]
    keep_y = [i for i in range(y.ndim) if i not in theirs]
    shape = (*[x.shape[i] for i in keep_x], *[y.shape[i] for i in keep_y])
    inner = prod([x.shape[i] for i in ours])
    left = s.reshape(s.permute_dims(x, keep_x + ours), (prod([x.shape[i] for i in keep_x]), inner))
    right = s.reshape(s.permute_dims(y, theirs + keep_y), (inner, prod([y.shape[i] for i in keep_y])))
    return s.reshape(r.matmul(left, right), shape)


def einsum(spec: str, *operands: Operand) -> Tensor:
    """Einstein's summation, as `numpy.einsum`: letters for dimensions, `...` for broadcast ones, "->" for the
    result.

    Raises ArgumentError for a spec that is not understood, ShapeError for sizes that differ.
    """
    xs = common(list(operands))
    ins, arrow, out = spec.replace(" ", "").partition("->")
    words = ins.split(",")
    if len(words) != len(xs) or not set(ins + out) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,"
    ):
        raise ArgumentError(f"einsum: spec {spec!r} for {len(xs)} operands; give a word of letters for each")
    free = [c for c in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in ins]
    most = max(
        [x.ndim - len(w.replace("...", "")) for w, x in zip(words, xs, strict=True) if "..." in w], default=0
    )
    dots = "".join(free[:most])
    if not arrow:
        flat = ins.replace("...", "").replace(",", "")
        out = ("..." if dots else "") + "".join(c for c in sorted(set(flat)) if flat.count(c) == 1)
    unknown = [c for c in out.replace("...", "") if c not in ins]
    if unknown:
        raise ArgumentError(
            f"einsum: spec {spec!r}: {unknown[0]!r} of the result is in no operand; name it there"
        )
    pairs = [_word(w, x, dots, spec) for w, x in zip(words, xs, strict=True)]
    sizes = {c: n for w, x in pairs for c, n in zip(w, x.shape, strict=True) if n != 1}
    pairs = [_stretched(w, x, dots, sizes) for w, x in pairs]
    final = ",".join(w for w, _ in pairs) + "->" + out.replace("...", dots)
    result: Tensor = apply(p.EINSUM, *[x for _, x in pairs], spec=final)
    return result


def _word(word: str, x: Tensor, dots: str, spec: str) -> tuple[str, Tensor]:
    """Letters for `...`, and the diagonal where a letter stands twice."""
    given = x.ndim - len(word.replace("...", ""))
    word = word.replace("...", dots[len(dots) - given :] if given > 0 else "")
    if len(word) != x.ndim:
        raise ShapeError(
            f"einsum {spec!r}: {word!r} for an operand of shape {x.shape}; a letter per dimension is needed"
        )
    for c in word:
        while word.count(c) > 1:
            i = word.index(c)
            j = word.index(c, i + 1)
            x, word = a.diagonal(x, 0, i, j), word[:i] + word[i + 1 : j] + word[j + 1 :] + c
    return word, x


def _stretched(word: str, x: Tensor, dots: str, sizes: dict[str, int]) -> tuple[str, Tensor]:
    """Broadcast dimensions of size 1 are left out, or stretched where nothing else has them."""
    gone = [i for i, c in enumerate(word) if c in dots and x.shape[i] == 1 and sizes.get(c, 1) != 1]
    if not gone:
        return word, x
    return "".join(c for i, c in enumerate(word) if i not in gone), s.squeeze(x, tuple(gone))


def cholesky(x: Operand, *, upper: bool = False) -> Tensor:
    """L of x = L Lᴴ, lower triangular, or Lᴴ if `upper`. Array API `linalg.cholesky`."""
    low: Tensor = apply(p.CHOLESKY, _float(x))
    return p.adjoint(low) if upper else low


def solve(x: Operand, y: Operand) -> Tensor:
    """The z of x z = y: y a vector, or matrices in the last two dimensions. Array API `linalg.solve`."""
    x, y = pair(_float(x), _float(y))
    if y.ndim == 1:
        return s.squeeze(solve(x, s.expand_dims(y, 1)), -1)
    result: Tensor = apply(p.SOLVE, x, y)
    return result


def inv(x: Operand) -> Tensor:
    """The inverse. Array API `linalg.inv`."""
    result: Tensor = apply(p.INV, _float(x))
    return result


def slogdet(x: Operand) -> SlogdetResult:
    """Sign and logarithm of the magnitude of the determinant. Array API `linalg.slogdet`."""
    return SlogdetResult(*apply(p.SLOGDET, _float(x)))


def det(x: Operand) -> Tensor:
    """The determinant. The gradient of a singular matrix is not finite. Array API `linalg.det`."""
    found = slogdet(x)
    return multiply(found.sign, exp(found.logabsdet))


def eigh(x: Operand) -> EighResult:
    """Eigenvalues and eigenvectors of a symmetric (Hermitian) matrix. Array API `linalg.eigh`."""
    return EighResult(*apply(p.EIGH, _float(x)))


def eigvalsh(x: Operand) -> Tensor:
    """Eigenvalues of a symmetric (Hermitian) matrix, ascending. Array API `linalg.eigvalsh`."""
    return eigh(x).eigenvalues


def qr(x: Operand, *, mode: str = "reduced") -> QRResult:
    """Orthonormal Q and upper triangular R; only "reduced". Array API `linalg.qr`."""
    if mode != "reduced":
        raise ArgumentError(f"qr: mode {mode!r} is not supported; give 'reduced'")
    return QRResult(*apply(p.QR, _float(x)))


def svd(x: Operand, *, full_matrices: bool = False) -> SVDResult:
    """Singular values and vectors, those alone that are needed to build x. Array API `linalg.svd`."""
    if full_matrices:
        raise ArgumentError("svd: full_matrices=True is not supported; give False")
    return SVDResult(*apply(p.SVD, _float(x)))


def svdvals(x: Operand) -> Tensor:
    """Singular values, descending. Array API `linalg.svdvals`."""
    return svd(x).S


def pinv(x: Operand, *, rtol: float | None = None) -> Tensor:
    """The pseudo-inverse, without singular values below rtol times the largest. Array API `linalg.pinv`."""
    u, values, vh = svd(x)
    kept = values > _limit(as_tensor(x), values, rtol)
    scale = where(kept, 1 / where(kept, values, 1), 0)
    return r.matmul(p.adjoint(vh) * s.expand_dims(scale, -2), p.adjoint(u))


def matrix_rank(x: Operand, *, rtol: float | None = None) -> Tensor:
    """How many singular values are above rtol times the largest. Array API `linalg.matrix_rank`."""
    values = svdvals(x)
    return r.sum(values > _limit(as_tensor(x), values, rtol), -1)


def _limit(x: Tensor, values: Tensor, rtol: float | None) -> Tensor:
    import numpy as np

    share = max(x.shape[-2:]) * float(np.finfo(values.dtype).eps) if rtol is None else rtol
    return r.max(values, -1, keepdims=True) * share


def matrix_power(x: Operand, n: int) -> Tensor:
    """x to the nth power; of its inverse where n is negative. Array API `linalg.matrix_power`."""
    if not isinstance(n, int):
        raise ArgumentError(f"matrix_power: n {n!r} must be an int")
    t = inv(x) if n < 0 else as_tensor(x)
    if t.shape[-1:] != t.shape[-2:-1]:
        raise ShapeError(f"matrix_power: x has shape {t.shape}; square matrices are needed")
    from framework.ops.create import eye

    out, n = s.broadcast_to(eye(t.shape[-1], dtype=t.dtype), t.shape), builtins.abs(n)
    while n:
        if n & 1:
            out = r.matmul(out, t)
        t, n = r.matmul(t, t) if n > 1 else t, n >> 1
    return out


def trace(x: Operand, *, offset: int = 0, dtype: Any = None) -> Tensor:
    """The sum of a diagonal of the last two dimensions. Array API `linalg.trace`."""
    return r.sum(a.diagonal(x, offset), -1, dtype=dtype)


def cross(x: Operand, y: Operand, *, axis: int = -1) -> Tensor:
    """The vector product of vectors of three along an axis. Array API `linalg.cross`."""
    x, y = pair(x, y)
    if x.shape[axis] != 3 or y.shape[axis] != 3:
        raise ShapeError(f"cross: shapes {x.shape} and {y.shape} must have size 3 along axis {axis}")
    x, y = a.broadcast_arrays(x, y)
    return a.roll(x, -1, axis) * a.roll(y, 1, axis) - a.roll(x, 1, axis) * a.roll(y, -1, axis)


def vector_norm(
    x: Operand, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False, ord: float = 2
) -> Tensor:
    """The norm of order `ord` (any number, inf, -inf; 0 counts) over axes. Array API `linalg.vector_norm`."""
    t = abs(_float(x))
    if not isinstance(ord, int | float):
        raise ArgumentError(f"vector_norm: ord {ord!r} must be a number, inf or -inf")
    if ord in (inf, -inf):
        return (r.max if ord > 0 else r.min)(t, axis, keepdims=keepdims)
    if ord == 0:
        return cast(a.count_nonzero(t, axis, keepdims=keepdims), t.dtype)
    if ord == 2:
        total = r.sum(square(t), axis, keepdims=keepdims)
        zero = total == 0  # the derivative there is 0, as torch's
        return where(zero, 0, sqrt(where(zero, 1, total)))
    if ord == 1:
        return r.sum(t, axis, keepdims=keepdims)
    return r.sum(t ** float(ord), axis, keepdims=keepdims) ** (1.0 / ord)


def matrix_norm(x: Operand, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    """The norm of matrices: "fro", "nuc", 1, -1, 2, -2, inf, -inf. Array API `linalg.matrix_norm`."""
    t = _float(x)
    if ord == "fro":
        return vector_norm(t, axis=(-2, -1), keepdims=keepdims)
    if ord in (1, -1, inf, -inf):
        axis = -2 if builtins.abs(ord) == 1 else -1
        sums = r.sum(abs(t), axis, keepdims=True)
        out = (r.max if ord > 0 else r.min)(sums, (-2, -1), keepdims=True)
    elif ord in ("nuc", 2, -2):
        values = svdvals(t)
        reduce = r.sum if ord == "nuc" else r.max if ord == 2 else r.min
        out = s.expand_dims(reduce(values, -1, keepdims=True), -1)
    else:
        raise ArgumentError(
            f"matrix_norm: ord {ord!r} is unknown; give 'fro', 'nuc', 1, -1, 2, -2, inf or -inf"
        )
    return out if keepdims else s.squeeze(out, (-2, -1))


def normalize(x: Operand, ord: float = 2.0, axis: int = -1, eps: float = 1e-12) -> Tensor:
    """x divided by its norm along an axis, by eps where that is larger. `torch.nn.functional.normalize`."""
    t = _float(x)
    norm = vector_norm(t, axis=axis, keepdims=True, ord=ord)
    return divide(t, where(norm < eps, eps, norm))


__all__ = [
    "EighResult", "QRResult", "SVDResult", "SlogdetResult", "cholesky", "cross", "det", "diagonal", "eigh",
    "eigvalsh", "einsum", "inv", "matmul", "matrix_norm", "matrix_power", "matrix_rank", "matrix_transpose",
    "normalize", "outer", "pinv", "qr", "slogdet", "solve", "svd", "svdvals", "tensordot", "trace", "vecdot",
    "vector_norm",
]  # fmt: skip
