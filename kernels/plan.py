"""What the first call of a layout works out, and how a call is made from it.

A strided input is copied into a contiguous one; an output that is strided, or that overlaps an input where the
operator cannot work in place, is computed apart and copied over. Inputs are never written to, unless the schema
says `update`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kernels import arrays as layout
from kernels import compiled, registry, threads
from kernels.arrays import address
from kernels.dtypes import BY_NAME, name_of
from kernels.errors import BadArgument, BadDtype, BuildFailed, KernelError, NoVersion
from kernels.registry import Cpu, Cuda, Operator
from kernels.schema import FAULTS, Array, Binding, Dims, Shape
from kernels.toolchain import cc, isa

Made = tuple[Shape, np.dtype[Any]] | None  # an output to allocate; None for one that is not wanted


class Plan:
    """A call of one layout, made by NumPy code: the oracle, in the dtype of the call."""

    def __init__(
        self,
        operator: Operator,
        made: tuple[Made, ...],
        copied: tuple[int, ...],
        attributes: tuple[Any, ...] = (),
    ) -> None:
        self.operator = operator
        self.made = made
        self.copied = copied  # inputs that are not contiguous
        self.attributes = attributes
        self.nothing = bool(made) and all(each is None or 0 in each[0] for each in made)
        self.in_place = operator.schema.in_place
        self.alone = len(made) == 1  # one output: it is returned as it is, not in a tuple

    def execute(self, inputs: tuple[Any, ...], outs: tuple[Any, ...] | None) -> Any:
        """Compute into `outs`, or into new arrays."""
        if self.copied:
            inputs = tuple(_packed(each) if i in self.copied else each for i, each in enumerate(inputs))
        targets: Sequence[Any]
        if outs is None:
            targets = results = [None if each is None else self.empty(*each) for each in self.made]
        else:
            targets, results = self._apart(inputs, outs), list(outs)
        if not self.nothing:
            self.compute(inputs, targets)
        for target, result in zip(targets, results, strict=True):
            if target is not result:
                result[...] = target
        if self.alone:
            return results[0]
        return tuple(results) if results else None

    def empty(self, shape: Shape, dtype: np.dtype[Any]) -> Any:
        return np.empty(shape, dtype)

    def compute(self, inputs: Sequence[Any], targets: Sequence[Any]) -> None:
        found = self.operator.oracle(*inputs, *self.attributes)
        for target, value in zip(targets, found if isinstance(found, tuple) else (found,), strict=True):
            if target is not None:
                target[...] = value

    def _apart(self, inputs: Sequence[Any], outs: Sequence[Any]) -> list[Any]:
        """The arrays to compute into: those given, where they can be computed into directly."""
        return [
            out
            if out is None or (out.flags.c_contiguous and not self._overlaps(inputs, out))
            else self.empty(out.shape, out.dtype)
            for out in outs
        ]

    def _overlaps(self, inputs: Sequence[Any], out: Any) -> bool:
        low, high = layout.span(out)
        for i, array in enumerate(inputs):
            if array is None:
                continue
            first, behind = layout.span(array)
            if first < high and low < behind:
                same = self.in_place and i == 0 and first == low and array.dtype == out.dtype
                if not same:
                    return True
        return False


class CpuPlan(Plan):
    """… made by a compiled function."""

    def __init__(self, *about: Any, function: Callable[..., int], scalars: tuple[int | float, ...]) -> None:
        super().__init__(*about)
        self.function = function
        self.scalars = scalars

    def compute(self, inputs: Sequence[Any], targets: Sequence[Any]) -> None:
        pointers = [None if each is None else address(each) for each in (*inputs, *targets)]
        fault = self.function(*pointers, *self.scalars, threads.get_num_threads())
        if fault:
            kind = BadArgument if fault == 2 else KernelError
            raise kind(f"{self.operator.name}: {FAULTS.get(fault, f'the kernel returned {fault}')}")


class CudaPlan(Plan):
    """… made by kernels on a CUDA device."""

    def __init__(
        self, *about: Any, version: Cuda, dtypes: str, dims: Dims, scalars: tuple[int | float, ...]
    ) -> None:
        super().__init__(*about)
        from kernels.toolchain import launch

        self.launcher = launch.Launcher(self.operator, version, dtypes, dims, scalars)

    def empty(self, shape: Shape, dtype: np.dtype[Any]) -> Any:
        return self.launcher.empty(shape, dtype)

    def compute(self, inputs: Sequence[Any], targets: Sequence[Any]) -> None:
        self.launcher.launch([*inputs, *targets])


def prepare(
    operator: Operator,
    inputs: tuple[Any, ...],
    attributes: tuple[Any, ...],
    outs: tuple[Any, ...],
    version: str | None,
    types: Mapping[str, str],
    want: tuple[bool, ...] | None,
) -> tuple[tuple[Any, ...], tuple[Any, ...], Plan]:
    """Check a call and plan it; the arrays come back as NumPy's or CuPy's.

    Raises:
        BadArgument, BadDtype, NoVersion, BuildFailed: see `kernels.errors`.
    """
    schema, name = operator.schema, operator.name
    given = any(each is not None for each in outs)
    inputs = tuple(_array(name, array, value) for array, value in zip(schema.inputs, inputs, strict=True))
    if given and len(outs) != len(schema.outputs):
        raise BadArgument(f"{name}: out has {len(outs)} arrays; {len(schema.outputs)} are needed")
    encoded = [each.encode(name, value) for each, value in zip(schema.attributes, attributes, strict=True)]
    binding, kinds = Binding(name), dict(types)
    binding.dims.update(
        {a.name: int(v) for a, v in zip(schema.attributes, encoded, strict=True) if a.kind != "float"}
    )
    for array, value in zip(schema.inputs, inputs, strict=True):
        if value is not None:
            _read_dtype(operator, array, value.dtype, kinds)
            binding.read(array, value.shape)
    if schema.derive:
        binding.dims.update(schema.derive(binding.dims))
    device = _device(name, inputs)
    made = _outputs(operator, binding, kinds, want)
    if given:
        outs = tuple(_check_out(name, *each, device) for each in zip(schema.outputs, made, outs, strict=True))
    copied = _strided(operator, inputs)
    dims = {**dict.fromkeys(schema.dimensions(), 0), **binding.dims}
    scalars = (*(dims[each] for each in schema.dimensions()), *encoded)
    dtypes = "_".join(kinds[each] for each in schema.dtypes)
    chosen = _choose(operator, version, device, dtypes, dims)
    about = (operator, made, copied, attributes)
    if isinstance(chosen, Cuda):
        return inputs, outs, CudaPlan(*about, version=chosen, dtypes=dtypes, dims=dims, scalars=scalars)
    if chosen is None:
        return inputs, outs, Plan(*about)
    function = _compiled(operator, chosen, dtypes)
    return inputs, outs, CpuPlan(*about, function=function, scalars=scalars) if function else Plan(*about)


def _array(op: str, array: Array, value: Any) -> Any:
    if value is None:
        if not array.optional:
            raise BadDtype(f"{op}: {array.name} is missing")
        return None
    return layout.as_array(op, array.name, value)


def _read_dtype(operator: Operator, array: Array, dtype: np.dtype[Any], kinds: dict[str, str]) -> None:
    """Check a dtype, binding the type variable that the schema has in its place."""
    given = name_of(dtype)
    allowed = operator.schema.dtypes.get(array.dtype, (array.dtype,))
    if given not in allowed:
        raise BadDtype(
            f"{operator.name}: {array.name} is {dtype}; allowed: {', '.join(str(BY_NAME[each]) for each in allowed)}"
        )
    if array.dtype in operator.schema.dtypes and kinds.setdefault(array.dtype, given) != given:
        raise BadDtype(
            f"{operator.name}: {array.name} is {dtype}; it must be {BY_NAME[kinds[array.dtype]]} like what stands before it"
        )


def _device(op: str, inputs: Sequence[Any]) -> str:
    devices = {layout.device_of(each) for each in inputs if each is not None}
    if len(devices) > 1:
        raise BadArgument(
            f"{op}: its arrays are on several devices ({', '.join(sorted(devices))}); bring them to one"
        )
    return devices.pop() if devices else "cpu"


def _outputs(
    operator: Operator, binding: Binding, kinds: Mapping[str, str], want: tuple[bool, ...] | None
) -> tuple[Made, ...]:
    wanted = want or (True,) * len(operator.schema.outputs)
    return tuple(
        (binding.shape(array), BY_NAME[kinds.get(array.dtype, array.dtype)]) if needed else None
        for array, needed in zip(operator.schema.outputs, wanted, strict=True)
    )


def _check_out(op: str, array: Array, made: Made, value: Any, device: str) -> Any:
    if made is None or value is None:
        if (made is None) != (value is None):
            raise BadArgument(
                f"{op}: out for {array.name} is {'given but not wanted' if made is None else 'missing'}"
            )
        return None
    shape, dtype = made
    value = layout.as_array(op, f"out ({array.name})", value)
    if value.shape != shape:
        raise BadArgument(f"{op}: out ({array.name}) has shape {value.shape}; needed: {shape}")
    if value.dtype != dtype:
        raise BadDtype(f"{op}: out ({array.name}) is {value.dtype}; needed: {dtype}")
    if layout.device_of(value) != device:
        raise BadArgument(f"{op}: out ({array.name}) is on {layout.device_of(value)}, the inputs on {device}")
    if not layout.writable(value):
        raise BadArgument(f"{op}: out ({array.name}) is read-only")
    return value


def _strided(operator: Operator, inputs: Sequence[Any]) -> tuple[int, ...]:
    found = []
    for i, (array, value) in enumerate(zip(operator.schema.inputs, inputs, strict=True)):
        if value is None:
            continue
        if not value.flags.c_contiguous:
            if array.update:
                raise BadArgument(
                    f"{operator.name}: {array.name} has strides {value.strides}, but is updated in place: it must be contiguous"
                )
            found.append(i)
        if array.update and not layout.writable(value):
            raise BadArgument(f"{operator.name}: {array.name} is read-only, but is updated in place")
    return tuple(found)


def _choose(operator: Operator, name: str | None, device: str, dtypes: str, dims: Dims) -> Cpu | Cuda | None:
    """The version for a call; None for the oracle."""
    if name == registry.ORACLE:
        return None
    if name is not None and name not in (each.name for each in operator.versions):
        names = ", ".join([registry.ORACLE, *(each.name for each in operator.versions)])
        raise NoVersion(f"{operator.name}: no version {name!r}; there are: {names}")
    level = isa.chosen()
    found = [
        each
        for each in operator.candidates(device, dtypes, dims)
        if name in (None, each.name) and (isinstance(each, Cuda) or compiled.serves(each, level))
    ]
    if found:
        return found[-1]
    if device == "cpu" and name is None:
        return None
    what = f"version {name!r}" if name else "a version"
    raise NoVersion(
        f"{operator.name}: {what} for {dtypes or 'these dtypes'} on {device} at {dims} is not there on this machine "
        f"(level {level}); `python -m kernels list {operator.name}` tells what is"
    )


def _compiled(operator: Operator, version: Cpu, dtypes: str) -> Callable[..., int] | None:
    """The compiled function, or None where nothing can be compiled."""
    try:
        return compiled.function(operator, version, dtypes)
    except BuildFailed:
        if cc.available():
            raise
        _warn_once()
        return None


_warned = False


def _warn_once() -> None:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            "kernels: no C compiler and nothing compiled ahead of time, so NumPy computes instead, many times "
            "slower. Cure: apt-get install gcc g++, or copy a folder made by `python -m kernels build`.",
            RuntimeWarning,
            stacklevel=5,
        )


def _packed(array: Any) -> Any:
    return array if array is None else array.copy(order="C")
