"""`ops.Custom`: an operator of the user's own, with MindSpore's call form and its seven-argument C function.

Theory of operation. A call ends in the primitive `custom`, with the object itself as attribute, so that
recording, gradients, batching (one example at a time) and compiled graphs treat it like any other. For each
set of input shapes and dtypes a `Plan` is kept: the outputs' shapes and dtypes, and the packed call.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from framework.core import dtypes
from framework.core.arguments import checked
from framework.core.prim import Aval
from framework.core.tensor import Tensor, apply, as_tensor
from framework.custom import library
from framework.custom.abi import Call, Extra
from framework.custom.registration import CustomRegOp
from framework.errors import ArgumentError, CustomError, GradientError
from framework.prims.custom import CUSTOM
from kernels.toolchain import launch

PLANS = 256  # kept at most
THREADS = 256  # of a block of a CUDA kernel
ARCHS = ("sm_80", "sm_90a", "sm_100a", "sm_120a")
Run = Callable[..., Any]  # (xp, *arrays) -> tuple of arrays


@dataclass(frozen=True)
class Plan:
    """What a call with inputs of certain shapes and dtypes gives, and how it is run."""

    outs: tuple[Aval, ...]
    run: Run
    alone: bool  # one output, returned as it is rather than in a tuple


class Custom:
    """An operator from a function of the user's own.

    Args:
        func: by `func_type`.
            `"pyfunc"`: a Python function of arrays (NumPy's, which cannot be written to, or CuPy's on a GPU)
            that returns one or a tuple.
            `"aot"`: `"path:Name"`, a function `int Name(int nparam, void **params, int *ndims,
            int64_t **shapes, const char **dtypes, void *stream, void *extra)` in a shared library, or in a
            .c, .cc, .cpp or .cu file, which is compiled first. 0 means success. The folder must be allowed:
            `allow_folder`.
            `"source"`: the text of such a function in C or C++; or, for a GPU, of one
            `extern "C" __global__ void Name(inputs…, outputs…, long long n)` in CUDA C++, started with one
            thread for each of the `n` elements of the first output, in blocks of 256.
        out_shape: shape of the output; a list of shapes for several outputs; or a function of the inputs'
            shapes that returns either. None: the first input's.
        out_dtype: likewise, of the inputs' dtypes. None: the first input's.
        bprop: `bprop(x, …, out, dout)`, in the framework's operators, returns the gradient of every input
            (None where there is none). With several outputs `out` and `dout` are tuples.
        reg_info: a `CustomRegOp`: the name, allowed dtypes, attributes that C functions read from `extra`.

    Raises:
        CustomError: a library or source that cannot be used; when called, a function that fails, returns
            arrays of another shape or dtype than declared, writes into an input (told at the first call for
            its shapes and dtypes) or outside of its outputs.
        ArgumentError: `func_type` or a declared shape is not one.
        DTypeError: dtypes that `reg_info` does not allow.
        GradientError: a gradient is asked for without `bprop`, or `bprop` gave a wrong one.

    Source: the ABI and the call form are MindSpore's (`mindspore.ops.Custom`).
    """

    @checked
    def __init__(
        self,
        func: Any,
        out_shape: Any = None,
        out_dtype: Any = None,
        func_type: str = "pyfunc",
        bprop: Callable[..., Any] | None = None,
        reg_info: CustomRegOp | None = None,
    ) -> None:
        makers = {"pyfunc": self._python, "aot": self._library, "source": self._source}
        if func_type not in makers:
            raise ArgumentError(
                f"Custom: func_type {func_type!r} is unknown; give one of {', '.join(makers)}"
            )
        if not (bprop is None or callable(bprop)):
            raise ArgumentError(
                f"Custom: bprop {bprop!r:.80} is no function; give (inputs…, out, dout) -> tuple"
            )
        self.name = reg_info.name if reg_info else library.name_of(func)
        self.reg_info = reg_info or CustomRegOp(self.name)
        self.out_shape, self.out_dtype, self.bprop = out_shape, out_dtype, bprop
        self._extra = Extra(self.reg_info.attributes)
        self._plans: dict[Any, Plan] = {}
        self._run_for = makers[func_type](func)

    def __call__(self, *inputs: Any) -> Any:
        """The output, or a tuple of them, for inputs (tensors, arrays, numbers)."""
        xs = [as_tensor(x) for x in inputs]
        outs = apply(CUSTOM, *xs, op=self)
        return outs[0] if self.plan(xs).alone else outs

    def __repr__(self) -> str:
        return f"Custom({self.name!r})"

    def run(self, xp: Any, *arrays: Any) -> tuple[Any, ...]:
        """The outputs as arrays."""
        result: tuple[Any, ...] = self.plan(arrays).run(xp, *arrays)
        return result

    def plan(self, ins: Sequence[Any]) -> Plan:
        """What inputs of these shapes and dtypes give."""
        key = tuple([(tuple(x.shape), x.dtype) for x in ins])
        found = self._plans.get(key)
        if found is None:
            if len(self._plans) >= PLANS:
                self._plans.clear()
            avals = [Aval(*each) for each in key]
            outs, alone = self._outputs(avals)
            self.reg_info.check([x.dtype for x in (*avals, *outs)])
            found = self._plans[key] = Plan(outs, self._run_for(avals, outs), alone)
        return found

    def pull(
        self, gs: Sequence[Tensor], outs: Sequence[Tensor], ins: Sequence[Tensor]
    ) -> list[Tensor | None]:
        """The inputs' cotangents, by `bprop`."""
        if self.bprop is None:
            raise GradientError(
                f"Custom {self.name!r} has no gradient: give bprop=, or stop_gradient its output"
            )
        given = (outs[0], gs[0]) if self.plan(ins).alone else (tuple(outs), tuple(gs))
        found = self.bprop(*ins, *given)
        found = list(found) if isinstance(found, tuple | list) else [found]
        if len(found) != len(ins):
            raise GradientError(
                f"Custom {self.name!r}: bprop returned {len(found)} gradients for {len(ins)} inputs; return "
                "one for each, None where there is none"
            )
        back = [None if g is None else as_tensor(g) for g in found]
        for i, (g, x) in enumerate(zip(back, ins, strict=True)):
            if g is not None and g.shape != x.shape:
                raise GradientError(
                    f"Custom {self.name!r}: bprop returned a gradient of shape {g.shape} for input {i} of "
                    f"shape {x.shape}; they must be the same"
                )
        return back

    def _outputs(self, ins: Sequence[Aval]) -> tuple[tuple[Aval, ...], bool]:
        """The outputs' shapes and dtypes as declared; whether it is one, not in a list."""
        shape: Any = self.out_shape
        if callable(shape):
            shape = self._declared("out_shape", shape, [x.shape for x in ins])
        dtype: Any = self.out_dtype
        if callable(dtype) and not isinstance(dtype, type | np.dtype):
            dtype = self._declared("out_dtype", dtype, [x.dtype for x in ins])
        if (shape is None or dtype is None) and not ins:
            raise ArgumentError(f"Custom {self.name!r} has no inputs: give out_shape and out_dtype")
        shape = ins[0].shape if shape is None else shape
        alone = isinstance(shape, tuple | list) and all(isinstance(n, int | np.integer) for n in shape)
        shapes = [shape] if alone else shape
        kinds = [ins[0].dtype] if dtype is None else dtype if isinstance(dtype, tuple | list) else [dtype]
        if len(kinds) == 1:
            kinds = [kinds[0]] * len(shapes)
        if len(kinds) != len(shapes):
            raise ArgumentError(
                f"Custom {self.name!r}: {len(shapes)} output shapes, {len(kinds)} output dtypes; give as many"
            )
        pairs = zip(shapes, kinds, strict=True)
        return tuple([Aval(self._shape(each), dtypes.as_dtype(kind)) for each, kind in pairs]), alone

    def _declared(self, what: str, rule: Callable[..., Any], given: Sequence[Any]) -> Any:
        """What a function that declares outputs says of these inputs."""
        try:
            inspect.signature(rule).bind(*given)
        except TypeError as fault:
            raise CustomError(
                f"Custom {self.name!r} was called with {len(given)} inputs; its {what} takes others: {fault}"
            ) from None
        return rule(*given)

    def _shape(self, given: Any) -> tuple[int, ...]:
        try:
            shape = tuple([int(n) for n in given])
        except (TypeError, ValueError):
            shape = (-1,)
        if min(shape, default=0) < 0:
            raise ArgumentError(
                f"Custom {self.name!r}: output shape {given!r} is none; give a tuple of numbers from 0 on"
            )
        return shape

    # How it is run, by func_type: a function that makes the `run` of a plan.

    def _python(self, func: Any) -> Callable[[Sequence[Aval], tuple[Aval, ...]], Run]:
        if not callable(func):
            raise ArgumentError(
                f"Custom: func {func!r:.80} must be a function where func_type is 'pyfunc'; "
                "of a library or a source file say func_type='aot', of a text func_type='source'"
            )

        def run_for(ins: Sequence[Aval], outs: tuple[Aval, ...]) -> Run:
            def run(xp: Any, *arrays: Any) -> tuple[Any, ...]:
                found = func(*[_read_only(x) for x in arrays])
                found = found if isinstance(found, tuple | list) else (found,)
                return self._as_declared([xp.asarray(x) for x in found], outs)

            return run

        return run_for

    def _as_declared(self, found: Sequence[Any], outs: tuple[Aval, ...]) -> tuple[Any, ...]:
        got = [f"{x.dtype.name}{list(x.shape)}" for x in found]
        wanted = [f"{x.dtype.name}{list(x.shape)}" for x in outs]
        if got != wanted:
            raise CustomError(
                f"Custom {self.name!r} returned {', '.join(got)}; out_shape and out_dtype declare "
                f"{', '.join(wanted)}: make them agree"
            )
        return tuple(found)

    def _library(self, func: Any) -> Callable[[Sequence[Aval], tuple[Aval, ...]], Run]:
        return self._by_abi(library.from_file(self.name, str(func)))

    def _source(self, func: Any) -> Callable[[Sequence[Aval], tuple[Aval, ...]], Run]:
        if "__global__" in func:
            self._symbol, path = library.kernel_of(self.name, func)
            return lambda ins, outs: lambda xp, *arrays: self._launch(path, xp, arrays, outs)
        return self._by_abi(library.from_source(self.name, func))

    def _by_abi(self, function: Any) -> Callable[[Sequence[Aval], tuple[Aval, ...]], Run]:
        def run_for(ins: Sequence[Aval], outs: tuple[Aval, ...]) -> Run:
            call = Call(self.name, function, ins, outs, self._extra)
            return lambda xp, *arrays: call.on_host(arrays) if xp is np else call.on_device(xp, arrays)

        return run_for

    def _launch(self, source: Any, xp: Any, arrays: Sequence[Any], outs: tuple[Aval, ...]) -> tuple[Any, ...]:
        if xp is np:
            raise CustomError(
                f"Custom {self.name!r} is a CUDA kernel, its inputs are on the CPU: set_device('gpu') first"
            )
        driver = launch.driver()
        arch = launch.arch_for(ARCHS, driver.capability())
        if arch is None:
            raise CustomError(
                f"Custom {self.name!r}: a card of compute capability {driver.capability()} is none of {ARCHS}"
            )
        given = [xp.ascontiguousarray(x) for x in arrays]
        made = [driver.empty(out.shape, out.dtype) for out in outs]
        n = prod(outs[0].shape)
        if n:
            start = driver.function(source, arch, self._symbol, 0)
            blocks = (-(-n // THREADS), 1, 1)
            start(blocks, (THREADS, 1, 1), (*[x.data.ptr for x in (*given, *made)], np.int64(n)), 0)
        return tuple(made)


def _read_only(array: Any) -> Any:
    """An array that cannot be written to, where it is NumPy's: its memory is others' too."""
    if isinstance(array, np.ndarray):
        array = array.view()
        array.flags.writeable = False
    return array
