"""Operators of the user's own: values, gradients, batches; and what is said of each wrong they can do."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import framework
from framework import ops
from framework.core.tensor import wrap
from framework.custom import allow_folder, library
from framework.errors import ArgumentError, CustomError, DTypeError, GradientError
from kernels.toolchain import cc, launch, nvrtc

needs_gcc = pytest.mark.skipif(not cc.available(), reason="needs gcc and g++")
# As in MindSpore's own tutorial on custom operators: two inputs, one output, float32.
ADD = """
#include <stdint.h>
#include <string.h>
int CustomAdd(int nparam, void **params, int *ndims, int64_t **shapes, const char **dtypes, void *stream,
              void *extra) {
    if (nparam != 3) return 1;
    for (int i = 0; i < nparam; i++) if (strcmp(dtypes[i], "float32") != 0) return 2;
    int64_t size = 1;
    for (int i = 0; i < ndims[2]; i++) size *= shapes[2][i];
    const float *a = params[0], *b = params[1];
    float *c = params[2];
    for (int64_t i = 0; i < size; i++) c[i] = a[i] + b[i];
    return 0;
}
"""
SCALE = """
#include "custom.h"
int Scale(int nparam, void **params, int *ndims, int64_t **shapes, const char **dtypes, void *stream,
          void *extra) {
    const double factor = custom_find(extra, "factor")->real;
    const int negative = custom_find(extra, "negative")->integer;
    if (strcmp(custom_find(extra, "unit")->text, "kg") || custom_find(extra, "missing")) return 7;
    for (int64_t i = 0; i < shapes[0][0]; i++)
        ((float *)params[1])[i] = ((float *)params[0])[i] * factor * (negative ? -1 : 1);
    return 0;
}
"""
HEAD = (
    "int F(int n, void **params, int *ndims, long **shapes, const char **dtypes, void *stream, void *extra)"
)
SQUARE_KERNEL = """
extern "C" __global__ void square(const float *x, float *y, long long n) {
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = x[i] * x[i];
}
"""
X = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(library, "_allowed", [])
    allow_folder(tmp_path)
    return tmp_path


def square(**more: Any) -> Any:
    return ops.Custom(lambda x: x * x, bprop=lambda x, out, dout: 2 * x * dout, **more)


# ---- right


@needs_gcc
def test_a_function_in_mindspore_s_form_is_loaded_from_source_file_and_library_alike(folder: Path) -> None:
    (folder / "add.c").write_text(ADD)
    command = ["gcc", "-shared", "-fPIC", "-o", str(folder / "add.so"), str(folder / "add.c")]
    subprocess.run(command, check=True)
    for func, kind in (
        (ADD, "source"),
        (f"{folder}/add.c:CustomAdd", "aot"),
        (f"{folder}/add.so:CustomAdd", "aot"),
    ):
        out = ops.Custom(func, lambda a, b: a, lambda a, b: a, func_type=kind)(X, X.T.copy().reshape(2, 3))
        np.testing.assert_array_equal(out.asnumpy(), X + X.T.reshape(2, 3))


@needs_gcc
def test_strided_and_empty_inputs_are_taken() -> None:
    add = ops.Custom(ADD, func_type="source")
    np.testing.assert_array_equal(add(X.T, X.T).asnumpy(), X.T + X.T)
    assert add(X[:0], X[:0]).shape == (0, 3)


@needs_gcc
def test_c_functions_read_attributes() -> None:
    info = (
        ops.CustomRegOp("scale").input(0, "x").output(0, "y").attr("factor", "required", "float", value=2.5)
    )
    info.attr("negative", "required", "bool", value=True).attr("unit", value="kg")
    out = ops.Custom(SCALE, func_type="source", reg_info=info)(X[0])
    np.testing.assert_array_equal(out.asnumpy(), -2.5 * X[0])


def test_the_gradient_goes_through_bprop_to_any_order() -> None:
    f = square()
    g = framework.grad(lambda x: ops.sum(f(x)))
    np.testing.assert_array_equal(g(X).asnumpy(), 2 * X)
    np.testing.assert_array_equal(framework.grad(lambda x: ops.sum(g(x)))(X).asnumpy(), np.full_like(X, 2))
    _, tangent = framework.jvp(f, framework.Tensor(X), framework.Tensor(np.ones_like(X)))
    np.testing.assert_array_equal(tangent.asnumpy(), 2 * X)


@needs_gcc
def test_a_batch_is_computed_one_example_at_a_time() -> None:
    add = ops.Custom(ADD, func_type="source", bprop=lambda a, b, out, dout: (dout, dout))
    out = framework.vmap(add, in_axes=(0, None))(X, X[0])
    np.testing.assert_array_equal(out.asnumpy(), X + X[0])
    per_example = framework.vmap(framework.grad(lambda a: ops.sum(add(a, a) * a)))(X)
    np.testing.assert_array_equal(per_example.asnumpy(), 4 * X)


def test_several_outputs_come_as_a_tuple_and_one_without_gradient_counts_as_zero() -> None:
    def halves(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return x[: len(x) // 2] * 2, x[len(x) // 2 :].astype(np.float64)

    def bprop(x: Any, out: Any, dout: Any) -> Any:
        return ops.concat([dout[0] * 2, ops.cast(dout[1], "float32")])

    split = ops.Custom(halves, lambda s: [(s[0] // 2,), (s[0] // 2,)], ["float32", "float64"], bprop=bprop)
    first, second = split(np.arange(4, dtype=np.float32))
    assert (first.tolist(), second.tolist(), second.dtype.name) == ([0, 2], [2, 3], "float64")
    gradient = framework.grad(lambda x: ops.sum(split(x)[0]))(np.ones(4, np.float32))
    assert gradient.tolist() == [2, 2, 0, 0]


def test_a_cuda_kernel_is_compiled_and_started_with_a_thread_for_each_element(monkeypatch: Any) -> None:
    if not nvrtc.available():
        pytest.skip("needs NVRTC")
    started = []

    class Recorder:
        def capability(self) -> tuple[int, int]:
            return 9, 0

        def empty(self, shape: Any, dtype: Any) -> Any:
            return SimpleNamespace(data=SimpleNamespace(ptr=2048))

        def function(self, source: Path, arch: str, symbol: str, shared: int) -> Any:
            for each in ("sm_80", arch):
                assert symbol in nvrtc.compile_source(source, each).kernels
            return lambda *launched: started.append((arch, symbol, *launched))

    monkeypatch.setattr(launch, "_driver", Recorder())
    op = ops.Custom(SQUARE_KERNEL, func_type="source")
    card = SimpleNamespace(ascontiguousarray=lambda x: x)
    x = SimpleNamespace(shape=(3, 100), dtype=np.dtype("float32"), data=SimpleNamespace(ptr=1024))
    op.run(card, x)
    assert started == [("sm_90a", "square", (2, 1, 1), (256, 1, 1), (1024, 2048, 300), 0)]
    with pytest.raises(CustomError, match="is a CUDA kernel, its inputs are on the CPU: set_device"):
        op(X)


# ---- wrong, and said so


@needs_gcc
def test_a_library_that_cannot_be_used_is_named_with_the_reason(folder: Path, monkeypatch: Any) -> None:
    (folder / "add.c").write_text(ADD)
    (folder / "broken.c").write_text("int F(")
    (folder / "empty.so").write_text("")
    for func, reason in (
        ("add.c", r"func 'add\.c' must read 'library\.so:Function'"),
        (f"{folder}/none.so:F", "there is no file .*none.so"),
        (f"{folder}/add.c:CustomAd", r"has no function 'CustomAd'; if it is C\+\+, declare it extern \"C\""),
        (f"{folder}/broken.c:F", r"broken\.c does not compile:(.|\n)*expected"),
        (f"{folder}/empty.so:F", r"empty\.so does not load: .*file too short"),
        (f"{folder}/add.c:F", "has no function 'F'"),
    ):
        with pytest.raises(CustomError, match=reason):
            ops.Custom(func, func_type="aot")
    monkeypatch.setattr(library, "_allowed", [])
    with pytest.raises(CustomError, match=r"lies in none of the allowed folders, .*allow_folder\('"):
        ops.Custom(f"{folder}/add.c:CustomAdd", func_type="aot")
    monkeypatch.setenv(library.VARIABLE, f"/nowhere:{folder}")
    ops.Custom(f"{folder}/add.c:CustomAdd", func_type="aot")


@needs_gcc
def test_a_function_that_fails_or_writes_outside_is_named() -> None:
    with pytest.raises(CustomError, match="Custom 'CustomAdd' returned 2, and 0 means success"):
        ops.Custom(ADD, func_type="source")(X.astype(np.float64), X.astype(np.float64))
    for place in ("-1", "shapes[1][0]"):
        beyond = f"{HEAD} {{ ((float *)params[1])[{place}] = 1; return 0; }}"
        with pytest.raises(
            CustomError, match=r"'F' wrote outside of its output 0 of shape \(3,\) and dtype float32"
        ):
            ops.Custom(beyond, func_type="source")(X[0])
    inplace = ops.Custom(f"{HEAD} {{ ((float *)params[0])[1] = 7; return 0; }}", func_type="source")
    with pytest.raises(CustomError, match=r"'F' wrote into its input 0 of shape \(3,\) and dtype float32"):
        inplace(X[0].copy())
    with pytest.raises(ValueError, match="read-only"):
        ops.Custom(lambda x: x.sort() or x)(X)
    with pytest.raises(CustomError, match="the source defines 0 functions of the form 'int Name"):
        ops.Custom("int add(int a, int b) { return a + b; }", func_type="source")


def test_a_python_function_that_returns_another_shape_or_dtype_than_declared_is_named() -> None:
    rows = ops.Custom(lambda x: x.sum(axis=1), reg_info=ops.CustomRegOp("rows"))
    said = r"'rows' returned float32\[2\]; .* declare float32\[2, 3\]: make them agree"
    with pytest.raises(CustomError, match=said):
        rows(X)
    with pytest.raises(ArgumentError, match=r"output shape \(-1, 3\) is none"):
        ops.Custom(lambda x: x, lambda s: (-1, 3))(X)
    with pytest.raises(ArgumentError, match="2 output shapes, 3 output dtypes"):
        ops.Custom(lambda x: x, [(1,), (1,)], ["float32"] * 3)(X)
    with pytest.raises(ArgumentError, match="has no inputs: give out_shape and out_dtype"):
        ops.Custom(lambda: X)()


def test_gradients_that_are_missing_or_do_not_fit_are_named() -> None:
    for bprop, reason in (
        (None, "has no gradient: give bprop="),
        (lambda x, out, dout: (dout, dout), "bprop returned 2 gradients for 1 inputs"),
        (lambda x, out, dout: ops.sum(dout), r"a gradient of shape \(\) for input 0 of shape \(2, 3\)"),
    ):
        f = ops.Custom(lambda x: x, bprop=bprop)
        with pytest.raises(GradientError, match=reason):
            framework.grad(lambda x, f=f: ops.sum(f(x)))(X)


def test_dtypes_and_attributes_are_held_against_the_registration() -> None:
    info = ops.CustomRegOp("twice").dtype_format("float32", "float32").dtype_format("int64", "int64")
    twice = ops.Custom(lambda x: x * 2, reg_info=info)
    assert twice(np.arange(2)).tolist() == [0, 2]
    with pytest.raises(
        DTypeError, match=r"'twice': dtypes float64, float64 .* allowed: float32, float32; int64, int64"
    ):
        twice(wrap(X.astype(np.float64)))
    with pytest.raises(ArgumentError, match="value '2' is no int"):
        info.attr("n", "required", "int", value="2")
    with pytest.raises(ArgumentError, match="param_type 'optional' is not supported"):
        info.input(0, "x", "optional")
    with pytest.raises(ArgumentError, match="of a library or a source file say func_type='aot'"):
        ops.Custom("./lib.so:F")
    with pytest.raises(ArgumentError, match="func_type 'hybrid' is unknown; give one of pyfunc, aot, source"):
        ops.Custom(lambda x: x, func_type="hybrid")
