"""The table of torch's names: well-formed, its names there, and beside torch each example alike."""

from __future__ import annotations

import ast
import inspect
import re
from collections import Counter
from typing import Any

import numpy as np
import pytest

import framework
from framework import ops
from framework.compat import torch as ours
from framework.compat.table import ALIKE, CLASSES, Argument, Row, rows
from framework.core.tensor import Tensor
from framework.errors import ArgumentError

ROWS = list(rows().values())
ALIKE_ROWS = [row for row in ROWS if row.kind in ALIKE]
RNG = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def between(*shape: int) -> np.ndarray:
    return RNG.uniform(0.1, 0.9, shape).astype(np.float32)


# What examples are written with.
VALUES: dict[str, np.ndarray] = {
    "x": normal(3, 4), "y": normal(3, 4), "p": between(3, 4), "q": between(3, 4), "s": normal(4, 4),
    "t": normal(2, 3, 4), "v": normal(4), "w": normal(4), "q4": normal(2, 2, 5, 8), "img": normal(2, 4, 6, 6),
    "sig": normal(2, 2, 9), "kern1": normal(4, 2, 3), "kern2": normal(6, 4, 3, 3),
    "u": (normal(3) + 1j * normal(3)).astype(np.complex64), "i": RNG.integers(0, 3, (3, 4)),
    "j": RNG.integers(0, 3, (3, 4)), "k": np.array([2, 0, 1]), "b": normal(3, 4) > 0, "c": normal(3, 4) > 0,
    "sgn": np.array([1, -1, 1]),
}  # fmt: skip
FLOATS = {name for name, value in VALUES.items() if value.dtype == np.float32}


def test_there_are_enough_rows_and_each_is_well_formed() -> None:
    assert len(ROWS) >= 300
    kinds = Counter(row.kind for row in ROWS)
    assert set(kinds) <= set(CLASSES)
    assert kinds["same"] + kinds["renamed"] >= 220
    for row in ROWS:
        assert row.torch.startswith("torch."), row
        assert bool(row.ours) == (row.kind != "missing"), row
        assert row.note or row.kind in ("same", "renamed"), (
            f"{row.torch} must say what differs, or what to write"
        )
        row.parsed()


def test_what_a_row_names_is_there() -> None:
    for row in ROWS:
        assert not row.ours or row.target() is not None, row


def test_arguments_of_ours_are_those_of_the_function_behind_them() -> None:
    wrong = []
    for row in ALIKE_ROWS:
        if not row.passes_on() and not isinstance(row.target(), property):
            known = inspect.signature(row.target()).parameters
            named = [each.ours for each in row.parsed() if each.ours not in ("", "-", "~", *known)]
            wrong += [(row.torch, ours) for ours in named if "options" not in known]
    assert wrong == []


# ---- beside torch


def names_in(example: str) -> list[str]:
    found = {node.id for node in ast.walk(ast.parse(example)) if isinstance(node, ast.Name)}
    return sorted(found & set(VALUES))


def flat(found: Any) -> list[Any]:
    if isinstance(found, tuple | list):
        return [each for part in found for each in flat(part)]
    return [found]


def same(a: Any, b: Any, what: str) -> None:
    a, b = np.asarray(a), np.asarray(b)
    assert (a.shape, a.dtype.name) == (b.shape, b.dtype.name), what
    np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6, err_msg=what)


def is_module(example: str) -> bool:
    call = ast.parse(example, mode="eval").body
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Call)


def compare_functions(torch: Any, example: str) -> None:
    names = names_in(example)
    leaves = [name for name in names if name in FLOATS]
    theirs = {name: torch.from_numpy(VALUES[name].copy()) for name in names}
    for name in leaves:
        theirs[name].requires_grad_()
    expected = flat(eval(example, {"torch": torch, "np": np, **theirs}))

    def compute(*values: Any) -> list[Any]:
        held = {name: Tensor(VALUES[name]) for name in names} | dict(zip(leaves, values, strict=True))
        return flat(eval(example, {"torch": ours, "np": np, **held}))

    found = compute(*[Tensor(VALUES[name]) for name in leaves])
    assert len(found) == len(expected)
    for mine, their in zip(found, expected, strict=True):
        same(mine.asnumpy(), their.detach().resolve_conj().numpy(), example)
    gradients(torch, expected, compute, [theirs[name] for name in leaves], leaves, example)


def gradients(
    torch: Any, expected: list[Any], compute: Any, inputs: list[Any], leaves: list[str], example: str
) -> None:
    smooth = [n for n, each in enumerate(expected) if each.requires_grad]
    if not smooth:
        return
    weights = [np.cos(np.arange(each.numel(), dtype=np.float32)).reshape(each.shape) for each in expected]
    total = sum((expected[n] * torch.from_numpy(weights[n])).sum() for n in smooth)
    total.backward()

    def loss(*values: Any) -> Any:
        made = compute(*values)
        parts = [ops.sum(made[n] * Tensor(weights[n])) for n in smooth]
        return sum(parts[1:], parts[0])

    found = framework.grad(loss, tuple(range(len(leaves))))(*[Tensor(VALUES[name]) for name in leaves])
    for mine, their in zip(found, inputs, strict=True):
        same(
            mine.asnumpy(),
            np.zeros(mine.shape, np.float32) if their.grad is None else their.grad.numpy(),
            example,
        )


