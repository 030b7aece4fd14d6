"""The tensor, and `apply`, by which every operator runs.

Theory of operation. A tensor holds an array (`value`), or None while a function is traced for every value at
once. `apply(prim, *ins, **attrs)` computes where all inputs have values and infers shape and dtype where one
has none. The result remembers its primitive, inputs and attributes (it is *recorded*) if it is abstract, or
if a recorder is on (somebody differentiates) and an input is recorded. That is the whole tape: parents held
by children, freed by reference counts when the last result goes. A node's `index` is larger than those of its
inputs, so sorting by it is a topological order.

A tensor's value never changes under those who hold it: `x[i] = v` gives `x` a new array, and refuses once a
recorded node has `x` as input. Views between tensors are therefore not observable.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from threading import Lock
from typing import Any

import numpy as np

from framework.core import assigned, backend, dtypes
from framework.core.backend import Array
from framework.core.dtypes import DType
from framework.core.prim import Aval, Prim, define
from framework.core.python import ToPython, refuse_followed
from framework.core.python import known as known
from framework.errors import DTypeError, FrameworkError, GradientError, InPlaceError, ShapeError

_recorders = 0  # how many differentiations are under way, in all threads: one too many only records in vain
_lock = Lock()
_numbers = count(1)


class Tensor(ToPython):
    """An n-dimensional array that operators are recorded on.

    `Tensor(data, dtype=None)` copies `data` (nested lists, numbers, arrays); Python floats become float32,
    ints int64. `framework.from_numpy` shares memory instead. Raises DTypeError for a dtype that the framework
    has not.
    """

    __slots__ = ("__weakref__", "attrs", "aval", "index", "ins", "prim", "value")
    value: Array | None  # None: abstract
    prim: Any  # its Prim; None: not recorded, and ins and attrs are unset
    ins: tuple[Tensor, ...]
    attrs: dict[str, Any]
    index: int  # its place in time; 0: not recorded, but an input of what is; unset: neither
    aval: Any  # an Aval where value is None; of a `multi` node, a tuple of them

    def __init__(self, data: Any, dtype: Any = None) -> None:
        array = _array_of(data, None if dtype is None else dtypes.as_dtype(dtype))
        self.value = backend.xp.array(array) if array is data else array
        self.prim = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the dimensions."""
        value = self.value
        shape: tuple[int, ...] = self.aval.shape if value is None else value.shape
        return shape

    @property
    def dtype(self) -> DType:
        """NumPy's dtype of the elements."""
        value = self.value
        dtype: DType = self.aval.dtype if value is None else value.dtype
        return dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        number = 1
        for n in self.shape:
            number *= n
        return number

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
        return self.size * self.dtype.itemsize

    @property
    def device(self) -> str:
        """`"cpu"` or `"gpu"`: where its array lies."""
        value = self.value
        return backend.get_device() if value is None else "cpu" if isinstance(value, np.ndarray) else "gpu"

    def to_device(self, device: str, stream: Any = None) -> Tensor:
        """A copy on `"cpu"` or `"gpu"`, without its history; the tensor itself if it is there."""
        return self if device == self.device else wrap(backend.place(known(self, "to_device()"), device))

    def __setitem__(self, where: Any, value: Any) -> None:
        from framework import ops

        if self.value is None or self.prim is not None or getattr(self, "index", None) == 0:
            copy = ", or x = x.copy() first" if self.value is not None and self.prim is None else ""
            raise InPlaceError(
                f"x[{where!r}] = … would change a tensor of shape {self.shape} that a gradient or a trace "
                f"needs: write x = ops.index_put(x, where, value) instead{copy}"
            )
        written = ops.index_put(self, where, value)
        if written.prim is not None:
            raise InPlaceError(
                f"x[{where!r}] = … would write what a gradient or a trace follows into a plain tensor, "
                f"of shape {self.shape}, which forgets it: write x = ops.index_put(x, where, value) instead"
            )
        self.value = written.value

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied and pickled by value; GradientError where that would cut a gradient off unseen."""
        array = known(self, "copying or pickling a tensor")
        if self.prim is not None:
            raise GradientError(
                f"copying or pickling a tensor that a gradient follows (shape {self.shape}) cuts it off: "
                "write x.copy(), which has a gradient, or Tensor(x), which has none"
            )
        return wrap, (array,)


_new = Tensor.__new__
_ndarray = np.ndarray


def wrap(array: Array) -> Tensor:
    """A tensor of an array as it is: no copy, no check."""
    t = _new(Tensor)
    t.value = array
    t.prim = None
    return t


def apply(prim: Prim, *ins: Tensor, **attrs: Any) -> Any:
    """Run a primitive: compute if all inputs have values, else infer. Gives a tuple where it is `multi`."""
    try:  # one and two operands apart: building a list of values costs as much as adding eight numbers
        if len(ins) == 2:
            a, b = ins[0].value, ins[1].value
            if a is None or b is None:
                return _record(prim, ins, attrs, None)
            value = prim.impl(backend.xp, a, b, **attrs) if attrs else prim.impl(backend.xp, a, b)
        elif len(ins) == 1:
            a = ins[0].value
            if a is None:
                return _record(prim, ins, attrs, None)
            value = prim.impl(backend.xp, a, **attrs) if attrs else prim.impl(backend.xp, a)
        else:
            values = []
            for x in ins:
                if x.value is None:
                    return _record(prim, ins, attrs, None)
                values.append(x.value)
            value = prim.impl(backend.xp, *values, **attrs)
    except FrameworkError:
        raise
    except Exception:
        prim.infer(*ins, **attrs)  # words the error, if it is one of shapes and dtypes
        raise
    if _recorders:
        for x in ins:
            if x.prim is not None:
                return _record(prim, ins, attrs, value)
    if value.__class__ is not _ndarray:
        if prim.multi:
            return tuple([wrap(backend.xp.asarray(v)) for v in value])
        value = backend.xp.asarray(value)  # NumPy gives scalars for 0 dimensions
    t = _new(Tensor)
    t.value = value
    t.prim = None
    return t


def _record(prim: Prim, ins: tuple[Tensor, ...], attrs: dict[str, Any], value: Any) -> Any:
    """The node of a primitive: with a value, or abstract."""
    t = _new(Tensor)
    t.prim = prim
    t.ins = ins
    t.attrs = attrs
    t.index = next(_numbers)
    for x in ins:
        if x.prim is None:
            x.index = 0
    if value.__class__ is _ndarray:
        t.value = value
        return t
    if value is None:
        t.value = None
        t.aval = prim.infer(*ins, **attrs)
        number = len(t.aval) if prim.multi else 0
    elif prim.multi:
        t.value = tuple([backend.xp.asarray(v) for v in value])
        number = len(value)
    else:
        t.value = backend.xp.asarray(value)
    return tuple([_record_pick(t, i) for i in range(number)]) if prim.multi else t


def _record_pick(node: Tensor, i: int) -> Tensor:
    """Output i of a `multi` node, as a node of its own."""
    t = _new(Tensor)
    t.prim = PICK
    t.ins = (node,)
    t.attrs = {"i": i}
    t.index = next(_numbers)
    if node.value is None:
        t.value = None
        t.aval = node.aval[i]
    else:
        t.value = node.value[i]
    return t


def outputs_of(node: Tensor) -> tuple[Tensor, ...]:
    """The outputs of a `multi` node as tensors."""
    return tuple([_record_pick(node, i) for i in range(len(node.aval if node.value is None else node.value))])


@contextmanager
def recording() -> Iterator[None]:
    """While entered, what depends on a recorded tensor is recorded."""
    global _recorders
    with _lock:
        _recorders += 1
    try:
        yield
    finally:
        with _lock:
            _recorders -= 1


def is_recording() -> bool:
    """Is anybody differentiating?"""
    return _recorders > 0


def leaf(x: Tensor) -> Tensor:
    """A recorded copy of x: what is computed from it is recorded, and passes its gradient on to x."""
    t = _new(Tensor)
    t.value = x.value
    if x.value is None:
        t.aval = x.aval
    t.prim, t.ins, t.attrs, t.index = IDENTITY, (x,), {}, next(_numbers)
    return t


def abstract(shape: tuple[int, ...], dtype: DType) -> Tensor:
    """A tensor without a value: an input of a trace."""
    t = _new(Tensor)
    t.value, t.prim, t.ins, t.attrs, t.index = None, INPUT, (), {}, next(_numbers)
    t.aval = Aval(tuple(shape), dtype)
    return t


def without_value(node: Tensor, ins: list[Tensor]) -> Tensor:
    """A recorded node as an abstract one, of other inputs."""
    t = _new(Tensor)
    t.value, t.prim, t.ins, t.attrs, t.index = None, node.prim, tuple(ins), node.attrs, node.index
    several = node.value if isinstance(node.value, tuple) else None
    if node.value is None:
        t.aval = node.aval
    else:
        t.aval = (
            Aval(node.shape, node.dtype)
            if several is None
            else tuple([Aval(v.shape, v.dtype) for v in several])
        )
    return t


def detach(x: Tensor) -> Tensor:
    """The value of x without its history; x itself where it has none, or no value."""
    return x if x.prim is None or x.value is None else wrap(x.value)


_scalars: dict[Any, Tensor] = {}  # tensors of Python numbers: making one costs as much as adding two


def scalar(value: Any, dtype: DType) -> Tensor:
    """A Python number as a tensor of shape () and this dtype."""
    key = (value.__class__, value, dtype, backend.xp)
    found = _scalars.get(key)
    if found is None:
        try:
            found = wrap(backend.xp.asarray(value, dtype=dtype))
        except OverflowError:
            raise DTypeError(
                f"the number {value!r:.60} does not fit {dtype.name}: cast the tensor first"
            ) from None
        if value and len(_scalars) < 4096:  # not zero: 0.0 == -0.0
            _scalars[key] = found
    return found


def as_tensor(x: Any, dtype: DType | None = None) -> Tensor:
    """x (numbers, nested lists, arrays, parameters) as a tensor. Shares memory with an array."""
    if isinstance(x, Parameter):
        x = x.held
    if not isinstance(x, Tensor):
        return wrap(_array_of(x, dtype))
    if dtype is not None and x.dtype != dtype:
        from framework import ops

        return ops.cast(x, dtype)
    return x


def _array_of(data: Any, dtype: DType | None) -> Array:
    if isinstance(data, Tensor):
        data = known(data, "Tensor(tensor)")
    xp = backend.xp
    if isinstance(data, xp.ndarray | np.generic):
        dtypes.as_dtype(data.dtype)
        return xp.asarray(data, dtype=dtype)
    if isinstance(data, list | tuple):
        refuse_followed(data, "a tensor made of a list of tensors", "write ops.stack(list)")
        data = [_array_of(d, None) if isinstance(d, Tensor | list | tuple) else d for d in data]
    try:
        array = np.asarray(
            backend.to_numpy(data) if hasattr(data, "get") and hasattr(data, "shape") else data
        )
    except ValueError as fault:
        raise ShapeError(
            f"a tensor cannot be made of ragged lists: {data!r:.200}; make rows of one length"
        ) from fault
    if array.dtype.kind not in "biufcV" or (array.dtype.kind == "V" and array.dtype != dtypes.bfloat16):
        raise DTypeError(
            f"a tensor cannot be made of {data!r:.200} ({type(data).__name__}): numbers are allowed"
        )
    if dtype is None and not hasattr(data, "dtype"):
        dtype = {"f": dtypes.default_float, "c": dtypes.default_complex}.get(array.dtype.kind)
    if array.dtype.kind == "c" and dtype is not None and not dtypes.is_complex(dtype):
        raise DTypeError(f"{array.dtype.name} data cannot become {dtype.name}: take the real part first")
    return xp.asarray(array, dtype=dtype)


class Parameter(Tensor):
    """A tensor that a cell owns and an optimiser changes: a name and a box (`held`) for the tensor it stands
    for.

    Operators compute with `held`. `value_and_grad(weights=…)` and `jit` put a recorded or an abstract tensor
    there for a while. `assign` changes it, and `version` says how often that was.
    """

    __slots__ = ("held", "name", "requires_grad", "version")

    def __init__(self, default_input: Any, name: str | None = None, requires_grad: bool = True) -> None:
        self.held = default_input if type(default_input) is Tensor else Tensor(default_input)
        self.name = name
        self.requires_grad = requires_grad
        self.version = 0

    def assign(self, value: Any) -> Parameter:
        """Give it a new value of the same shape (cast to its dtype); ShapeError for another shape."""
        new = as_tensor(value, self.dtype)
        if new.shape != self.shape:
            raise ShapeError(
                f"assign: parameter {self.name!r} has shape {self.shape}, the value {new.shape}: reshape it"
            )
        assigned.note(self)
        self.held = detach(new)
        self.version += 1
        return self

    set_data = assign

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied and pickled by value, name and `requires_grad`."""
        return Parameter, (np.array(self.asnumpy()), self.name, self.requires_grad)

    def __setitem__(self, where: Any, value: Any) -> None:
        from framework import ops

        self.assign(ops.index_put(self, where, value))

    def __repr__(self) -> str:
        return f"Parameter(name={self.name!r}, requires_grad={self.requires_grad}, {self.held!r})"


def _of_held(slot: str) -> property:
    return property(lambda self: getattr(self.held, slot))


for _slot in ("value", "prim", "ins", "attrs", "index", "aval"):
    setattr(Parameter, _slot, _of_held(_slot))

# The three primitives that the recorded graph itself is made of.
INPUT = define("input", lambda xp: None, lambda: None)
IDENTITY = define(
    "identity",
    lambda xp, x: x,
    lambda x: Aval(x.shape, x.dtype),
    axes="...->...",
    vjp=(lambda g, out, x: g,),
    jvp="linear",
    emit="{0}",
)
PICK = define("pick", lambda xp, x, i: x[i], lambda x, i: x.aval[i])
