"""The Python array API standard, 2024.12: every function is there, and gives what NumPy gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import framework as fw
from framework import array_api as xp

A = np.array([[0.5, -1.5, 2.0], [3.0, 0.25, -0.75]])
P = np.abs(A) + 0.1
B = np.array([[1.5, 2.5, 0.5], [-1.0, 0.25, 2.0]])
I = np.array([[5, 3, 8], [1, 0, 6]])  # noqa: E741 (integers)
J = np.array([[1, 2, 3], [2, 1, 2]])
T = np.array([[True, False, True], [False, False, True]])
S = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]])
Z = A + 1j * B

ONE = {
    "abs acos=U asin=U asinh atan atanh=U ceil cos cosh exp expm1 floor isfinite isinf isnan negative "
    "positive round sign signbit sin sinh square tan tanh trunc": A,
    "log log1p log2 log10 reciprocal sqrt acosh=O": P,
    "conj imag real": Z,
    "bitwise_invert": I,
    "logical_not": T,
}
TWO = {
    "add atan2 copysign divide equal floor_divide greater greater_equal hypot less less_equal logaddexp "
    "maximum minimum multiply nextafter not_equal remainder subtract": (A, B),
    "pow": (P, B),
    "bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor": (I, J),
    "logical_and logical_or logical_xor": (T, ~T),
}
NUMPY = {"bitwise_left_shift": "left_shift", "bitwise_right_shift": "right_shift"}
UNIT = {"U": A / 4, "O": P + 1}


def close(found: Any, wanted: Any) -> None:
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found.asnumpy(), wanted, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("names", ONE, ids=lambda names: names[:12])
def test_functions_of_one_operand(names: str) -> None:
    for entry in names.split():
        name, _, domain = entry.partition("=")
        x = UNIT.get(domain, ONE[names])
        close(getattr(xp, name)(fw.Tensor(x)), getattr(np, NUMPY.get(name, name))(x))


@pytest.mark.parametrize("names", TWO, ids=lambda names: names[:12])
def test_functions_of_two_operands(names: str) -> None:
    x, y = TWO[names]
    for name in names.split():
        close(getattr(xp, name)(fw.Tensor(x), fw.Tensor(y)), getattr(np, NUMPY.get(name, name))(x, y))


def test_integers_and_complex_numbers_are_rounded_and_looked_at_as_the_standard_says() -> None:
    for dtype in (np.int8, np.uint64):
        close(xp.round(fw.Tensor(I.astype(dtype))), I.astype(dtype))
    odd = np.array([complex(np.inf, np.nan), complex(np.nan, 1), 1j])
    assert xp.isinf(fw.Tensor(odd)).tolist() == np.isinf(odd).tolist() == [True, False, False]
    assert (+fw.Tensor(A)).tolist() == A.tolist()


def test_memory_is_taken_over_or_copied_from_other_arrays() -> None:
    theirs = A.copy()
    shared, copied = xp.from_dlpack(theirs, device="cpu"), xp.from_dlpack(theirs, copy=True)
    theirs[0, 0] = 7.0
    assert (shared[0, 0].item(), copied[0, 0].item()) == (7.0, A[0, 0])


V, M = A[0], np.arange(24.0).reshape(2, 3, 4)
CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("clip", (A, -1.0, 1.0), {}),
    ("arange", (1, 9, 2), {}),
    ("asarray", (A,), {"dtype": np.float64}),
    ("eye", (2, 3), {"k": 1, "dtype": np.float64}),
    ("full", ((2, 2), 7), {}),
    ("full_like", (A, 2.0), {}),
    ("linspace", (0.0, 1.0, 5), {"dtype": np.float64, "endpoint": False}),
    ("ones", ((2, 2),), {"dtype": np.float64}),
    ("ones_like", (A,), {}),
    ("zeros", (3,), {"dtype": np.float64}),
    ("zeros_like", (I,), {}),
    ("tril", (M,), {"k": -1}),
    ("triu", (M,), {"k": 1}),
    ("take", (M, np.array([2, 0])), {"axis": 1}),
    ("take_along_axis", (M, np.array([[[1], [0], [3]]])), {"axis": -1}),
    ("matmul", (M, M.swapaxes(1, 2)), {}),
    ("matmul", (V, B.T), {}),
    ("matrix_transpose", (M,), {}),
    ("tensordot", (M, M), {"axes": ((0, 2), (0, 2))}),
    ("vecdot", (Z, A), {}),
    ("broadcast_to", (V, (4, 3)), {}),
    ("concat", ((A, I),), {"axis": None}),
    ("expand_dims", (A,), {"axis": -1}),
    ("flip", (M,), {"axis": (0, -1)}),
    ("moveaxis", (M, (0, 1), (-1, 0)), {}),
    ("permute_dims", (M, (2, 0, 1)), {}),
    ("repeat", (A, np.array([1, 0, 2])), {"axis": 1}),
    ("reshape", (M, (4, -1)), {}),
    ("roll", (M, (1, -2)), {"axis": (0, 2)}),
    ("roll", (M, 5), {}),
    ("squeeze", (A[:, None],), {"axis": 1}),
    ("stack", ((A, B),), {"axis": -1}),
    ("tile", (A, (2, 1, 2)), {}),
    ("argmax", (A,), {"axis": 0, "keepdims": True}),
    ("argmin", (A,), {}),
    ("count_nonzero", (I,), {"axis": 1}),
    ("searchsorted", (np.sort(V), B), {"side": "right"}),
    ("where", (T, A, B), {}),
    ("argsort", (np.array([2, 1, 2, 0]),), {"descending": True}),
    ("sort", (A,), {"axis": 0, "descending": True}),
    ("cumulative_prod", (A,), {"axis": 1}),
    ("cumulative_sum", (I,), {"axis": 0, "include_initial": True}),
    ("max", (A,), {"axis": (0, 1)}),
    ("mean", (A,), {"axis": 1, "keepdims": True}),
    ("min", (A,), {"axis": 0}),
    ("prod", (A,), {"axis": 1}),
    ("std", (A,), {"axis": 0, "correction": 1}),
    ("sum", (np.ones(3, np.int8),), {}),
    ("var", (A,), {}),
    ("all", (T,), {"axis": 0}),
    ("any", (T,), {"axis": 1, "keepdims": True}),
    ("diff", (A,), {"n": 1, "prepend": A[:, :1]}),
    ("linalg.cholesky", (S,), {"upper": True}),
    ("linalg.cross", (A, B), {}),
    ("linalg.det", (S,), {}),
    ("linalg.diagonal", (M,), {"offset": 1}),
    ("linalg.eigvalsh", (S,), {}),
    ("linalg.inv", (S,), {}),
    ("linalg.matrix_norm", (S,), {"ord": "nuc"}),
    ("linalg.matrix_norm", (S,), {"ord": 1}),
    ("linalg.matrix_power", (S,), {"n": -3}),
    ("linalg.matrix_rank", (np.outer(V, V),), {}),
    ("linalg.outer", (V, V), {}),
    ("linalg.pinv", (A,), {}),
    ("linalg.solve", (S, V), {}),
    ("linalg.svdvals", (A,), {}),
    ("linalg.trace", (S,), {"offset": 1}),
    ("linalg.vector_norm", (A,), {"axis": 0, "ord": 3}),
    ("linalg.tensordot", (M, M), {"axes": 3}),
    ("fft.fft", (Z,), {"n": 5, "axis": 0}),
    ("fft.ifft", (Z,), {"norm": "ortho"}),
    ("fft.fftn", (Z,), {"s": (4, 2), "axes": (0, 1)}),
    ("fft.ifftn", (Z,), {"norm": "forward"}),
    ("fft.rfft", (A,), {"n": 4}),
    ("fft.irfft", (Z,), {"n": 5}),
    ("fft.irfft", (Z,), {}),
    ("fft.rfftn", (M,), {}),
    ("fft.irfftn", (Z,), {}),
    ("fft.hfft", (Z,), {}),
    ("fft.ihfft", (A,), {"norm": "ortho"}),
    ("fft.fftfreq", (5,), {"d": 0.5, "dtype": np.float64}),
    ("fft.rfftfreq", (5,), {"dtype": np.float64}),
    ("fft.fftshift", (M,), {"axes": (1,)}),
    ("fft.ifftshift", (M,), {}),
]


def _theirs(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if kwargs.get("descending"):
        order = np.argsort(-args[0], axis=kwargs.get("axis", -1), stable=True)
        return order if name == "argsort" else np.take_along_axis(args[0], order, kwargs.get("axis", -1))
    module = np
    for part in name.split("."):
        module = getattr(module, part)
    if name.startswith("fft.") and name.endswith("freq"):
        return module(args[0], kwargs.get("d", 1.0))  # type: ignore[operator]
    return module(*args, **kwargs)  # type: ignore[operator]


@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS, ids=[f"{c[0]}-{i}" for i, c in enumerate(CALLS)])
def test_functions_with_arguments(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    ours: Any = xp
    for part in name.split("."):
        ours = getattr(ours, part)
    wrapped = [fw.Tensor(a) if isinstance(a, np.ndarray) else a for a in args]
    if isinstance(args[0], tuple) and isinstance(args[0][0], np.ndarray):
        wrapped[0] = [fw.Tensor(a) for a in args[0]]
    tensors = {k: fw.Tensor(v) if isinstance(v, np.ndarray) else v for k, v in kwargs.items()}
    close(ours(*wrapped, **tensors), np.asarray(_theirs(name, args, kwargs)))


def test_functions_of_several_results() -> None:
    x = fw.Tensor(np.array([3, 1, 3, 2, 1]))
    values, first, inverse, counts = (t.tolist() for t in xp.unique_all(x))
    assert (values, first, inverse, counts) == ([1, 2, 3], [1, 3, 0], [2, 0, 2, 1, 0], [2, 1, 2])
    assert [t.tolist() for t in xp.unique_counts(x)] == [values, counts]
    assert [t.tolist() for t in xp.unique_inverse(x)] == [values, inverse]
    assert xp.unique_values(x).tolist() == values
    assert [t.tolist() for t in xp.nonzero(fw.Tensor(T))] == [i.tolist() for i in T.nonzero()]
    assert [t.shape for t in xp.unstack(fw.Tensor(M), axis=1)] == [(2, 4)] * 3
    assert [t.shape for t in xp.broadcast_arrays(fw.Tensor(V), fw.Tensor(A))] == [(2, 3)] * 2
    for ours, theirs in zip(xp.meshgrid(x, fw.Tensor(V)), np.meshgrid(x.asnumpy(), V), strict=True):
        close(ours, theirs)


def test_factorisations_multiply_back() -> None:
    a, s = fw.Tensor(A), fw.Tensor(S)
    q, r = xp.linalg.qr(a)
    close(q @ r, A)
    u, values, vh = xp.linalg.svd(a, full_matrices=False)
    close((u * values) @ vh, A)
    w, v = xp.linalg.eigh(s)
    close((v * w) @ v.mT, S)
    sign, logdet = xp.linalg.slogdet(s)
    close(sign * xp.exp(logdet), np.asarray(np.linalg.det(S)))


def test_every_name_of_the_standard_is_there_and_has_a_docstring() -> None:
    namespace = fw.Tensor(1.0).__array_namespace__("2024.12")
    missing = [name for name in xp.__all__ if not hasattr(namespace, name)]
    assert not missing
    assert all(
        getattr(namespace, name).__doc__ for name in [*xp.FUNCTIONS, "astype", "reshape", "finfo", "iinfo"]
    )
    linear = (
        "cholesky cross det diagonal eigh eigvalsh inv matmul matrix_norm matrix_power matrix_rank outer "
    )
    linear += "pinv qr matrix_transpose slogdet solve svd svdvals tensordot trace vecdot vector_norm"
    assert all(hasattr(xp.linalg, name) for name in linear.split())


def test_dtypes_can_be_inspected() -> None:
    assert xp.isdtype(fw.int8, ("bool", "signed integer"))
    assert not xp.isdtype(fw.float32, "integral")
    assert xp.result_type(fw.Tensor([1]), 1.5) == fw.float32
    assert xp.result_type(fw.int8, fw.uint8) == fw.int16
    assert xp.can_cast(fw.int8, fw.int16)
    assert not xp.can_cast(fw.float64, fw.float32)
    assert xp.finfo(fw.complex128).bits == 64
    assert xp.finfo(fw.bfloat16).eps == 2**-7
    assert xp.iinfo(fw.uint8).max == 255
    info = xp.__array_namespace_info__()
    assert info.default_dtypes()["real floating"] == fw.float32
    assert set(info.dtypes(kind="unsigned integer")) == {"uint8", "uint16", "uint32", "uint64"}
    with pytest.raises(TypeError, match="imaginary part: use real"):
        xp.astype(fw.Tensor(Z), fw.float64)
    with pytest.raises(ValueError, match="call set_device first"):
        xp.zeros(3, device="gpu")
