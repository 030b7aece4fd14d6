"""Control flow that can be traced. Where values are known it is Python's own, recorded step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

from framework.core import tree
from framework.core.arguments import checked
from framework.core.assigned import refusing
from framework.core.graph import Graph, closed, collect, trace
from framework.core.tensor import Tensor, apply, as_tensor
from framework.errors import ArgumentError, ShapeError
from framework.ops.create import arange
from framework.ops.elementwise import logical_and
from framework.ops.random import Stream
from framework.ops.shape import select, stack
from framework.prims.control import COND, WHILE, scan_node

_TWO = "scan: f must return a tuple of two: the carry and y (None if there is none)"


def _tensors(value: Any) -> tuple[list[Tensor], tree.Tree]:
    leaves, shape = tree.flatten(value)
    return [as_tensor(x) for x in leaves], shape


def _traced(name: str, fn: Callable[..., Any], inputs: Sequence[Tensor]) -> Graph:
    """The graph of a branch or a step, which may assign no parameter: TraceError."""
    message = (
        f"{name}: a function given to it assigns parameter {{}}. It is traced once, and the assignment would "
        f"happen once, however often the function runs: return the value from {name} and assign it after"
    )
    with refusing(lambda held: True, message):
        return trace(fn, *inputs)


def _same(name: str, first: Graph, second: list[Tensor], trees: tuple[tree.Tree, tree.Tree]) -> None:
    """Do the outputs of a graph have the structure, shapes and dtypes of those tensors?"""
    given = [(x.shape, x.dtype.name) for x in first.outputs]
    wanted = [(x.shape, x.dtype.name) for x in second]
    if trees[0] != trees[1] or given != wanted:
        among = tuple(f" in {each}" if trees[0] != trees[1] else "" for each in trees)
        raise ShapeError(
            f"{name}: {given}{among[0]} must equal {wanted}{among[1]}; cast or reshape one of them"
        )


@checked
def cond(pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], *operands: Any) -> Any:
    """`true_fn(*operands)` if pred (one bool) holds, else `false_fn(*operands)`.

    Inside a trace both are traced, and must give the same structure, shapes and dtypes: ShapeError otherwise.
    Neither may assign to a Parameter then: TraceError.
    `jax.lax.cond`.
    """
    p, stream = as_tensor(pred), Stream()
    if p.value is None:
        return _cond_traced(p, true_fn, false_fn, operands, lambda: stream.at(0))
    with stream.at(0):
        return (true_fn if bool(p) else false_fn)(*operands)


def _cond_traced(p: Tensor, true_fn: Any, false_fn: Any, operands: Any, own: Callable[[], Any]) -> Any:
    """Both branches, the random numbers of each drawn within `own()`."""
    if p.size != 1:
        raise ShapeError(f"cond: pred has shape {p.shape}; one bool is needed: use where, all() or any()")
    ts, shape = _tensors(operands)
    with own():
        yes = _traced("cond", lambda *xs: true_fn(*tree.unflatten(shape, xs)), ts)
    with own():
        no = _traced("cond", lambda *xs: false_fn(*tree.unflatten(shape, xs)), ts)
    _same("cond: true_fn's result", yes, no.outputs, (yes.out_tree, no.out_tree))
    (then, more), (other, rest) = closed(yes), closed(no)
    then, other = then.widened(len(ts) + len(more), rest), other.widened(len(ts), more)
    return tree.unflatten(yes.out_tree, apply(COND, p.reshape(()), *ts, *more, *rest, then=then, other=other))


@checked
def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """`carry, y = f(carry, x)` for each x along the first axis of `xs`: the last carry, and all y stacked.

    `init`, `xs`, y may be containers; `xs` may be None if `length` is given. `reverse` goes from the last x
    to the first, y staying in the places of x. Inside a trace the carry must keep its structure, shapes and
    dtypes, and `f` assign to no Parameter: TraceError. Raises ShapeError where sizes differ. `jax.lax.scan`.
    """
    carries, carry_tree = _tensors(init)
    rows, row_tree = _tensors(xs)
    sizes = {x.shape[0] if x.ndim else None for x in rows} | ({length} if length is not None else set())
    n = sizes.pop() if len(sizes) == 1 else None
    if n is None:
        raise ShapeError(
            f"scan: xs of shapes {[x.shape for x in rows]}, length {length}: one first size is needed"
        )
    if n and all(x.value is not None for x in (*carries, *rows)):
        return _scan_now(f, init, rows, row_tree, n, reverse)

    stream, numbers = Stream(), arange(n)

    def body(*ts: Tensor) -> Any:
        split = len(carries)
        with stream.at(ts[-1]):
            return f(tree.unflatten(carry_tree, ts[:split]), tree.unflatten(row_tree, ts[split:-1]))

    examples = [select(x, 0, 0) if n else x.sum(0) for x in (*rows, numbers)]
    graph = _traced("scan", body, [*carries, *examples])
    rows = [*rows, numbers] if stream.base is not None else rows
    graph.inputs = graph.inputs[: len(carries) + len(rows)]  # without the number where nothing is drawn
    if graph.out_tree.kind is not tuple or len(graph.out_tree.children) != 2:
        raise ArgumentError(_TWO)
    new_carry, y_tree = graph.out_tree.children
    first = Graph(graph.inputs, graph.nodes, graph.outputs[: new_carry.leaves], graph.consts, new_carry)
    _same("scan: the carry that f returned", first, carries, (new_carry, carry_tree))
    whole, captured = closed(graph)
    found = scan_node(whole, carries, rows, captured, n, reverse)
    return tree.unflatten(carry_tree, found[: len(carries)]), tree.unflatten(y_tree, found[len(carries) :])


def _scan_now(
    f: Any, carry: Any, rows: list[Tensor], row_tree: tree.Tree, n: int, reverse: bool
) -> tuple[Any, Any]:
    columns: list[Any] = [None] * n
    y_tree, stream = tree.LEAF, Stream()
    for i in reversed(range(n)) if reverse else range(n):
        with stream.at(i):
            found = f(carry, tree.unflatten(row_tree, [select(x, 0, i) for x in rows]))
        if not isinstance(found, tuple) or len(found) != 2:
            raise ArgumentError(_TWO)
        carry, y = found
        columns[i], y_tree = _tensors(y)
    return carry, tree.unflatten(y_tree, [stack(column) for column in zip(*columns, strict=True)])


@checked
def while_loop(
    cond_fn: Callable[[Any], Any], body_fn: Callable[[Any], Any], init: Any, max_steps: int | None = None
) -> Any:
    """`value = body_fn(value)` as long as `cond_fn(value)`, from `init`.

    Inside a trace the value must keep its structure, shapes and dtypes, and neither function assign to a
    Parameter: TraceError. With `max_steps` it ends after so
    many steps at the latest, and its gradient inside a trace costs as much as the steps; without, as much as
    their square. `jax.lax.while_loop`.
    """
    if max_steps is not None and max_steps < 0:
        raise ArgumentError(f"while_loop: max_steps is {max_steps}; 0 or more, or None, is needed")
    value, steps, stream = init, 0, Stream()
    while max_steps is None or steps < max_steps:
        carries, shape = _tensors(value)
        with stream.at(steps):
            going = as_tensor(cond_fn(value)) if all(x.value is not None for x in carries) else None
            if going is not None and going.value is not None:
                if not bool(going):
                    break
                value, steps = body_fn(value), steps + 1
                continue
        if max_steps is not None:
            return _bounded(cond_fn, body_fn, value, max_steps - steps)
        return _while_traced(cond_fn, body_fn, carries, shape, steps)
    return value


def _while_traced(cond_fn: Any, body_fn: Any, carries: list[Tensor], shape: tree.Tree, steps: int) -> Any:
    stream = Stream()

    def test_of(*ts: Tensor) -> Any:
        return cond_fn(tree.unflatten(shape, ts))

    def body_of(*ts: Tensor) -> Any:
        with stream.at(ts[-1]):
            return (body_fn(tree.unflatten(shape, ts[:-1])), ts[-1] + 1)

    test = _traced("while_loop", test_of, carries)
    if len(test.outputs) != 1 or test.outputs[0].size != 1:
        raise ShapeError(
            f"while_loop: cond_fn gave {test.outputs!r:.100}; one bool is needed: use all() or any()"
        )
    whole = _traced("while_loop", body_of, [*carries, as_tensor(steps)])
    (body_tree, _), count = whole.out_tree.children, len(carries)
    first = Graph(whole.inputs, whole.nodes, whole.outputs[:-1], whole.consts, body_tree)
    _same("while_loop: the value that body_fn returned", first, carries, (body_tree, shape))
    if stream.base is not None:  # it draws numbers, by the number of the step
        carries = [*carries, as_tensor(steps)]
        test = test.widened(count, carries[-1:])
    body = collect(whole.inputs[: len(carries)], whole.outputs[: len(carries)], whole.out_tree)
    (tests, ahead), (step, rest) = closed(test), closed(body)
    attrs = {"test": tests, "body": step, "carries": len(carries), "tested": len(ahead)}
    return tree.unflatten(shape, apply(WHILE, *carries, *ahead, *rest, **attrs)[:count])


def _bounded(cond_fn: Any, body_fn: Any, init: Any, max_steps: int) -> Any:
    """A scan of so many steps, of which those after the end change nothing."""

    def step(state: Any, _: Any) -> Any:
        going, value = state
        going = logical_and(going, as_tensor(cond_fn(value)).reshape(()))
        return (going, _cond_traced(going, body_fn, lambda v: v, (value,), nullcontext)), None

    from framework.ops.create import ones

    return scan(step, (ones((), bool), init), None, length=max_steps)[0][1]
