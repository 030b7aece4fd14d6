"""What a tensor is to Python and to other libraries: numbers, sequences, text, arrays, DLPack, array API.

All of it needs the tensor's value, and says so where there is none.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.core import backend, dtypes
from framework.core.backend import Array
from framework.core.dlpack import exported
from framework.errors import ArgumentError, DTypeError, GradientError, ShapeError, TraceError

if TYPE_CHECKING:
    from framework.core.tensor import Tensor

_HERE = str(Path(__file__).parents[1])
_said: set[str] = set()  # warnings
# NumPy's names for what has another name here, and functions whose arguments mean the same here.
UFUNCS = {
    "absolute": "abs", "fabs": "abs", "power": "pow", "rint": "round", "conjugate": "conj",
    "invert": "bitwise_invert", "left_shift": "bitwise_left_shift", "right_shift": "bitwise_right_shift",
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "arcsinh": "asinh",
    "arccosh": "acosh", "arctanh": "atanh",
}  # fmt: skip
FUNCTIONS = {name: name for name in (
    "all", "any", "argmax", "argmin", "broadcast_to", "clip", "einsum", "expand_dims", "flip", "max", "mean",
    "min", "moveaxis", "prod", "reshape", "squeeze", "stack", "std", "sum", "swapaxes", "tril", "triu", "var",
)} | {"concatenate": "concat"}  # fmt: skip


class ToPython:
    """The conversions of a Tensor, which is the only class that has this base."""

    __slots__ = ()

    if TYPE_CHECKING:  # of Tensor, and of framework/ops/methods.py, which installs the operators
        value: Array | None
        prim: Any

        @property
        def shape(self) -> tuple[int, ...]: ...
        @property
        def dtype(self) -> dtypes.DType: ...
        @property
        def size(self) -> int: ...
        def __getattr__(self, name: str) -> Any: ...
        def __getitem__(self, where: Any) -> Tensor: ...
        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __floordiv__(self, other: Any) -> Tensor: ...
        def __mod__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __rpow__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __rmatmul__(self, other: Any) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __pos__(self) -> Tensor: ...
        def __abs__(self) -> Tensor: ...
        def __invert__(self) -> Tensor: ...
        def __and__(self, other: Any) -> Tensor: ...
        def __or__(self, other: Any) -> Tensor: ...
        def __xor__(self, other: Any) -> Tensor: ...
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...
        def __eq__(self, other: Any) -> Tensor: ...  # type: ignore[override]
        def __ne__(self, other: Any) -> Tensor: ...  # type: ignore[override]

    def asnumpy(self) -> np.ndarray:
        """The value as a NumPy array: read-only, sharing memory where it lies on the CPU."""
        array = backend.to_numpy(known(self, "asnumpy()")).view()
        array.flags.writeable = False
        return array

    numpy = asnumpy

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        refuse_followed([self], "an array of a tensor", "use framework.ops, or write t.asnumpy()")
        array = self.asnumpy()
        return np.array(array, dtype=dtype, copy=copy) if dtype is not None or copy else array

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from framework import ops

        name = UFUNCS.get(ufunc.__name__, ufunc.__name__)
        if method != "__call__" or kwargs or name not in ops.__all__:
            called = ufunc.__name__ + ("" if method == "__call__" else f".{method}")
            options = f" with {', '.join(kwargs)}=" if kwargs else ""
            raise DTypeError(
                f"np.{called}{options} of a tensor of shape {self.shape} is no operator of the framework: "
                "write it with framework.ops, or take t.asnumpy(), which no gradient follows"
            )
        return getattr(ops, name)(*inputs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """NumPy's function by ours where its arguments mean the same, else of arrays."""
        from framework import ops

        name = func.__name__ if func.__module__ == "numpy" else ""
        if name in ("shape", "ndim", "size"):
            return getattr(self, name)
        if name in FUNCTIONS and kwargs.keys() <= {"axis", "keepdims"}:
            return getattr(ops, FUNCTIONS[name])(*args, **kwargs)
        return func(*_arrays(args), **_arrays(kwargs))

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        from framework import array_api

        if api_version not in (None, array_api.__array_api_version__):
            raise ArgumentError(
                f"array API {api_version!r} is not known; there is {array_api.__array_api_version__}"
            )
        return array_api

    def __dlpack__(self, **kwargs: Any) -> Any:
        refuse_followed([self], "DLPack of a tensor", "use framework.ops, or t.stop_gradient()")
        return exported(known(self, "__dlpack__()"), **kwargs)

    def __dlpack_device__(self) -> tuple[int, int]:
        device: tuple[int, int] = known(self, "__dlpack_device__()").__dlpack_device__()
        return device

    def item(self) -> Any:
        """The only element as a Python number; ShapeError if there are more."""
        if self.size != 1:
            raise ShapeError(f"item() needs one element; this tensor has shape {self.shape}: index it first")
        return known(self, "item()").item()

    def tolist(self) -> Any:
        """Nested lists of Python numbers."""
        return known(self, "tolist()").tolist()

    def __bool__(self) -> bool:
        return bool(_one(self, "bool(tensor), as in `if` and `while`,"))

    def __format__(self, how: str) -> str:
        return format(_one(self, f"the format {how!r}").item(), how) if how else str(self)

    def __int__(self) -> int:
        return int(_one(self, "int(tensor)"))

    def __float__(self) -> float:
        return float(_one(self, "float(tensor)"))

    def __complex__(self) -> complex:
        return complex(_one(self, "complex(tensor)"))

    def __index__(self) -> int:
        if not dtypes.is_integer(self.dtype):
            raise DTypeError(f"an index must be an integer; this tensor is {self.dtype.name}: cast it first")
        return int(_one(self, "a tensor as index or size"))

    def __len__(self) -> int:
        if not self.shape:
            raise ShapeError("len() of a tensor of shape (): it has no dimension to count")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return iter([self[i] for i in range(len(self))])

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        name = self.__class__.__name__
        if self.value is None:
            return f"{name}(shape={self.shape}, dtype={self.dtype.name}, traced)"
        text = np.array2string(self.asnumpy(), separator=", ", prefix=name + "(", threshold=200, precision=4)
        return f"{name}({text}, dtype={self.dtype.name})"


