"""What all optimisers share: parameter groups, state, the step counter. The formulas are in `rules.py`.

Theory of operation. The core is functional: `update(gradients, values, state)` is made of public operators,
changes nothing and returns new values and state. Calling an optimiser is that core on its parameters' present
values, then an assignment of the results, so a training step that calls it inside `jit` becomes one graph,
optimiser included. State is kept in parameters that are not trained: an optimiser is a cell, and `state_dict`
saves it like any other.

Step-dependent numbers (schedules, bias corrections) are computed from the step counter inside the graph,
never frozen into it. Moments are held, and updates computed, in float32 for parameters of 16 bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from framework import ops
from framework.core import dtypes
from framework.core.tensor import Parameter, Tensor
from framework.errors import ArgumentError, ShapeError
from framework.nn.cell import Cell

State = dict[str, Any]  # "step": Tensor; "slots": for each parameter a dict of tensors by name


class Optimizer(Cell):
    """Changes parameters along gradients: `optimizer(gradients)`, with the gradients in the parameters'
    order.

    `params` are Parameters, or groups: dicts with the key `params` and any of the optimiser's own arguments,
    which hold for that group alone. A learning rate is a number or a schedule (`framework.optim.schedules`).

    Raises:
        ArgumentError: no parameters, one of them twice, an argument that the optimiser does not have or whose
        value
            is out of range.
    """

    def __init__(self, params: Iterable[Any], **hyper: Any) -> None:
        self._setting: list[dict[str, Any]] = []  # for each parameter
        held: list[Parameter] = []
        for group in _groups(params, hyper):
            self.check(group)
            for parameter in group["params"]:
                held.append(parameter)
                self._setting.append(group)
        self._params = tuple(held)
        if not held or len({id(parameter) for parameter in held}) < len(held):
            raise ArgumentError(
                f"{type(self).__name__}: {len(held)} parameters given; at least one, none twice"
            )
        self.step = Parameter(np.zeros((), np.int64), name="step", requires_grad=False)
        self._slots: list[dict[str, Parameter]] = []
        for at, (parameter, name) in enumerate(zip(held, _names(held), strict=True)):
            fresh = self.slots(parameter, self._setting[at])
            slots = {slot: Parameter(array, f"{slot}.{name}", False) for slot, array in fresh.items()}
            self._slots.append(slots)
            for slot in slots.values():
                setattr(self, str(slot.name), slot)

    # What a rule says

    def check(self, setting: Mapping[str, Any]) -> None:
        """Refuse values out of range."""
        rate = setting["lr"]
        if not callable(rate) and not (hasattr(rate, "__float__") and rate >= 0):
            raise ArgumentError(
                f"{type(self).__name__}: lr is {rate!r}; a number of 0 or more, or a schedule"
            )
        if not setting.get("weight_decay", 0.0) >= 0:
            raise ArgumentError(
                f"{type(self).__name__}: weight_decay is {setting['weight_decay']!r}; 0 or more"
            )
        if isinstance(setting.get("eps"), float | int) and setting["eps"] < 0:
            raise ArgumentError(f"{type(self).__name__}: eps is {setting['eps']!r}; 0 or more")
        for name, beta in zip(("betas[0]", "betas[1]"), setting.get("betas", ()), strict=False):
            if not 0 <= beta < 1:
                raise ArgumentError(
                    f"{type(self).__name__}: {name} is {beta!r}; from 0 to below 1 is allowed"
                )

    def slots(self, parameter: Parameter, setting: Mapping[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
        """The state of a parameter before the first step, by name."""
        raise NotImplementedError

    def rule(
        self, p: Tensor, g: Tensor, slots: dict[str, Tensor], t: Tensor, lr: Any, setting: Mapping[str, Any]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """New value and slots of one parameter. `t`, the number of this step from 1, has the dtype of `p` and
        `g`.
        """
        raise NotImplementedError

    # The functional core and its use

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What is optimised: for `value_and_grad(weights=optimizer.parameters)`."""
        return self._params

    @property
    def state(self) -> State:
        """The present state, for `update`."""
        slots = [{slot: held.held for slot, held in slots.items()} for slots in self._slots]
        return {"step": self.step.held, "slots": slots}

    def update(
        self, gradients: Sequence[Any], values: Sequence[Any], state: State
    ) -> tuple[tuple[Tensor, ...], State]:
        """New values and state; pure. Gradients and values are in the order of `parameters`.

        Raises:
            ShapeError: another number of gradients than of parameters, or other shapes.
        """
        self._check_gradients(gradients, values)
        rates: dict[int, Any] = {}
        counts: dict[Any, Tensor] = {}
        new_values, new_slots = [], []
        for value, gradient, slots, setting in zip(
            values, gradients, state["slots"], self._setting, strict=True
        ):
            dtype = _working(value.dtype)
            if dtype not in counts:
                counts[dtype] = (state["step"] + 1).astype(dtype)
            if id(setting) not in rates:
                rates[id(setting)] = (
                    setting["lr"](state["step"]) if callable(setting["lr"]) else setting["lr"]
                )
            lr = rates[id(setting)]
            lr = lr.astype(dtype) if isinstance(lr, Tensor) else lr
            p, g = (x if x.dtype == dtype else x.astype(dtype) for x in (value, gradient))
            p, slots = self.rule(p, g, slots, counts[dtype], lr, setting)
            new_values.append(p if p.dtype == value.dtype else p.astype(value.dtype))
            new_slots.append(slots)
        return tuple(new_values), {"step": state["step"] + 1, "slots": new_slots}

    def construct(self, gradients: Sequence[Any]) -> None:
        """Take one step: assign what `update` gives."""
        values, state = self.update(gradients, [parameter.held for parameter in self._params], self.state)
        self.assign(values, state)

    def assign(self, values: Sequence[Tensor], state: State) -> None:
        """Put values into the parameters and a state of `update` into the optimiser."""
        for parameter, value in zip(self._params, values, strict=True):
            parameter.assign(value)
        for held, new in zip(self._slots, state["slots"], strict=True):
            for slot, parameter in held.items():
                parameter.assign(new[slot])
        self.step.assign(state["step"])

    def learning_rates(self) -> tuple[float, ...]:
        """The learning rate of each parameter at the next step."""
        rates = [setting["lr"] for setting in self._setting]
        return tuple(float(rate(self.step.held)) if callable(rate) else float(rate) for rate in rates)

    def _check_gradients(self, gradients: Sequence[Any], values: Sequence[Any]) -> None:
        given = len(gradients) if isinstance(gradients, Sequence) else f"{gradients!r:.80} as"
        if given != len(values):
            raise ShapeError(
                f"{type(self).__name__}: {given} gradients for {len(values)} parameters; take them with "
                "value_and_grad(…, weights=optimizer.parameters)"
            )
        for at, (gradient, value) in enumerate(zip(gradients, values, strict=True)):
            shape = getattr(gradient, "shape", None)
            if shape != value.shape:
                raise ShapeError(
                    f"{type(self).__name__}: the gradient of parameter {self._params[at].name!r} has shape "
                    f"{shape}, the parameter {value.shape}; gradients come in the order of "
                    ".parameters"
                )


