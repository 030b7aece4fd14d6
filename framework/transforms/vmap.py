"""vmap: a function of one example as a function of a batch.

Theory of operation. The function is traced once, without the mapped axis; the graph's nodes are then applied
in order to batched inputs. A node that no batched tensor reaches runs once. Otherwise its primitive says how:
by a rule of its own, else by its factor string (move the batch dimension to the front, where `...` takes it),
else one example at a time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

from framework import ops
from framework.core import dtypes, tree
from framework.core.arguments import checked
from framework.core.assigned import refusing
from framework.core.axes import rule_of
from framework.core.graph import Graph, collect, dependents, is_array
from framework.core.prim import Aval, Prim
from framework.core.tensor import PICK, Tensor, abstract, apply, as_tensor
from framework.errors import ShapeError
from framework.ops.random import Stream
from framework.prims.shape import to_front

_ASSIGNED = (
    "vmap: the function assigns to parameter {} a value that differs from example to example, and it holds "
    "only one: return the value instead and assign after vmap, or use what assigns nothing (set_train(False))"
)

Batched = tuple[Any, "int | None"]  # a tensor (of a `multi` node, a tuple of them) and its batch dimension


def batch(prim: Prim, ins: Sequence[Tensor], bdims: Sequence[int | None], attrs: dict[str, Any]) -> Any:
    """A primitive on batched operands: output and batch dimension (tuples of both where it is `multi`)."""
    if prim.vmap is not None:
        return prim.vmap(prim, ins, bdims, attrs)
    rule = rule_of(prim, [unbatched(x, d) for x, d in zip(ins, bdims, strict=True)], attrs)
    if rule is None or any(
        d is not None and not w.startswith("...") for w, d in zip(rule.ins, bdims, strict=False)
    ):
        return loop(prim, ins, bdims, attrs) if prim.expand is None else expanded(prim, ins, bdims, attrs)
    fronted = [x if d is None else to_front(x, d) for x, d in zip(ins, bdims, strict=True)]
    out = apply(prim, *aligned(fronted, bdims, rule.ins), **attrs)
    return (out, (0,) * len(out)) if prim.multi else (out, 0)


def unbatched(x: Tensor, bdim: int | None) -> Aval:
    """What one example of a batched tensor is."""
    shape = x.shape if bdim is None else x.shape[:bdim] + x.shape[bdim + 1 :]
    return Aval(shape, x.dtype)


def aligned(xs: list[Tensor], bdims: Sequence[int | None], words: Sequence[str]) -> list[Tensor]:
    """Operands whose broadcast dimensions are equally many, so that batch dimensions in front meet each
    other.
    """
    spare = [
        x.ndim - (d is not None) - len(w.removeprefix("..."))
        for x, d, w in zip(xs, bdims, words, strict=False)
    ]
    most = max([n for n, w in zip(spare, words, strict=False) if w.startswith("...")], default=0)
    return [
        _padded(x, d, most - n) if w.startswith("...") and (d is not None or w != w.lower()) else x
        for x, d, n, w in zip(xs, bdims, spare, words, strict=False)
    ]


def _padded(x: Tensor, bdim: int | None, missing: int) -> Tensor:
    """With dimensions of size 1 behind the batch dimension, and one in its place where there is none."""
    if bdim is None:
        return ops.reshape(x, (1,) * (missing + 1) + x.shape)
    return ops.reshape(x, (x.shape[0], *(1,) * missing, *x.shape[1:])) if missing else x


def expanded(prim: Prim, ins: Sequence[Tensor], bdims: Sequence[int | None], attrs: dict[str, Any]) -> Any:
    """By the definition in smaller primitives."""
    given = [abstract(*unbatched(x, d)) for x, d in zip(ins, bdims, strict=True)]
    outputs, out_tree = tree.flatten(prim.definition(*given, **attrs))
    graph = collect(given, outputs, out_tree)
    found = replay_batched(graph, ins, bdims)
    outs, dims = tuple([x for x, _ in found]), tuple([d for _, d in found])
    return (outs, dims) if prim.multi else (outs[0], dims[0])


def loop(prim: Prim, ins: Sequence[Tensor], bdims: Sequence[int | None], attrs: dict[str, Any]) -> Any:
    """One example after the other: for primitives that know no batch."""
    size = next(x.shape[d] for x, d in zip(ins, bdims, strict=True) if d is not None)
    rows = [
        apply(
            prim, *[x if d is None else ops.select(x, d, i) for x, d in zip(ins, bdims, strict=True)], **attrs
        )
        for i in range(size)
    ]
    if prim.multi:
        return tuple([ops.stack(column) for column in zip(*rows, strict=True)]), (0,) * len(rows[0])
    return ops.stack(rows), 0


def replay_batched(graph: Graph, inputs: Sequence[Tensor], bdims: Sequence[int | None],
                   consts: Sequence[Batched] | None = None) -> list[Batched]:  # fmt: skip
    """Run a graph on batched inputs: each output with its batch dimension, None where it has none."""
    env: dict[int, Batched] = {id(x): (x, None) for x in graph.consts}
    if consts is not None:
        env.update((id(x), pair) for x, pair in zip(graph.consts, consts, strict=True))
    env.update((id(x), pair) for x, pair in zip(graph.inputs, zip(inputs, bdims, strict=True), strict=True))
    for node in graph.nodes:
        if node.prim is PICK:
            outs, dims = env[id(node.ins[0])]
            i = node.attrs["i"]
            env[id(node)] = (outs[i], dims[i] if isinstance(dims, tuple) else None)
            continue
        pairs = [env[id(x)] for x in node.ins]
        xs = [x for x, _ in pairs]
        if all(d is None for _, d in pairs):
            env[id(node)] = (apply(node.prim, *xs, **node.attrs), None)
        else:
            env[id(node)] = batch(node.prim, xs, [d for _, d in pairs], node.attrs)
    return [env[id(x)] for x in graph.outputs]


@checked
def vmap(fn: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """`fn` of one example as a function of a batch of them.

    `in_axes` names the batch axis of each positional argument: one int for all, or a tuple with an int or
    None (not batched) per argument, each in turn an int, None or a container like the argument. Keyword
    arguments are not batched. `out_axes` says where each output's batch axis goes. Raises ShapeError where
    batch sizes differ, TraceError where `fn` decides by the value of an argument, or assigns to a Parameter
    what depends on one.

    Each example draws its own random numbers, as in a loop; what is drawn with a key is the same for all that
    have the same key.
    """
    return mapped(fn, in_axes, out_axes, apart=True)


def mapped(
    fn: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0, apart: bool = False
) -> Callable[..., Any]:
    """vmap, whose examples draw numbers apart; or the same, as the directions of one derivative do."""

    @functools.wraps(fn, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        flat, shape = tree.flatten(args)
        axes = _per_leaf(in_axes, args, "in_axes")
        xs = [as_tensor(x) if d is not None or is_array(x) else x for x, d in zip(flat, axes, strict=True)]
        bdims = [None if d is None else _axis(x, d) for x, d in zip(xs, axes, strict=True)]
        size = _batch_size(xs, bdims)
        places = [i for i, d in enumerate(bdims) if d is not None]
        given = list(xs)
        for i in places:
            given[i] = abstract(*unbatched(xs[i], bdims[i]))
        number = abstract((), dtypes.int64)
        inputs = [number, *[given[i] for i in places]]
        own = refusing(lambda held: dependents([held], inputs) or any(held is x for x in inputs), _ASSIGNED)
        with own, Stream().at(number) if apart else nullcontext():
            out, out_tree = tree.flatten(fn(*tree.unflatten(shape, given), **kwargs))
        graph = collect(inputs, [as_tensor(x) for x in out], out_tree)
        batched = [ops.arange(size), *[xs[i] for i in places]]
        found = replay_batched(graph, batched, [0, *[bdims[i] for i in places]])
        out_dims = _per_leaf(out_axes, tree.unflatten(out_tree, out), "out_axes")
        return tree.unflatten(
            out_tree, [_placed(*pair, p, size) for pair, p in zip(found, out_dims, strict=True)]
        )

    return wrapped


def _per_leaf(axes: Any, value: Any, name: str) -> list[int | None]:
    """The axis of each leaf of `value`, from axes given for it as a whole or for parts of it."""
    if axes is None or isinstance(axes, int):
        return [axes] * tree.flatten(value)[1].leaves
    leaves, shape = tree.flatten(value)
    parts = shape.children
    if not isinstance(axes, tuple | list | dict) or len(axes) != len(parts):
        raise ShapeError(
            f"vmap: {name} {axes!r} does not fit {len(parts)} values; give an int, None or one for each"
        )
    given = [axes[k] for k in sorted(axes)] if isinstance(axes, dict) else list(axes)
    rows: list[int | None] = []
    for axis, part in zip(given, parts, strict=True):
        rest = leaves[len(rows) : len(rows) + part.leaves]
        rows += _per_leaf(axis, tree.unflatten(part, rest), name)
    return rows


def _axis(x: Tensor, axis: int) -> int:
    if not -x.ndim <= axis < x.ndim:
        raise ShapeError(
            f"vmap: in_axes {axis} for an argument of shape {x.shape}; give one of its {x.ndim} dimensions"
        )
    return axis % x.ndim


def _batch_size(xs: Sequence[Tensor], bdims: Sequence[int | None]) -> int:
    sizes = {x.shape[d] for x, d in zip(xs, bdims, strict=True) if d is not None}
    if len(sizes) != 1:
        what = ", ".join(f"{x.shape} along {d}" for x, d in zip(xs, bdims, strict=True) if d is not None)
        raise ShapeError(f"vmap: the batched arguments must have one size, they are: {what or 'none'}")
    return sizes.pop()


def _placed(x: Tensor, bdim: int | None, place: int | None, size: int) -> Tensor:
    if bdim is None:
        if place is None:
            return x
        x, bdim = ops.broadcast_to(x, (size, *x.shape)), 0
    if place is None:
        raise ShapeError("vmap: out_axes None for an output that differs over the batch; give an int")
    if not -x.ndim <= place < x.ndim:
        raise ShapeError(f"vmap: out_axes {place} for an output of {x.ndim} dimensions, the batch's included")
    place %= x.ndim
    return x if place == bdim else ops.moveaxis(x, bdim, place)
