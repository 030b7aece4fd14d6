"""What counts as an array: NumPy's, CuPy's, and what other libraries show through DLPack."""

from __future__ import annotations

import ctypes
import sys
from types import SimpleNamespace
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import kernels
from kernels import arrays
from kernels.errors import BadArgument, BadDtype
from kernels.toolchain import cc
from tests.kernels.stand_ins import Array as OnCard

rng = np.random.default_rng(5)
needs_compiler = pytest.mark.skipif(not cc.available(), reason="needs gcc and g++")


def floats(*shape: int) -> Any:
    return rng.standard_normal(shape).astype(np.float32)


class Exported:
    """An array that shows itself through DLPack alone."""

    def __init__(self, array: Any, device: tuple[int, int] = (1, 0)) -> None:
        self.array, self.device = array, device

    def __dlpack__(self, **how: Any) -> Any:
        return self.array.__dlpack__(**how)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device


def test_arrays_of_other_libraries_are_read_and_written_through_dlpack() -> None:
    x, y = floats(3, 8), floats(3, 8)
    wanted = kernels.softmax(x)
    out = Exported(y)
    assert kernels.softmax(Exported(x), out=out) is out
    np.testing.assert_array_equal(y, wanted)
    np.testing.assert_array_equal(kernels.softmax(Exported(x[:, ::2])), kernels.softmax(x[:, ::2].copy()))
    np.testing.assert_array_equal(kernels.softmax(Exported(x), axis=0), kernels.softmax(x, axis=0))


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ([[1.0]], BadDtype, r"softmax: x is list \[\[1.0\]\]; an array of NumPy or CuPy"),
        (np.float32(3), BadDtype, "softmax: x is float32 .*an array of NumPy"),
        (
            Exported(np.zeros(3, np.float32), (10, 0)),
            BadDtype,
            "x is on DLPack device type 10; 1 .CPU. and 2",
        ),
        (Exported(np.zeros(3, ">f4")), BadArgument, "softmax: x cannot be viewed through DLPack: "),
        (np.zeros(3, ">f4"), BadDtype, "softmax: x is >f4; allowed: float32"),
        (np.ma.masked_array(np.zeros(3, np.float32)), BadArgument, r"x has a mask.*filled\(\)"),
        (np.array(["a"], object), BadDtype, "softmax: x is object; allowed: float32"),
    ],
)
def test_what_is_no_array_of_ours_is_refused_in_words(given: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        kernels.softmax(given)


def test_subclasses_of_arrays_are_taken_as_arrays() -> None:
    x = floats(3, 8)
    found = kernels.softmax(x.view(np.matrix), version="oracle")
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, kernels.softmax(x, version="oracle"))


class Tensor(ctypes.Structure):
    """DLManagedTensor, and the part that its successor has in front."""

    _fields_ = (
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("data", ctypes.c_void_p),
        ("device", ctypes.c_int32 * 2),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("byte_offset", ctypes.c_uint64),
    )


class Halves(Exported):
    """A bfloat16 array of a library that NumPy cannot read from."""

    def __init__(self, array: Any, *, versioned: bool, plain: bool = False) -> None:
        super().__init__(array)
        self.versioned = versioned
        sizes = ctypes.c_int64 * max(array.ndim, 1)
        self.shape_of, self.strides_of = sizes(*array.shape), sizes(*(each // 2 for each in array.strides))
        strides = None if plain else ctypes.addressof(self.strides_of)
        self.tensor = Tensor(
            1, 0, None, None, 0, array.ctypes.data, (1, 0), array.ndim, 4, 16, 1,
            ctypes.addressof(self.shape_of), strides, 0,
        )  # fmt: skip

    def __dlpack__(self, **how: Any) -> Any:
        if how and not self.versioned:
            raise TypeError("unexpected keyword argument 'max_version'")
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        start = ctypes.addressof(self.tensor) + (0 if self.versioned else Tensor.data.offset)
        return new(start, b"dltensor_versioned" if self.versioned else b"dltensor", None)


@pytest.mark.parametrize("versioned", [True, False])
@pytest.mark.parametrize("layout", [lambda x: x, lambda x: x[:, ::2], lambda x: x[::-1], lambda x: x.T])
def test_bfloat16_is_read_though_numpy_has_no_such_dtype(versioned: bool, layout: Any) -> None:
    x = layout(floats(4, 8).astype(ml_dtypes.bfloat16))
    found = kernels.softmax(Halves(x, versioned=versioned))
    assert found.dtype == ml_dtypes.bfloat16
    np.testing.assert_array_equal(found, kernels.softmax(x.copy()))


def test_bfloat16_without_strides_is_contiguous() -> None:
    x = floats(4, 8).astype(ml_dtypes.bfloat16)
    found = kernels.softmax(Halves(x, versioned=True, plain=True))
    np.testing.assert_array_equal(found, kernels.softmax(x))


def test_only_who_says_that_it_may_be_written_to_is_written_to() -> None:
    x = floats(4, 8).astype(ml_dtypes.bfloat16)
    y = np.zeros_like(x)
    kernels.softmax(x, out=Halves(y, versioned=True))
    np.testing.assert_array_equal(y, kernels.softmax(x))
    with pytest.raises(BadArgument, match="read-only"):
        kernels.softmax(x, out=Halves(y, versioned=False))


def test_torch_tensors_are_read_and_written() -> None:
    torch = pytest.importorskip("torch")
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        x = torch.randn(3, 8).to(dtype)
        y = torch.empty_like(x)
        assert kernels.softmax(x, out=y) is y
        expected = torch.softmax(x.float(), -1)
        assert torch.allclose(y.float(), expected, atol=1e-2)
    with pytest.raises(BadArgument, match=r"DLPack: .*grad"):
        kernels.softmax(torch.randn(3, requires_grad=True))


# ---- devices


def test_arrays_on_two_devices_are_refused() -> None:
    x, on_card = floats(3, 8), floats(3, 8).view(OnCard)
    with pytest.raises(BadArgument, match=r"softmax_grad: .* on several devices \(cpu, cuda\)"):
        kernels.softmax_grad(x, on_card)
    with pytest.raises(BadArgument, match=r"softmax: out \(y\) is on cuda, the inputs on cpu"):
        kernels.softmax(x, out=on_card)


def test_what_is_on_a_card_is_viewed_by_cupy(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def from_dlpack(value: Exported) -> Any:
        seen.append(value)
        return value.array.view(OnCard)

    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(from_dlpack=from_dlpack))
    value = Exported(floats(3, 8), (2, 0))
    found = arrays.as_array("op", "x", value)
    assert seen == [value]
    assert arrays.device_of(found) == "cuda"