def zeros_like(parameter: Parameter) -> np.ndarray[Any, Any]:
    """A slot as wide as the parameter, all zero."""
    zeros: np.ndarray[Any, Any] = np.zeros(parameter.shape, _working(parameter.dtype))
    return zeros


def lerp(old: Tensor, new: Tensor, weight: Any) -> Tensor:
    """old + weight · (new − old)."""
    return ops.add(old, (new - old) * weight)


def norm(x: Tensor) -> Tensor:
    """The square root of the sum of squares."""
    return ops.sqrt(ops.sum(x * x))


def _working(dtype: dtypes.DType) -> dtypes.DType:
    return dtypes.float32 if dtype.itemsize < 4 else dtype


def _groups(params: Iterable[Any], defaults: dict[str, Any]) -> list[dict[str, Any]]:
    if not isinstance(params, Iterable) or isinstance(params, Tensor):
        raise ArgumentError(f"{params!r:.80} is no list of Parameters; give net.trainable_params()")
    given = list(params)
    if not any(isinstance(entry, Mapping) for entry in given):
        given = [{"params": given}]
    for group in given:
        unknown = (
            set(group) - {*defaults, "params"}
            if isinstance(group, Mapping)
            else {"a parameter beside groups"}
        )
        if unknown or "params" not in group:
            raise ArgumentError(
                f"a parameter group has 'params' and may have {', '.join(defaults)}; "
                f"{sorted(unknown) or 'no params'}"
            )
    groups = [{**defaults, **group, "params": list(group["params"])} for group in given]
    for parameter in (parameter for group in groups for parameter in group["params"]):
        if not isinstance(parameter, Parameter):
            raise ArgumentError(f"{parameter!r:.80} is no Parameter; give net.trainable_params()")
    return groups


def _names(params: Sequence[Parameter]) -> list[str]:
    names = [parameter.name or "unnamed" for parameter in params]
    return [name if names.count(name) == 1 else f"{name}#{at}" for at, name in enumerate(names)]
