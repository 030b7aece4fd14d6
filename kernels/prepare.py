"""The checks that the first call of a layout goes through, and the plan that comes of them."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kernels import arrays as layout
from kernels import compiled, registry
from kernels.dtypes import BY_NAME, name_of
from kernels.errors import BadArgument, BadDtype, BuildFailed, NoVersion
from kernels.plan import CpuPlan, CudaPlan, Made, Plan
from kernels.registry import Cpu, Cuda, Operator
from kernels.schema import Array, Binding, Dims
from kernels.toolchain import cc, isa


@dataclass(frozen=True)
class Request:
    """What was asked for; see `call.call`. `outs` is None where the outputs are to be made."""

    operator: Operator
    inputs: tuple[Any, ...]
    attributes: tuple[Any, ...]
    outs: tuple[Any, ...] | None
    version: str | None
    types: tuple[tuple[str, str], ...]
    want: tuple[bool, ...] | None

    def plain(self) -> Request:
        """The same with arrays of NumPy or CuPy and attributes of Python.

        Raises:
            BadArgument, BadDtype: something is none of these.
        """
        schema, op = self.operator.schema, self.operator.name
        outs = self.outs
        if outs is not None:
            if len(outs) != len(schema.outputs):
                raise BadArgument(f"{op}: out has {len(outs)} arrays; {len(schema.outputs)} are needed")
            outs = tuple(
                None if value is None else layout.as_array(op, f"out ({array.name})", value)
                for array, value in zip(schema.outputs, outs, strict=True)
            )
        return replace(
            self,
            inputs=tuple(_input(op, *each) for each in zip(schema.inputs, self.inputs, strict=True)),
            attributes=tuple(
                each.plain(op, value) for each, value in zip(schema.attributes, self.attributes, strict=True)
            ),
            outs=outs,
        )


def prepare(request: Request) -> Plan:
    """Check a call whose arrays and attributes are plain, and plan it.

    Raises:
        BadArgument, BadDtype, NoVersion, BuildFailed: see `kernels.errors`.
    """
    operator, schema = request.operator, request.operator.schema
    encoded = [
        each.encode(operator.name, v) for each, v in zip(schema.attributes, request.attributes, strict=True)
    ]
    kinds = _types(operator, request.types)
    binding = _bind(request, kinds, encoded)
    device = _device(operator.name, request.inputs)
    made = _outputs(operator, binding, kinds, request.want)
    if request.outs is not None:
        for each in zip(schema.outputs, made, request.outs, strict=True):
            _check_out(operator.name, *each, device)
    copied = _strided(operator, request.inputs)
    dims = {**dict.fromkeys(schema.dimensions(), 0), **binding.dims}
    scalars = (*(dims[each] for each in schema.dimensions()), *encoded)
    dtypes = "_".join(kinds[each] for each in schema.dtypes)
    chosen = _choose(operator, request.version, device, dtypes, dims)
    about = (operator, made, copied, request.attributes)
    if isinstance(chosen, Cuda):
        return CudaPlan(*about, version=chosen, dtypes=dtypes, dims=dims, scalars=scalars)
    if chosen is None:
        return Plan(*about)
    try:
        enter, block = compiled.block(operator, chosen, dtypes, _operands(request, made), scalars)
    except BuildFailed:
        if cc.available() or request.version is not None:
            raise
        _warn_once()
        return Plan(*about)
    strided_out = any(each is not None and not each.flags.c_contiguous for each in request.outs or ())
    return CpuPlan(*about, enter=enter, block=block, direct=not copied and not strided_out)


def _input(op: str, array: Array, value: Any) -> Any:
    if value is None:
        if not array.optional:
            raise BadDtype(f"{op}: {array.name} is None; an array is needed")
        return None
    return layout.as_array(op, array.name, value)


def _types(operator: Operator, given: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The type variables that the caller binds."""
    for variable, kind in given:
        allowed = operator.schema.dtypes[variable]
        if kind not in allowed:
            raise BadDtype(f"{operator.name}: dtype {kind} is asked for; allowed: {_long(allowed)}")
    return dict(given)


def _bind(request: Request, kinds: dict[str, str], encoded: Sequence[int | float]) -> Binding:
    """The sizes and, in `kinds`, the types that attributes and inputs give."""
    operator, schema = request.operator, request.operator.schema
    binding = Binding(operator.name)
    for attribute, value in zip(schema.attributes, encoded, strict=True):
        if attribute.kind != "float":
            binding.dims[attribute.name] = int(value)
    for array, given in zip(schema.inputs, request.inputs, strict=True):
        if given is not None:
            _read_dtype(operator, array, given.dtype, kinds)
            binding.read(array, given.shape)
    for variable, allowed in schema.dtypes.items():
        if variable not in kinds:
            raise BadDtype(
                f"{operator.name}: no array given says which dtype is meant; allowed: {_long(allowed)}"
            )
    if schema.derive:
        binding.dims.update(schema.derive(binding.dims))
    return binding


