"""Records of linear algebra and of Fourier transforms. Matrices are the last two dimensions, the rest a
batch.

Derivatives: Giles 2008 ("Collected matrix derivative results"), Seeger et al. 2017 (QR), and for complex
matrices the cotangent's conventions of torch. Where singular values or eigenvalues coincide there is none,
and the result is not finite.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

import framework.ops as ops
from framework.core import dtypes
from framework.core.prim import Aval, Prim, define
from framework.core.tensor import Tensor, apply
from framework.errors import ArgumentError, ShapeError
from framework.prims.control import filled
from framework.prims.elementwise import broadcast_shapes


def _square(name: str) -> Any:
    def infer(x: Any, **attrs: Any) -> Aval:
        if len(x.shape) < 2 or x.shape[-1] != x.shape[-2]:
            raise ShapeError(
                f"{name}: x has shape {x.shape}; square matrices in the last two dimensions are needed"
            )
        return Aval(x.shape, x.dtype)

    return infer


def _matrix(name: str, x: Any) -> None:
    if len(x.shape) < 2:
        raise ShapeError(f"{name}: x has shape {x.shape}; matrices in the last two dimensions are needed")


def _lapack(name: str, cure: str, **options: Any) -> Any:
    """NumPy's or CuPy's function; ArgumentError for a matrix that it cannot do."""

    def impl(xp: Any, *arrays: Any) -> Any:
        dtype, narrow = arrays[0].dtype, arrays[0].dtype.itemsize < 4
        arrays = tuple([x.astype(xp.float32) for x in arrays]) if narrow else arrays
        try:
            found = getattr(xp.linalg, name)(*arrays, **options)
        except np.linalg.LinAlgError as fault:
            (functools.partial(_matrix, name) if name in ("qr", "svd") else _square(name))(arrays[0])
            raise ArgumentError(f"{name}: x of shape {arrays[0].shape}: {fault}: {cure}") from fault
        outs = [x.astype(dtype) if narrow else x for x in (found if isinstance(found, tuple) else (found,))]
        return tuple(outs) if isinstance(found, tuple) else outs[0]

    return impl


_SINGULAR = "add a multiple of ops.eye(n) to it, or use ops.pinv"
_INFINITE = "look for NaN and infinity in it: ops.all(ops.isfinite(x))"


def adjoint(x: Tensor) -> Tensor:
    """The conjugate transpose of the last two dimensions."""
    return ops.conj(ops.matrix_transpose(x))


def _half_lower(x: Tensor) -> Tensor:
    """The lower triangle with half of the diagonal."""
    return ops.tril(x, -1) + _diagonal_part(x) * 0.5


def _diagonal_part(x: Tensor) -> Tensor:
    return ops.tril(ops.triu(x))


def _cholesky_vjp(g: Tensor, o: Tensor, x: Tensor) -> Tensor:
    inner = _half_lower(ops.matmul(adjoint(o), g))
    left = ops.solve(adjoint(o), inner)
    s = adjoint(ops.solve(adjoint(o), adjoint(left)))
    return (s + adjoint(s)) * 0.5


CHOLESKY = define(  # lower triangular
    "cholesky",
    _lapack(
        "cholesky", "a symmetric x with eigenvalues above 0 is needed: add a multiple of ops.eye(n) to it"
    ),
    _square("cholesky"),
    axes="...AB->...AB",
    vjp=(_cholesky_vjp,),
)


def _solve(a: Any, b: Any) -> Aval:
    _square("solve")(a)
    if len(b.shape) < 2 or b.shape[-2] != a.shape[-1]:
        raise ShapeError(f"solve: a has shape {a.shape}, b {b.shape}; b needs as many rows as a")
    return Aval((*broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:]), b.dtype)


SOLVE = define(
    "solve",
    _lapack("solve", _SINGULAR),
    _solve,
    axes="...AB,...Bk->...Ak",
    vjp=(
        lambda g, o, a, b: -ops.matmul(ops.solve(adjoint(a), g), adjoint(o)),
        lambda g, o, a, b: ops.solve(adjoint(a), g),
    ),
)
INV = define(
    "inv",
    _lapack("inv", _SINGULAR),
    _square("inv"),
    axes="...AB->...AB",
    vjp=(lambda g, o, x: -ops.matmul(adjoint(o), ops.matmul(g, adjoint(o))),),
)
SLOGDET = define(  # sign (or phase) and logarithm of the magnitude of the determinant
    "slogdet",
    _lapack("slogdet", _INFINITE),
    lambda x: (Aval(_square("slogdet")(x).shape[:-2], x.dtype), Aval(x.shape[:-2], dtypes.real_of(x.dtype))),
    axes="...AB->...,...",
    vjp=lambda gs, outs, x: (
        None if gs[1] is None else ops.reshape(gs[1], (*gs[1].shape, 1, 1)) * adjoint(ops.inv(x)),
    ),
    multi=True,
)


def _eigh_vjp(gs: Any, outs: Any, x: Tensor) -> tuple[Tensor]:
    w, v = outs
    g_w, g_v = filled(gs, outs)
    gap = ops.expand_dims(w, -2) - ops.expand_dims(w, -1)
    same = ops.eye(w.shape[-1], dtype=dtypes.bool_)
    f = ops.where(same, 0, 1 / ops.where(same, 1, gap))
    inner = ops.matmul(adjoint(v), g_v) * f
    inner = inner + ops.where(same, ops.expand_dims(g_w, -1), 0)
    out = ops.matmul(v, ops.matmul(inner, adjoint(v)))
    return ((out + adjoint(out)) * 0.5,)


EIGH = define(  # eigenvalues in ascending order, eigenvectors in columns; of the lower triangle
    "eigh",
    _lapack("eigh", _INFINITE),
    lambda x: (Aval(_square("eigh")(x).shape[:-1], dtypes.real_of(x.dtype)), Aval(x.shape, x.dtype)),
    axes="...AB->...A,...AB",
    vjp=_eigh_vjp,
    multi=True,
)


def _qr_vjp(gs: Any, outs: Any, x: Tensor) -> tuple[Tensor]:
    q, r = outs
    if x.shape[-2] < x.shape[-1]:
        raise ShapeError(f"qr: x has shape {x.shape}; with fewer rows than columns there is no gradient")
    g_q, g_r = filled(gs, outs)
    m = ops.matmul(r, adjoint(g_r)) - ops.matmul(adjoint(g_q), q)
    low = ops.tril(m, -1)
    hermitian = low + adjoint(low) + _diagonal_part(ops.cast(ops.real(m), m.dtype))
    inner = g_q + ops.matmul(q, hermitian)
    return (adjoint(ops.solve(r, adjoint(inner))),)


def _qr(x: Any) -> tuple[Aval, Aval]:
    _matrix("qr", x)
    *batch, m, n = x.shape
    return Aval((*batch, m, min(m, n)), x.dtype), Aval((*batch, min(m, n), n), x.dtype)


QR = define(
    "qr", _lapack("qr", _INFINITE), _qr, axes="...AB->...AC,...CB", vjp=_qr_vjp, multi=True
)  # fmt: skip


def _svd_vjp(gs: Any, outs: Any, x: Tensor) -> tuple[Tensor]:
    u, s, vh = outs
    g_u, g_s, g_vh = filled(gs, outs)
    v, g_v = adjoint(vh), adjoint(g_vh)
    row, column = ops.expand_dims(s, -2), ops.expand_dims(s, -1)
    same = ops.eye(s.shape[-1], dtype=dtypes.bool_)
    f = ops.where(same, 0, 1 / ops.where(same, 1, row * row - column * column))
    left, right = ops.matmul(adjoint(u), g_u), ops.matmul(adjoint(v), g_v)
    inner = (left - adjoint(left)) * f * row + column * (f * (right - adjoint(right)))
    inner = inner + ops.where(same, column * 0 + ops.expand_dims(g_s, -1), 0)
    if dtypes.is_complex(x.dtype):  # the phases that u and v share are free: only their difference counts
        phase = ops.cast(ops.imag(_diagonal_part(left)), x.dtype) * 1j
        inner = inner + phase / ops.where(same, column, 1)
    out = ops.matmul(u, ops.matmul(inner, vh))
    if x.shape[-2] > s.shape[-1]:
        rest = g_u / row
        out = out + ops.matmul(rest - ops.matmul(u, ops.matmul(adjoint(u), rest)), vh)
    if x.shape[-1] > s.shape[-1]:
        rest = g_v / row
        out = out + ops.matmul(u, adjoint(rest - ops.matmul(v, ops.matmul(vh, rest))))
    return (out,)


def _svd(x: Any) -> tuple[Aval, Aval, Aval]:
    _matrix("svd", x)
    *batch, m, n = x.shape
    k = min(m, n)
    values = Aval((*batch, k), dtypes.real_of(x.dtype))
    return Aval((*batch, m, k), x.dtype), values, Aval((*batch, k, n), x.dtype)


SVD = define(  # without the parts of u and vh that singular values of 0 would stand for
    "svd",
    _lapack("svd", _INFINITE, full_matrices=False),
    _svd,
    axes="...AB->...AC,...C,...CB",
    vjp=_svd_vjp,
    multi=True,
)


def _fft(xp: Any, x: Any, axis: int, inverse: bool) -> Any:
    return xp.fft.ifft(x, axis=axis, norm="forward") if inverse else xp.fft.fft(x, axis=axis)


FFT: Prim = define(  # neither direction scales
    "fft",
    _fft,
    lambda x, axis, inverse: Aval(x.shape, x.dtype),
    vjp=(lambda g, o, x, axis, inverse: apply(FFT, g, axis=axis, inverse=not inverse),),
    axes=lambda avals, attrs: "...A{0}->...A{0}".format("bcdefghijklmno"[: -attrs["axis"] - 1]),
    jvp="linear",
)


def _einsum(*xs: Any, spec: str) -> Aval:
    ins, out = spec.split("->")
    words = ins.split(",")
    if len(words) != len(xs) or any(len(w) != len(x.shape) for w, x in zip(words, xs, strict=True)):
        raise ShapeError(
            f"einsum {spec!r}: operands of shapes {[x.shape for x in xs]}; a letter per dimension is needed"
        )
    sizes: dict[str, int] = {}
    for word, x in zip(words, xs, strict=True):
        for letter, n in zip(word, x.shape, strict=True):
            if sizes.setdefault(letter, n) != n:
                raise ShapeError(
                    f"einsum {spec!r}: {letter!r} is {sizes[letter]} and {n} in {[x.shape for x in xs]}"
                )
    return Aval(tuple([sizes[letter] for letter in out]), xs[0].dtype)


def _einsum_impl(xp: Any, *xs: Any, spec: str) -> Any:
    """16-bit floats are summed in float32."""
    dtype = xs[0].dtype
    wide = [x.astype(xp.float32) for x in xs] if dtype in (dtypes.float16, dtypes.bfloat16) else xs
    return xp.einsum(spec, *wide, optimize=len(xs) > 1).astype(dtype, copy=False)


def _einsum_vjp(g: Tensor, o: Tensor, *xs: Tensor, spec: str) -> tuple[Tensor, ...]:
    ins, out = spec.split("->")
    words = ins.split(",")
    found = []
    for i, (word, x) in enumerate(zip(words, xs, strict=True)):
        others = [(w, ops.conj(y)) for j, (w, y) in enumerate(zip(words, xs, strict=True)) if j != i]
        there = set(out).union(*[w for w, _ in others]) if others else set(out)
        kept = "".join(c for c in word if c in there)
        part = ops.einsum(",".join([out, *[w for w, _ in others]]) + "->" + kept, g, *[y for _, y in others])
        shape = [n if c in there else 1 for c, n in zip(word, x.shape, strict=True)]
        found.append(ops.broadcast_to(ops.reshape(part, shape), x.shape))  # letters of its own were summed
    return tuple(found)


def _batched_einsum(prim: Prim, ins: Any, bdims: Any, attrs: dict[str, str]) -> Any:
    """One more letter, in front."""
    letter = next(c for c in "ZYXWVUTSRQPONMLKJIHGFEDCBA" if c not in attrs["spec"])
    words, out = attrs["spec"].split("->")
    batched = [w if d is None else letter + w for w, d in zip(words.split(","), bdims, strict=True)]
    xs = [x if d is None else ops.moveaxis(x, d, 0) for x, d in zip(ins, bdims, strict=True)]
    return apply(prim, *xs, spec=",".join(batched) + "->" + letter + out), 0


EINSUM = define(  # spec: explicit, no `...`, no letter twice in one word
    "einsum",
    _einsum_impl,
    _einsum,
    axes=lambda avals, attrs: attrs["spec"],
    vjp=_einsum_vjp,
    vmap=_batched_einsum,
)