def _arrays(value: Any) -> Any:
    """A container with arrays for its tensors."""
    if isinstance(value, list | tuple):
        return [_arrays(each) for each in value]
    if isinstance(value, dict):
        return {name: _arrays(each) for name, each in value.items()}
    return np.asarray(value) if isinstance(value, ToPython) else value


def known(x: ToPython, what: str) -> Array:
    """The value of x; TraceError, naming the line of the user's code and the cure, where it has none."""
    if x.value is None:
        raise TraceError(
            f"{user_line()}: {what} needs the value of a tensor of shape {x.shape} and dtype {x.dtype.name}, "
            "which has none while jit, vmap or a loop traces the function: use ops.where, ops.cond, "
            "ops.while_loop or ops.scan, or compute it outside"
        )
    return x.value


def refuse_followed(data: Sequence[Any], what: str, cure: str) -> None:
    """GradientError for tensors that something is to be made of, if a gradient follows one of them."""
    for x in data:
        if isinstance(x, ToPython) and x.value is not None and x.prim is not None:
            raise GradientError(f"{what} that a gradient follows (shape {x.shape}) would lose it: {cure}")


def _one(x: ToPython, what: str) -> Array:
    if x.size != 1:
        raise ShapeError(
            f"{what} needs one element; this tensor has shape {x.shape}: use all(), any() or an index"
        )
    return known(x, what).reshape(())[()]


def user_line() -> str:
    """`file:line` of the innermost frame outside the framework."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def warn_once(message: str) -> None:
    """A RuntimeWarning, once a process, at the innermost line outside the framework."""
    if message not in _said:
        _said.add(message)
        file, _, line = user_line().rpartition(":")
        warnings.warn_explicit(message, RuntimeWarning, file, int(line))
