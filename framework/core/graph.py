"""The recorded graph: collecting it from its outputs, tracing a function into one, and running one again.

All walks are loops: a chain of a hundred thousand nodes is no deeper than one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from framework.core import tree
from framework.core.tensor import PICK, Tensor, abstract, apply, as_tensor

_BY_TIME: Callable[[Tensor], int] = lambda node: node.index  # noqa: E731 (a key, not a function of its own)


def dependents(outputs: Iterable[Tensor], leaves: Sequence[Tensor]) -> list[Tensor]:
    """The recorded nodes between leaves and outputs, leaves excluded, in topological order."""
    if not leaves:
        return []
    first = min([x.index for x in leaves])
    marked = {id(x) for x in leaves}
    seen = set(marked)
    found: list[Tensor] = []
    stack: list[Iterable[Tensor]] = [outputs]
    while stack:
        for x in stack.pop():  # what is older than all leaves cannot depend on one
            if x.prim is not None and id(x) not in seen and x.index >= first:
                seen.add(id(x))
                found.append(x)
                stack.append(x.ins)
    found.sort(key=_BY_TIME)
    nodes = []
    for node in found:
        for x in node.ins:
            if id(x) in marked:
                marked.add(id(node))
                nodes.append(node)
                break
    return nodes


@dataclass(slots=True, eq=False)  # hashes by identity: an attribute of nodes
class Graph:
    """A traced function. Nodes are tensors with `prim`, `ins`, `attrs`; all that depend on an input are
    abstract.

    `consts` are the tensors from outside that nodes or outputs use: values, or nodes of an enclosing trace.
    A `multi` node stands among the nodes once, and each of its outputs as a `pick` node after it.
    """

    inputs: list[Tensor]
    nodes: list[Tensor]  # in topological order
    outputs: list[Tensor]
    consts: list[Tensor]
    out_tree: tree.Tree

    def widened(self, at: int, extra: Sequence[Tensor]) -> Graph:
        """The same with inputs that it does not use, before input `at`."""
        unused = [abstract(x.shape, x.dtype) for x in extra]
        inputs = [*self.inputs[:at], *unused, *self.inputs[at:]]
        return Graph(inputs, self.nodes, self.outputs, self.consts, self.out_tree)


def is_array(x: Any) -> bool:
    """Does a trace make an input of this argument (a tensor or an array), rather than a constant?"""
    return isinstance(x, Tensor) or (hasattr(x, "shape") and hasattr(x, "dtype"))


def trace(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Graph:
    """The graph of `fn` on arguments of these shapes and dtypes.

    Tensors and arrays among the leaves of `args` and `kwargs` become abstract inputs, in order of flattening
    `(args, kwargs)`; everything else is passed as it is. Raises TraceError where Python asks for an input's
    value.
    """
    leaves, shape = tree.flatten((args, kwargs))
    inputs = [abstract(x.shape, x.dtype) if is_array(x) else None for x in leaves]
    given = [x if t is None else t for x, t in zip(leaves, inputs, strict=True)]
    new_args, new_kwargs = tree.unflatten(shape, given)
    outputs, out_tree = tree.flatten(fn(*new_args, **new_kwargs))
    return collect([t for t in inputs if t is not None], [as_tensor(x) for x in outputs], out_tree)


def collect(inputs: list[Tensor], outputs: list[Tensor], out_tree: tree.Tree) -> Graph:
    """The graph between recorded inputs and outputs."""
    nodes = dependents(outputs, inputs)
    inside = {id(x) for x in inputs} | {id(node) for node in nodes}
    consts: dict[int, Tensor] = {}
    for node in nodes:
        for x in node.ins:
            if id(x) not in inside:
                consts.setdefault(id(x), x)
    for x in outputs:
        if id(x) not in inside:
            consts.setdefault(id(x), x)
    return Graph(inputs, nodes, outputs, list(consts.values()), out_tree)


def closed(graph: Graph) -> tuple[Graph, list[Tensor]]:
    """A graph with no constants but plain values, and the recorded ones, which are its last inputs now."""
    captured = [x for x in graph.consts if x.prim is not None]
    plain = [x for x in graph.consts if x.prim is None]
    return Graph(graph.inputs + captured, graph.nodes, graph.outputs, plain, graph.out_tree), captured


def replay(graph: Graph, inputs: Sequence[Tensor], consts: Sequence[Tensor] | None = None) -> list[Tensor]:
    """Run a graph's nodes again on other inputs (and other constants); what it does is recorded as usual."""
    env: dict[int, Any] = {id(x): x for x in graph.consts}
    if consts is not None:
        env.update((id(old), new) for old, new in zip(graph.consts, consts, strict=True))
    env.update((id(old), new) for old, new in zip(graph.inputs, inputs, strict=True))
    for node in graph.nodes:
        if node.prim is PICK:
            env[id(node)] = env[id(node.ins[0])][node.attrs["i"]]
        else:
            env[id(node)] = apply(node.prim, *[env[id(x)] for x in node.ins], **node.attrs)
    return [env[id(x)] for x in graph.outputs]
