"""The cell: a function with parameters. Holds no mathematics; layers are in the modules beside this one.

Theory of operation. A cell's parameters and cells are simply its attributes, in the order in which they were
set; there is no registry that could disagree with them, and a subclass need not call `super().__init__()`.
Names are dotted paths of attributes. What is found twice (tied weights) is one parameter, under its first
name.

`version` is what `jit` guards a closed-over cell by. Every `__setattr__` draws the next number of one clock
for the whole process, and a cell's version is the latest number in its tree: any change of an attribute,
however deep, gives a version that was never there before. Only `training` is kept apart, as itself, so that
going from training to evaluation and back finds the two compiled functions again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from framework import ops
from framework.core import backend, dtypes
from framework.core.tensor import Parameter, Tensor, wrap
from framework.errors import ArgumentError, CheckpointError

Hook = Callable[..., Any]

_clock = itertools.count(1)
_latest = 0  # the clock's last number: nothing at all has changed while it stands still


class Cell:
    """Subclass it, set parameters and cells as attributes, and write `construct`, which a call runs.

    `training` (True at first, as in torch) tells layers such as Dropout what they are used for; `train()` and
    `eval()` set it for the whole tree. Shapes and dtypes are what `construct` says; without one a call raises
    NotImplementedError. MindSpore's `nn.Cell`, `torch.nn.Module`.
    """

    training: bool = True
    compute_dtype: dtypes.DType | None = None  # set by to_float
    _hooks: tuple[tuple[str, Hook], ...] = ()
    _recompute = False
    _plain = True  # neither hooks nor casts: a call is construct itself
    _own_version = 0
    _cached: tuple[int, tuple[int, int]] = (-1, (0, 0))

    def construct(self, *args: Any, **kwargs: Any) -> Any:
        """What the cell computes."""
        raise NotImplementedError(f"{type(self).__name__} has no construct(self, …): write what it computes")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`construct`, with its hooks, in the dtype of `to_float`."""
        if self._plain:
            return self.construct(*args, **kwargs)
        return self._with_extras(args, kwargs)

    def _with_extras(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.compute_dtype is not None:
            args = tuple(self.cast(arg) for arg in args)
            kwargs = {name: self.cast(value) for name, value in kwargs.items()}
        for kind, hook in self._hooks:
            if kind == "before" and (new := hook(self, args)) is not None:
                args = new if isinstance(new, tuple) else (new,)
        if self._recompute:
            from framework.transforms import recompute

            output = recompute(self.construct, *args, **kwargs)
        else:
            output = self.construct(*args, **kwargs)
        for kind, hook in self._hooks:
            if kind == "after" and (new := hook(self, args, output)) is not None:
                output = new
            elif kind == "backward":
                output = _with_gradient_hook(self, hook, output)
        return output

    # Attributes

    def __setattr__(self, name: str, value: Any) -> None:
        old = self.__dict__.get(name, self)
        if old is value:
            return
        if isinstance(old, Parameter) and value is not None and not isinstance(value, Parameter):
            raise ArgumentError(
                f"{type(self).__name__}.{name} is a parameter; {value!r:.80} in its place would not be "
                f"trained. Change its value with .{name}.assign(…), or replace it by Parameter(…) or None"
            )
        if isinstance(value, list | tuple | dict) and any(isinstance(item, Cell) for item in _items(value)):
            raise ArgumentError(
                f"{type(self).__name__}.{name} is a {type(value).__name__} of cells, whose parameters would "
                "not be found. Cure: CellList(…) or CellDict(…) around it"
            )
        object.__setattr__(self, name, value)
        self._changed(name)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self._changed(name)

    def _changed(self, name: str) -> None:
        global _latest
        _latest = next(_clock)
        if name != "training":
            object.__setattr__(self, "_own_version", _latest)

    @property
    def version(self) -> tuple[int, int]:
        """Equal to an earlier one only if no attribute in the tree was set since; (latest change, training
        flags).
        """
        when, version = self._cached
        if when != _latest:
            cells = [cell for _, cell in self.cells_and_names()]
            flags = sum(cell.training << at for at, cell in enumerate(cells))
            version = (max(cell._own_version for cell in cells), flags)
            object.__setattr__(self, "_cached", (_latest, version))
        return version

    # What is inside

    def cells_and_names(self, name_prefix: str = "") -> Iterator[tuple[str, Cell]]:
        """This cell (its name is the prefix), then those inside it, depth first, each once, with dotted
        names.
        """
        seen: set[int] = set()
        yield from ((name, cell) for name, cell in self._walk(name_prefix) if _first_time(cell, seen))

    def _walk(self, path: str, above: tuple[Cell, ...] = ()) -> Iterator[tuple[str, Cell]]:
        yield path, self
        above = (*above, self)
        for name, value in list(self.__dict__.items()):
            if isinstance(value, Cell) and not any(value is cell for cell in above):  # it may refer upwards
                yield from value._walk(f"{path}.{name}" if path else name, above)

    def parameters_and_names(self, name_prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """The parameters of the tree, each once, under its first dotted name; a nameless one takes it."""
        seen: set[int] = set()
        for name, parameter in self._all_names(name_prefix):
            if _first_time(parameter, seen):
                parameter.name = parameter.name or name
                yield name, parameter

    def _all_names(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """Every name of every parameter: tied ones come more than once."""
        for path, cell in self._walk(prefix):
            for name, value in cell.__dict__.items():
                if isinstance(value, Parameter):
                    yield (f"{path}.{name}" if path else name), value

    def parameters_dict(self) -> dict[str, Parameter]:
        """Dotted name → parameter."""
        return dict(self.parameters_and_names())

    def trainable_params(self) -> tuple[Parameter, ...]:
        """The parameters whose `requires_grad` is set: for `value_and_grad(weights=…)` and for optimisers."""
        return tuple(parameter for _, parameter in self.parameters_and_names() if parameter.requires_grad)

    # Modes and moves

    def train(self, mode: bool = True) -> Cell:
        """Set `training` in the whole tree."""
        for _, cell in self.cells_and_names():
            cell.training = mode
        return self

    set_train = train  # MindSpore's name

    def eval(self) -> Cell:
        """Set `training` to False in the whole tree."""
        return self.train(False)

    def to_float(self, dtype: Any) -> Cell:
        """Compute in `dtype` (float16, bfloat16, float32): inputs and weights are cast when used, parameters
        stay.

        Raises:
            DTypeError: no such dtype.
            ArgumentError: not a floating-point dtype.
        """
        found = dtypes.as_dtype(dtype)
        if not dtypes.is_float(found):
            raise ArgumentError(
                f"to_float: {found.name} is not floating-point; give float16, bfloat16 or float32"
            )
        for _, cell in self.cells_and_names():
            cell.compute_dtype, cell._plain = found, False
        return self

    def cast(self, x: Any) -> Any:
        """A floating-point tensor in the dtype of `to_float`, if that was set; anything else as it is."""
        if self.compute_dtype is None or not isinstance(x, Tensor) or not dtypes.is_float(x.dtype):
            return x
        return x if x.dtype == self.compute_dtype else x.astype(self.compute_dtype)

    def recompute(self, mode: bool = True) -> Cell:
        """Keep no intermediate values for the gradient; compute them again when it is taken."""
        self._recompute = mode
        self._plain = False
        return self

    def to(self, where: Any) -> Cell:
        """Move the parameters to a device (`"cpu"`, `"gpu"`) or, if floating-point, to a dtype.

        Raises:
            FrameworkError: `"gpu"` without CuPy.
            DTypeError: neither a device nor a dtype.
        """
        device = where if where in ("cpu", "gpu") else None
        dtype = None if device else dtypes.as_dtype(where)
        for _, parameter in self.parameters_and_names():
            if device:
                parameter.held = wrap(backend.place(parameter.held.value, device))
            elif dtypes.is_float(parameter.dtype):
                parameter.held = ops.cast(parameter.held, dtype)
            parameter.version += 1
        return self

    # Hooks

    def register_forward_pre_hook(self, hook: Callable[[Cell, tuple[Any, ...]], Any]) -> Callable[[], None]:
        """`hook(cell, inputs)` before each call; what it returns, unless None, replaces the inputs.

        All three kinds return a function that removes the hook.
        """
        return self._hooked("before", hook)

    def register_forward_hook(self, hook: Callable[[Cell, tuple[Any, ...], Any], Any]) -> Callable[[], None]:
        """`hook(cell, inputs, output)` after each call; what it returns, unless None, replaces the output."""
        return self._hooked("after", hook)

    def register_backward_hook(self, hook: Callable[[Cell, Tensor], Any]) -> Callable[[], None]:
        """`hook(cell, gradient)` for each tensor of the output when its gradient is known; may replace it."""
        return self._hooked("backward", hook)

    def _hooked(self, kind: str, hook: Hook) -> Callable[[], None]:
        if not callable(hook):
            raise ArgumentError(f"{type(self).__name__}: hook {hook!r:.80} is no function")
        entry = (kind, hook)
        self._hooks, self._plain = (*self._hooks, entry), False

        def remove() -> None:
            self._hooks = tuple(other for other in self._hooks if other is not entry)

        return remove

    # Files

    def state_dict(self) -> dict[str, Parameter]:
        """Dotted name → parameter, those that are not trained (running means) included."""
        return self.parameters_dict()

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Give every parameter the value of its name, cast to its dtype. All or none are changed.

        A tied parameter is found under any of its names. Without `strict`, names on one side only are passed
        over.

        Raises:
            CheckpointError: other shapes; with `strict`, missing or unknown names: all of them are listed.
        """
        if not isinstance(state, Mapping):
            raise CheckpointError(f"load_state_dict: {state!r:.80} is no dictionary of tensors by name")
        names: dict[int, list[str]] = {}
        parameters = {id(parameter): parameter for _, parameter in self._all_names()}
        for name, parameter in self._all_names():
            names.setdefault(id(parameter), []).append(name)
        found = {key: name for key, known in names.items() for name in reversed(known) if name in state}
        faults = [
            f"{name}: shape {tuple(state[name].shape)} given, {parameters[key].shape} needed"
            for key, name in found.items()
            if tuple(state[name].shape) != parameters[key].shape
        ]
        if strict:
            faults += [f"{known[0]}: missing" for key, known in names.items() if key not in found]
            known_names = {name for known in names.values() for name in known}
            faults += [f"{name}: not in this cell" for name in state if name not in known_names]
        if faults:
            raise CheckpointError(f"{type(self).__name__} cannot load this state:\n  " + "\n  ".join(faults))
        for key, name in found.items():
            parameters[key].assign(np.array(state[name]))

    def __repr__(self) -> str:
        own = [f"{name}={value.shape}" for name, value in vars(self).items() if isinstance(value, Parameter)]
        cells = [(name, repr(value)) for name, value in vars(self).items() if isinstance(value, Cell)]
        inner = "".join("\n  " + f"{name}: {text}".replace("\n", "\n  ") for name, text in cells)
        return f"{type(self).__name__}({', '.join(own)}{inner}" + ("\n)" if cells else ")")


def _items(container: Any) -> Any:
    return container.values() if isinstance(container, dict) else container


def _first_time(item: object, seen: set[int]) -> bool:
    if id(item) in seen:
        return False
    seen.add(id(item))
    return True


def _with_gradient_hook(cell: Cell, hook: Hook, output: Any) -> Any:
    from framework.core import tree
    from framework.transforms import custom_vjp

    def backward(_: Any, gradient: Tensor) -> tuple[Tensor]:
        new = hook(cell, gradient)
        return (gradient if new is None else new,)

    through = custom_vjp(lambda x: x, lambda x: (x, None), backward)
    return tree.map_leaves(lambda leaf: through(leaf) if isinstance(leaf, Tensor) else leaf, output)
