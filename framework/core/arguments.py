"""Arguments held against the annotations of what they are given to, so that an error names one and its value.

What is called once (cells, optimisers, transforms) is checked before it runs: a wrong kind would be noticed
far from where it was given. An operator is called often: its arguments are looked at where it has failed.
"""

from __future__ import annotations

import functools
import inspect
import numbers
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from framework.errors import ArgumentError, DTypeError, FrameworkError

F = TypeVar("F", bound=Callable[..., Any])
# What Python and NumPy raise about arguments. Other errors, such as MemoryError, speak for themselves.
_UNWORDED = (TypeError, ValueError, AttributeError, LookupError, OverflowError)

_ANY_NUMBER, _ANY_NAMES = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD


def checked(function: F) -> F:
    """The function, but DTypeError where an argument is of another kind than its annotation says."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if wrong := _wrong(function, args, kwargs):
            raise DTypeError(wrong)
        return function(*args, **kwargs)

    return wrapper  # type: ignore[return-value]


def check_classes(space: Mapping[str, Any], names: Iterable[str]) -> None:
    """Have the arguments that the classes of these names are made with checked."""
    for name in names:
        for kind in getattr(space[name], "__mro__", ()):
            made_by = vars(kind).get("__init__")
            if kind.__module__.startswith("framework.") and not hasattr(made_by, "__wrapped__") and made_by:
                kind.__init__ = worded(checked(made_by))


def worded(function: F) -> F:
    """The function, but what Python or NumPy raises about its arguments is worded as a FrameworkError."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except (FrameworkError, np.linalg.LinAlgError):
            raise
        except _UNWORDED as fault:
            wrong = _wrong(function, args, kwargs)
            kind = DTypeError if wrong or isinstance(fault, TypeError | AttributeError) else ArgumentError
            given = f"it was given ({_listed(args, kwargs)})"
            raise kind(wrong or f"{_name(function, args)}: {fault}; {given}") from fault

    return wrapper  # type: ignore[return-value]


def _wrong(function: Callable[..., Any], args: Any, kwargs: Any) -> str:
    """Which argument is of another kind than its annotation says; empty if none is."""
    name = _name(function, args)
    signature, hints = _annotations(function)
    try:
        given = signature.bind(*args, **kwargs).arguments
    except TypeError as fault:
        shown = ", ".join(str(p.replace(annotation=p.empty)) for p in signature.parameters.values())
        return f"{name}: {fault}; its arguments are ({shown})"
    for argument, value in given.items():
        variadic = signature.parameters[argument].kind in (_ANY_NUMBER, _ANY_NAMES)
        if argument in hints and not variadic and not _fits(value, hints[argument]):
            wanted = re.sub(r"(\w+\.)+", "", inspect.formatannotation(hints[argument]))  # without modules
            return f"{name}: {argument} is {_quoted(value)} ({type(value).__name__}); {wanted} is needed"
    return ""


def _name(function: Callable[..., Any], args: Any) -> str:
    """The function's name; where it makes an object, or is what an object is called for, the class's."""
    of_class = function.__name__ in ("__init__", "construct")
    return type(args[0]).__name__ if of_class else function.__name__


@functools.cache
def _annotations(function: Callable[..., Any]) -> tuple[inspect.Signature, dict[str, Any]]:
    return inspect.signature(function), get_type_hints(function)


def _fits(value: Any, wanted: Any) -> bool:
    """Is it of the kind that an annotation says? What that leaves open fits; NaN is no number."""
    parts = get_args(wanted)
    origin = get_origin(wanted) or wanted
    if origin in (Union, UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is tuple and parts:
        several = parts[-1] is Ellipsis
        return isinstance(value, tuple | list) and (several or len(value) == len(parts)) and (
            all(_fits(each, parts[0] if several else parts[i]) for i, each in enumerate(value))
        )  # fmt: skip
    if origin in (Sequence, Mapping) and isinstance(value, origin):
        return all(_fits(each, parts[-1]) for each in (value.values() if origin is Mapping else value))
    if origin in (int, float):
        kind = numbers.Integral if origin is int else numbers.Real
        return isinstance(value, kind) and not isinstance(value, bool) and bool(value == value)
    if origin is bool:
        return isinstance(value, bool | np.bool_)
    open_ended = (
        origin in (Any, Iterable) or not isinstance(origin, type) or getattr(origin, "_is_protocol", False)
    )  # what must be iterable says so better where it is gone through
    return open_ended or isinstance(value, origin)


def _quoted(value: Any) -> str:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{value.dtype}{list(value.shape)}"
    return f"{value!r:.80}"


def _listed(args: Any, kwargs: Any) -> str:
    return ", ".join([*map(_quoted, args), *(f"{name}={_quoted(value)}" for name, value in kwargs.items())])
