"""Tensors: what they are made of, what they promote to, what they share, what they refuse."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import numpy as np
import pytest

import framework as fw
from framework import nn, ops
from framework.core import dtypes
from framework.core.tensor import Tensor, is_recording
from framework.errors import ArgumentError, DTypeError, GradientError, InPlaceError, ShapeError, TraceError


@pytest.mark.parametrize(
    ("data", "dtype"),
    [(1, fw.int64), (1.5, fw.float32), (True, fw.bool_), (1j, fw.complex64), ([[1.0], [2.0]], fw.float32)],
)
def test_python_numbers_and_lists_become_the_default_dtypes(data: Any, dtype: Any) -> None:
    assert Tensor(data).dtype == dtype


def test_a_complex_number_does_not_become_a_real_one() -> None:
    with pytest.raises(DTypeError, match="complex128 data cannot become float64: take the real part"):
        Tensor(1j, fw.float64)


def test_numpy_arrays_keep_their_dtype_and_are_copied() -> None:
    a = np.arange(3.0)
    t, shared = Tensor(a), fw.from_numpy(a)
    a[0] = 9.0
    assert t.dtype == fw.float64
    assert (t.tolist()[0], shared.tolist()[0]) == (0.0, 9.0)


def test_lists_may_hold_tensors() -> None:
    assert Tensor([Tensor(1.0), Tensor(2.0)]).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("a", "b", "wanted"),
    [
        (fw.int32, fw.float32, fw.float32),
        (fw.int64, fw.float16, fw.float16),
        (fw.int8, fw.uint8, fw.int16),
        (fw.bool_, fw.int8, fw.int8),
        (fw.float16, fw.bfloat16, fw.float32),
        (fw.float64, fw.complex64, fw.complex128),
        (fw.uint32, fw.int32, fw.int64),
    ],
    ids=lambda d: d.name,
)
def test_two_dtypes_promote_alike_in_both_orders_and_in_traces(a: Any, b: Any, wanted: Any) -> None:
    x, y = ops.ones((2,), a), ops.ones((2,), b)
    assert (x + y).dtype == (y + x).dtype == wanted
    assert fw.vmap(lambda x, y: x * y)(x, y).dtype == wanted


@pytest.mark.parametrize(
    ("dtype", "number", "wanted"),
    [
        (fw.int32, 1.5, fw.float32),
        (fw.int32, 2, fw.int32),
        (fw.bool_, 2, fw.int64),
        (fw.float16, 2.5, fw.float16),
        (fw.float64, 1j, fw.complex128),
        (fw.bfloat16, 2.5, fw.bfloat16),
    ],
)
def test_a_python_number_takes_the_tensors_dtype_unless_its_kind_is_higher(
    dtype: Any, number: Any, wanted: Any
) -> None:
    assert (ops.ones((2,), dtype) * number).dtype == wanted
    assert (number - ops.ones((2,), dtype)).dtype == wanted if dtype != fw.bool_ else True


def test_unsigned_and_signed_64_bit_integers_have_no_common_dtype() -> None:
    with pytest.raises(DTypeError, match="uint64 and int64 have no common integer dtype; cast"):
        ops.ones((1,), fw.uint64) + ops.ones((1,), fw.int64)


def test_zero_and_minus_zero_stay_apart() -> None:
    x = Tensor([1.0])
    assert not np.signbit((x * 0.0).asnumpy())[0]
    assert np.signbit((x * -0.0).asnumpy())[0]


def test_numpy_functions_of_tensors_are_ours() -> None:
    x = Tensor([1.0, 2.0])
    assert isinstance(np.sin(x), Tensor)
    assert isinstance(np.ones(2, np.float32) + x, Tensor)
    assert fw.grad(lambda x: np.exp(x).sum())(x).tolist() == np.exp(x).tolist()
    assert np.asarray(x).sum() == 3.0


def test_what_asnumpy_gives_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        Tensor([1.0]).asnumpy()[0] = 2.0


def test_dlpack_shares_memory_both_ways_with_numpy() -> None:
    a = np.arange(3.0)
    t = ops.from_dlpack(a)
    a[1] = 7.0
    assert t.tolist() == [0.0, 7.0, 2.0]
    assert np.from_dlpack(t).tolist() == [0.0, 7.0, 2.0]


def test_dlpack_shares_memory_both_ways_with_torch() -> None:
    torch = pytest.importorskip("torch")
    t = torch.arange(3.0)
    x = ops.asarray(t)
    t[0] = 5.0
    assert x.tolist() == [5.0, 1.0, 2.0]
    assert torch.from_dlpack(x).tolist() == [5.0, 1.0, 2.0]
    narrow = ops.from_dlpack(t.bfloat16())
    assert (narrow.dtype, narrow.tolist()) == (dtypes.bfloat16, [5.0, 1.0, 2.0])
    assert torch.from_dlpack(narrow).dtype == torch.bfloat16


@pytest.mark.parametrize("version", [None, (1, 0)])
def test_dlpack_takes_bfloat16_that_numpy_does_not_know(version: Any) -> None:
    class Exporter:
        def __dlpack__(self, **kwargs: Any) -> Any:
            return x.__dlpack__(max_version=version)

        def __dlpack_device__(self) -> Any:
            return x.__dlpack_device__()

    x = Tensor([1.5, -2.0], "bfloat16")
    found = ops.from_dlpack(Exporter())
    assert (found.dtype, found.tolist()) == (dtypes.bfloat16, [1.5, -2.0])


def test_memory_of_what_a_gradient_follows_is_not_handed_out_unseen() -> None:
    with pytest.raises(GradientError, match=r"DLPack of a tensor that a gradient follows \(shape \(1,\)\)"):
        fw.grad(lambda x: ops.from_dlpack(np.from_dlpack(x)).sum())(Tensor([1.0]))


def test_writing_gives_the_tensor_a_new_array_and_others_keep_theirs() -> None:
    x = Tensor([1.0, 2.0, 3.0])
    view = x[1:]
    x[1] = 9.0
    assert x.tolist() == [1.0, 9.0, 3.0]
    assert view.tolist() == [2.0, 3.0]


def test_writing_to_what_a_gradient_needs_raises_and_says_what_to_write() -> None:
    w = Tensor([2.0])

    def f(x: Tensor) -> Tensor:
        y = x * w
        w[0] = 5.0
        return y.sum()

    with pytest.raises(InPlaceError, match=r"needs: write x = ops\.index_put"):
        fw.grad(f)(Tensor([1.0]))
    with pytest.raises(InPlaceError, match="index_put"):
        fw.grad(lambda x: x.__setitem__(0, 1.0))(Tensor([1.0]))


def test_writing_what_a_gradient_or_a_trace_follows_into_a_plain_tensor_raises() -> None:
    def f(x: Tensor) -> Tensor:
        y = ops.zeros((2,))
        y[0] = x
        return y.sum()

    for transform in (fw.grad, fw.jit):
        with pytest.raises(InPlaceError, match=r"follows.* write x = ops\.index_put"):
            transform(f)(Tensor(1.0))


def test_copying_and_pickling_keep_the_value_and_never_cut_a_gradient_off_unseen() -> None:
    x = Tensor([1.0, 2.0])
    for same in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert (same.tolist(), same.dtype) == (x.tolist(), x.dtype)
    for cut in (copy.deepcopy, lambda y: pickle.loads(pickle.dumps(y))):
        with pytest.raises(GradientError, match=r"x\.copy\(\)"):
            fw.grad(lambda x, cut=cut: cut(x * 2).sum())(x)


def test_an_augmented_assignment_binds_a_new_tensor() -> None:
    x = y = Tensor([1.0])
    x += 1.0
    assert (x.tolist(), y.tolist()) == ([2.0], [1.0])


def test_asking_for_a_value_inside_a_trace_names_the_line_and_the_cure() -> None:
    def f(x: Tensor) -> Tensor:
        return x if x > 0 else -x

    with pytest.raises(TraceError, match=r"test_tensor\.py:\d+: bool\(tensor\).* use ops\.where"):
        fw.vmap(f)(Tensor([1.0]))
    with pytest.raises(TraceError, match=r"test_tensor\.py:\d+: a boolean mask as index"):
        fw.vmap(lambda x: x[x > 0])(ops.ones((2, 3)))


def test_errors_quote_shapes() -> None:
    with pytest.raises(
        ShapeError, match=r"shapes \(2,\) and \(3,\) do not broadcast: dimension -1 is 2 and 3"
    ):
        ops.ones((2,)) + ops.ones((3,))
    with pytest.raises(ShapeError, match=r"matmul: shapes \(2, 3\) and \(2, 3\)"):
        ops.ones((2, 3)) @ ops.ones((2, 3))
    with pytest.raises(ShapeError, match="axis 2 of a tensor with 2 dimensions; give one from -2 to 1"):
        ops.ones((2, 3)).sum(2)
    with pytest.raises(ShapeError, match=r"index 5 is out of range for dimension 0 of shape \(2, 3\)"):
        ops.ones((2, 3))[5]
    with pytest.raises(DTypeError, match="dtype 'float8' is not supported; there are: bool, int8"):
        ops.ones((2,), "float8")
    with pytest.raises(ShapeError, match="ragged"):
        Tensor([[1.0], [1.0, 2.0]])
    with pytest.raises(ShapeError, match=r"bool\(tensor\).* needs one element.* use all\(\)"):
        bool(ops.ones((2,)))


def test_conversions_to_python() -> None:
    assert (int(Tensor(3)), float(Tensor([2.5])), len(Tensor([1, 2]))) == (3, 2.5, 2)
    assert [1, 2, 3][Tensor(1)] == 2
    assert [t.item() for t in Tensor([1, 2])] == [1, 2]
    assert repr(Tensor([1.0, 2.0])) == "Tensor([1., 2.], dtype=float32)"


def test_a_tensor_of_one_element_is_formatted_as_a_number() -> None:
    loss = Tensor([[1.25]])
    assert f"{loss:.1e} {ops.cast(loss, 'bfloat16'):.2f}" == "1.2e+00 1.25"
    assert f"{loss}" == str(loss)
    with pytest.raises(ShapeError, match=r"the format '.2f' needs one element; this tensor has shape \(2,\)"):
        f"{Tensor([1.0, 2.0]):.2f}"


def test_parameters_compute_with_the_tensor_they_hold() -> None:
    p = fw.Parameter([1.0, 2.0], name="w")
    assert (p * 2 + ops.exp(p) * 0).tolist() == [2.0, 4.0]
    p.assign(np.array([5.0, 6.0]))
    assert (p.tolist(), p.version, p.dtype) == ([5.0, 6.0], 1, fw.float32)
    with pytest.raises(ShapeError, match=r"assign: parameter 'w' has shape \(2,\), the value \(3,\)"):
        p.assign(np.zeros(3))


def test_a_tape_goes_with_its_last_result_without_the_garbage_collector() -> None:
    gc.disable()
    try:
        x = Tensor([1.0])
        out, pull = fw.vjp(lambda x: ops.sin(x) * x, x)
        nodes = [weakref.ref(x)]
        inner: list[Any] = []

        def f(x: Tensor) -> Tensor:
            y = ops.exp(x)
            inner.append(weakref.ref(y))
            return (y * y).sum()

        fw.grad(f)(x)
        fw.hessian(lambda x: f(x))(x)
        assert all(ref() is None for ref in inner)
        del x, out, pull
        assert nodes[0]() is None
    finally:
        gc.enable()
    assert not is_recording()


def test_a_result_of_value_and_grad_holds_no_tape() -> None:
    loss, _ = fw.value_and_grad(lambda x: (x * x).sum())(Tensor([1.0]))
    assert loss.prim is None


def test_an_error_in_a_differentiated_function_leaves_no_recorder_on() -> None:
    p = fw.Parameter([1.0])
    with pytest.raises(ShapeError):
        fw.grad(lambda: p + ops.ones((2, 2)) @ ops.ones((3, 3)), None, [p])()
    assert not is_recording()
    assert p.held.prim is None


def test_every_dtype_has_a_name_and_a_kind() -> None:
    assert len(dtypes.ALL) == 15
    assert all(dtypes.as_dtype(d.name) is d for d in dtypes.ALL)


def test_a_tensor_is_not_none() -> None:
    t: Any = Tensor([1.0, 2.0])
    assert (t == None, t != None) == (False, True)  # noqa: E711 (what is tested)


def test_softmax_of_nothing_is_nothing_and_the_largest_of_nothing_is_told() -> None:
    for fn in (ops.softmax, ops.log_softmax, fw.grad(lambda x: ops.softmax(x).sum()), fw.jit(ops.softmax)):
        assert fn(ops.zeros((3, 0))).shape == (3, 0)
    assert ops.max(ops.zeros((3, 0)), 0).shape == (0,)
    for shape in ((0,), (3, 0), (0, 3, 0)):
        with pytest.raises(ShapeError, match=r"max or min over axes \(-1,\) of shape .*: of no elements"):
            ops.max(ops.zeros(shape), -1)


def test_a_letter_of_the_result_alone_and_a_negative_width_are_told() -> None:
    with pytest.raises(ArgumentError, match=r"einsum: spec 'ij->ijk': 'k' of the result is in no operand"):
        ops.einsum("ij->ijk", ops.ones((2, 2)))
    with pytest.raises(ArgumentError, match="Dense: -1 to 2 channels; give ints from 0"):
        nn.Dense(-1, 2)