def compare_modules(torch: Any, example: str) -> None:
    made, given = example[: example.index(")(") + 1], example[example.index(")(") + 1 :]
    names = names_in(given)
    their_module, module = eval(made, {"torch": torch}), eval(made, {"torch": ours})
    weights = {name: each.detach().numpy() for name, each in their_module.named_parameters()}
    parameters = {name: p for name, p in module.parameters_and_names() if p.requires_grad}
    assert {name: p.shape for name, p in parameters.items()} == {name: w.shape for name, w in weights.items()}
    for name, parameter in parameters.items():
        parameter.assign(weights[name])
    theirs = {name: torch.from_numpy(VALUES[name].copy()) for name in names}
    expected = flat(eval(f"module{given}", {"module": their_module, "torch": torch, **theirs}))[0]
    weight = np.cos(np.arange(expected.numel(), dtype=np.float32)).reshape(expected.shape)

    def loss() -> Any:
        held = {name: Tensor(VALUES[name]) for name in names}
        out = flat(eval(f"module{given}", {"module": module, "torch": ours, **held}))[0]
        return ops.sum(out * Tensor(weight)), out

    if not parameters:
        same(loss()[1].asnumpy(), expected.detach().numpy(), example)
        return
    (_, out), found = framework.value_and_grad(loss, None, list(parameters.values()), has_aux=True)()
    same(out.asnumpy(), expected.detach().numpy(), example)
    (expected * torch.from_numpy(weight)).sum().backward()
    for (name, _), gradient in zip(parameters.items(), found, strict=True):
        same(
            gradient.asnumpy(), dict(their_module.named_parameters())[name].grad.numpy(), f"{example} {name}"
        )


def compare_optimisers(torch: Any, example: str) -> None:
    start = VALUES["w"]
    their_w = torch.nn.Parameter(torch.from_numpy(start.copy()))
    w = framework.Parameter(Tensor(start), name="w")
    theirs = eval(example, {"torch": torch, "w": their_w})
    mine = eval(example, {"torch": ours, "w": w})
    for _ in range(3):
        theirs.zero_grad()
        (their_w**4).sum().backward()
        theirs.step()
        mine([4 * Tensor(w.asnumpy()) ** 3])
        same(w.asnumpy(), their_w.detach().numpy(), example)


# What there is nothing to compare of: dtypes, what is drawn or undefined, what only holds others.
WITHOUT_EXAMPLE = {
    "torch.bfloat16", "torch.manual_seed", "torch.rand", "torch.randn", "torch.randperm", "torch.bernoulli",
    "torch.empty", "torch.empty_like", "torch.nn.Module", "torch.nn.ModuleDict", "torch.nn.ModuleList",
    "torch.nn.Module.named_modules", "torch.nn.Parameter", "torch.Tensor.item", "torch.Tensor.numpy",
    "torch.Tensor.tolist", "torch.numel", "torch.rand_like", "torch.randn_like", "torch.randint",
    "torch.device",
    *(f"torch.nn.init.{name}_" for name in (
        "zeros", "ones", "constant", "normal", "uniform", "xavier_uniform", "xavier_normal", "orthogonal",
        "kaiming_uniform", "kaiming_normal",
    )),
}  # fmt: skip


def test_every_row_that_says_alike_has_an_example_to_compare() -> None:
    assert {row.torch for row in ALIKE_ROWS if not row.example} == WITHOUT_EXAMPLE


@pytest.mark.slow
@pytest.mark.parametrize("row", [row for row in ALIKE_ROWS if row.example], ids=lambda row: row.torch)
def test_the_example_computes_what_torch_computes(row: Row) -> None:
    torch = pytest.importorskip("torch")
    if row.torch.startswith("torch.optim."):
        compare_optimisers(torch, row.example)
    elif is_module(row.example) and row.torch.startswith("torch.nn."):
        compare_modules(torch, row.example)
    else:
        compare_functions(torch, row.example)


# ---- the stand-in


def test_names_that_are_missing_or_mean_something_else_say_what_to_write() -> None:
    with pytest.raises(AttributeError, match=r"torch\.lerp has no counterpart: x \+ weight"):
        _ = ours.lerp
    with pytest.raises(
        AttributeError, match=r"torch\.max is not the same as framework\.ops\.max: .*ops\.argmax"
    ):
        _ = ours.max
    with pytest.raises(AttributeError, match=r"torch\.nothing is not in the table"):
        _ = ours.nothing


def test_arguments_that_ours_cannot_do_are_refused_unless_they_change_nothing() -> None:
    x = Tensor(VALUES["x"])
    ours.add(x, x, alpha=1, out=None)
    with pytest.raises(
        ArgumentError, match=r"torch\.add: alpha=2 has nothing like it in framework\.ops\.add"
    ):
        ours.add(x, x, alpha=2)
    with pytest.raises(ArgumentError, match="argument 'dims' is not known"):
        ours.softmax(x, dims=1)
    with pytest.raises(ArgumentError, match="4 arguments"):
        ours.matmul(x, x, None, None)


def test_sizes_may_be_given_one_by_one_or_as_one() -> None:
    assert ours.zeros(2, 3).shape == ours.zeros((2, 3)).shape == (2, 3)


def test_a_module_written_for_torch_runs_with_its_forward() -> None:
    import framework.compat.torch.nn as nn
    import framework.compat.torch.nn.functional as F  # noqa: N812 (as torch's users write it)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 3, bias=False)

        def forward(self, x: Any) -> Any:
            return F.softmax(self.fc(x), dim=-1)

    out = Net()(Tensor(VALUES["x"]))
    np.testing.assert_allclose(out.asnumpy().sum(axis=1), 1, rtol=1e-6)


def test_an_argument_s_notation_is_read_as_described() -> None:
    assert Argument.parse("dim=axis") == Argument("dim", "axis")
    assert Argument.parse("size=shape...") == Argument("size", "shape", many=True)
    assert Argument.parse("eps=eps:=1e-05").default == 1e-05
    assert Argument.parse("alpha=-:1").allowed == 1
    assert not Argument.parse("self=").has_default()
    assert re.fullmatch(r"\w+", Argument.parse("inplace=~").theirs)
