"""One call of a function in MindSpore's seven-argument form, packed once for its shapes and dtypes.

    int Name(int nparam, void **params, int *ndims, int64_t **shapes, const char **dtypes, void *stream,
             void *extra)

Outputs on the CPU are made with a guarded border on either side, and the first call for shapes and dtypes
compares its inputs with copies made before: what writes beyond its output, or into an input, is told so,
rather than breaking something else later.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from framework.core.prim import Aval
from framework.custom.registration import Attribute
from framework.errors import CustomError

GUARD = 64  # bytes before and behind an output
_PATTERN = 0xA5


class _Attribute(ctypes.Structure):  # custom_attribute in include/custom.h
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("integer", ctypes.c_int64),
        ("real", ctypes.c_double),
        ("text", ctypes.c_char_p),
    ]


class _Extra(ctypes.Structure):  # custom_extra
    _fields_ = [("count", ctypes.c_int64), ("attributes", ctypes.c_void_p)]


class Extra:
    """The attributes of an operator as the C struct that `extra` points to."""

    def __init__(self, attributes: Mapping[str, Attribute]) -> None:
        rows = [
            _Attribute(
                name.encode(),
                int(value) if isinstance(value, int) else 0,
                0.0 if isinstance(value, str) else float(value),
                value.encode() if isinstance(value, str) else b"",
            )
            for name, value in attributes.items()
        ]
        self._rows = (_Attribute * len(rows))(*rows)
        self._struct = _Extra(len(rows), ctypes.addressof(self._rows))
        self.address = ctypes.addressof(self._struct)


class Call:
    """A function with all but the arrays' addresses packed."""

    def __init__(
        self, name: str, function: Any, ins: Sequence[Aval], outs: Sequence[Aval], extra: Extra
    ) -> None:
        self.name, self.function, self.outs, self.extra = name, function, outs, extra
        every = [*ins, *outs]
        self.count = len(every)
        self._shapes = [(ctypes.c_int64 * max(1, len(x.shape)))(*x.shape) for x in every]
        self._ndims = (ctypes.c_int * self.count)(*[len(x.shape) for x in every])
        self._rows = (ctypes.c_void_p * self.count)(*map(ctypes.addressof, self._shapes))
        self._names = (ctypes.c_char_p * self.count)(*[x.dtype.name.encode() for x in every])
        self._proved = False  # has a call left its inputs as they were?

    def on_host(self, arrays: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        """The outputs for arrays of NumPy's."""
        given = [np.ascontiguousarray(x) for x in arrays]
        before = [] if self._proved else [x.tobytes() for x in given]
        guarded = [_Guarded(out) for out in self.outs]
        made = [each.array for each in guarded]
        self._call([x.ctypes.data for x in (*given, *made)], 0)
        for i, (x, kept) in enumerate(zip(given, before, strict=False)):
            if x.tobytes() != kept:
                raise CustomError(
                    f"Custom {self.name!r} wrote into its input {i} of shape {x.shape} and dtype "
                    f"{x.dtype.name}, which others hold too: copy it, or write into an output"
                )
        self._proved = True
        for i, each in enumerate(guarded):
            if not each.intact():
                raise CustomError(
                    f"Custom {self.name!r} wrote outside of its output {i} of shape {self.outs[i].shape} and "
                    f"dtype {self.outs[i].dtype.name}: correct out_shape and out_dtype, or the function"
                )
        return tuple(made)

    def on_device(self, xp: Any, arrays: Sequence[Any]) -> tuple[Any, ...]:
        """The outputs for arrays of CuPy's, on its current stream."""
        given = [xp.ascontiguousarray(x) for x in arrays]
        made = [xp.empty(out.shape, out.dtype) for out in self.outs]
        self._call([x.data.ptr for x in (*given, *made)], xp.cuda.get_current_stream().ptr)
        return tuple(made)

    def _call(self, addresses: Sequence[int], stream: int) -> None:
        params = (ctypes.c_void_p * self.count)(*addresses)
        code = self.function(
            self.count,
            ctypes.addressof(params),
            ctypes.addressof(self._ndims),
            ctypes.addressof(self._rows),
            ctypes.addressof(self._names),
            stream,
            self.extra.address,
        )
        if code:
            raise CustomError(
                f"Custom {self.name!r} returned {code}, and 0 means success: see what it means by that"
            )


class _Guarded:
    """An output between two borders of a known pattern."""

    def __init__(self, aval: Aval) -> None:
        size = int(np.prod(aval.shape, dtype=np.int64)) * aval.dtype.itemsize
        memory = np.empty(size + 3 * GUARD, np.uint8)
        start = GUARD + -(memory.ctypes.data + GUARD) % GUARD  # aligned to the border's size
        self._before = memory[start - GUARD : start]
        self._behind = memory[start + size : start + size + GUARD]
        self._before[:] = self._behind[:] = _PATTERN
        self.array = memory[start : start + size].view(aval.dtype).reshape(aval.shape)

    def intact(self) -> bool:
        return bool((self._before == _PATTERN).all() and (self._behind == _PATTERN).all())