def _read_dtype(operator: Operator, array: Array, dtype: np.dtype[Any], kinds: dict[str, str]) -> None:
    """Check a dtype, binding the type variable that the schema has in its place."""
    given, variable = name_of(dtype), array.dtype
    allowed = operator.schema.dtypes.get(variable, (variable,))
    if given not in allowed:
        raise BadDtype(f"{operator.name}: {array.name} is {dtype}; allowed: {_long(allowed)}")
    if variable in operator.schema.dtypes and kinds.setdefault(variable, given) != given:
        raise BadDtype(
            f"{operator.name}: {array.name} is {dtype}; it must be {BY_NAME[kinds[variable]]}, "
            "as what stands before it"
        )


def _long(names: Sequence[str]) -> str:
    """`float32, float16`"""
    return ", ".join(str(BY_NAME[each]) for each in names)


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
    outputs = operator.schema.outputs
    return tuple(
        (binding.shape(array), BY_NAME[kinds.get(array.dtype, array.dtype)]) if wanted else None
        for array, wanted in zip(outputs, want or (True,) * len(outputs), strict=True)
    )


def _check_out(op: str, array: Array, made: Made, value: Any, device: str) -> None:
    name = f"out ({array.name})"
    if made is None or value is None:
        if made is not value:
            raise BadArgument(f"{op}: {name} is {'not wanted, but given' if made is None else 'missing'}")
        return
    shape, dtype = made
    if value.shape != shape:
        raise BadArgument(f"{op}: {name} has shape {value.shape}; needed: {shape}")
    if value.dtype != dtype:
        raise BadDtype(f"{op}: {name} is {value.dtype}; needed: {dtype}")
    if layout.device_of(value) != device:
        raise BadArgument(f"{op}: {name} is on {layout.device_of(value)}, the inputs on {device}")
    if value.size and any(step == 0 and size > 1 for size, step in zip(shape, value.strides, strict=True)):
        raise BadArgument(
            f"{op}: {name} of shape {shape} has strides {value.strides}: elements share their memory"
        )


def _strided(operator: Operator, inputs: Sequence[Any]) -> tuple[int, ...]:
    """The inputs that have to be copied."""
    found = []
    for i, (array, value) in enumerate(zip(operator.schema.inputs, inputs, strict=True)):
        if value is None or value.flags.c_contiguous:
            continue
        if array.update:
            raise BadArgument(
                f"{operator.name}: {array.name} of shape {value.shape} has strides {value.strides}, "
                "but is updated in place: it must be contiguous"
            )
        found.append(i)
    return tuple(found)


def _operands(request: Request, made: tuple[Made, ...]) -> list[tuple[int, int]]:
    """Bytes and role of every array, for the compiled way in."""
    found = [
        (0, compiled.ABSENT)
        if value is None
        else (value.nbytes, compiled.UPDATED if array.update else compiled.READ)
        for array, value in zip(request.operator.schema.inputs, request.inputs, strict=True)
    ]
    for each in made:
        if each is None:
            found.append((0, compiled.ABSENT))
        else:
            shape, dtype = each
            found.append((int(np.prod(shape, dtype=np.int64)) * dtype.itemsize, compiled.WRITTEN))
    return found


def _choose(operator: Operator, name: str | None, device: str, dtypes: str, dims: Dims) -> Cpu | Cuda | None:
    """The version for a call; None for the oracle."""
    if name == registry.ORACLE and device == "cpu":
        return None
    names = [registry.ORACLE, *(each.name for each in operator.versions)]
    if name is not None and name not in names:
        raise NoVersion(f"{operator.name}: no version {name!r:.60}; there are: {', '.join(names)}")
    level = isa.chosen()
    found = [
        each
        for each in operator.candidates(device, dtypes, dims)
        if name in (None, each.name) and (isinstance(each, Cuda) or compiled.serves(each, level))
    ]
    if found and device == "cuda":
        return _for_card(found, name)
    if found:
        return found[-1]
    if device == "cpu" and name is None:
        return None
    what = f"version {name!r}" if name else "a version"
    raise NoVersion(
        f"{operator.name}: there is not {what} for {dtypes or 'these dtypes'} on {device} at {dims} on this "
        f"machine (level {level}); `python -m kernels list {operator.name}` tells what is"
    )


def _for_card(found: Sequence[Cpu | Cuda], name: str | None) -> Cpu | Cuda:
    """The best of those that the card runs; where it runs none, the launcher says so."""
    from kernels.toolchain import launch

    capability = launch.driver().capability()
    runs = [
        each
        for each in found
        if isinstance(each, Cuda)
        and (name or not each.by_name)
        and launch.arch_for(each.archs, capability) is not None
    ]
    return (runs or found)[-1]


_warned = False


def _warn_once() -> None:
    global _warned
    if _warned:
        return
    _warned = True
    depth, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "kernels":
        depth, frame = depth + 1, frame.f_back
    warnings.warn(
        "kernels: no C compiler for an x86-64 processor and nothing compiled ahead of time, so NumPy "
        "computes instead, many times slower. Cure: apt-get install gcc g++, or copy a folder made by "
        "`python -m kernels build`.",
        RuntimeWarning,
        stacklevel=depth,
    )
