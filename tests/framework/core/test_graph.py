"""Recorded graphs: depth, constants, replaying."""

from __future__ import annotations

import pytest

import framework as fw
from framework import ops
from framework.core import tree
from framework.core.graph import closed, replay, trace
from framework.errors import FrameworkError


def test_a_chain_of_twenty_thousand_nodes_is_differentiated_and_freed_without_recursion() -> None:
    def f(x: fw.Tensor) -> fw.Tensor:
        for _ in range(20_000):
            x = -x
        return x

    assert fw.grad(f)(fw.Tensor(3.0)).item() == 1.0


def test_what_depends_on_no_input_is_computed_while_tracing() -> None:
    w = fw.Tensor([1.0, 2.0])
    graph = trace(lambda x: x * ops.exp(w), ops.ones((2,)))
    assert [n.prim.name for n in graph.nodes] == ["mul"]
    assert [c.tolist() for c in graph.consts] == [ops.exp(w).tolist()]


def test_containers_static_values_and_keywords_are_traced() -> None:
    graph = trace(lambda d, n, *, k: {"y": d["x"] ** n + k[0]}, {"x": ops.ones((2,))}, 3, k=[ops.ones(())])
    assert len(graph.inputs) == 2
    out = tree.unflatten(graph.out_tree, replay(graph, [fw.Tensor([2.0, 3.0]), fw.Tensor(1.0)]))
    assert out["y"].tolist() == [9.0, 28.0]


def test_closing_a_graph_makes_inputs_of_what_a_gradient_could_reach() -> None:
    seen = []

    def f(x: fw.Tensor) -> fw.Tensor:
        graph, captured = closed(trace(lambda y: y * x, ops.ones(())))
        seen.append((len(graph.inputs), len(captured), len(graph.consts)))
        return replay(graph, [ops.ones(()), *captured])[0]

    assert fw.grad(f)(2.0).item() == 1.0
    assert seen == [(2, 1, 0)]


def test_containers_of_another_structure_are_refused() -> None:
    with pytest.raises(FrameworkError, match="differ in structure"):
        tree.map_leaves(lambda a, b: a, [1, 2], [1, (2,)])
    assert tree.map_leaves(lambda a, b: a + b, {"b": 1, "a": (2, None)}, {"a": (3, None), "b": 4}) == {
        "a": (5, None),
        "b": 5,
    }
