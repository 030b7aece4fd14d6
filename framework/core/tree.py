"""Nested containers as one flat list: tuple, named tuple, list, dict (sorted keys), registered classes, None.

Everything else is a leaf. Dataclasses are containers once registered: `register_dataclass(State)`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from framework.errors import ArgumentError, FrameworkError

T = TypeVar("T")


class Tree(NamedTuple):
    """The shape of a container, without its leaves. Compares and hashes by structure."""

    kind: type | None  # None: a leaf
    keys: Any  # what besides the children is needed to build it again
    children: tuple[Tree, ...]

    @property
    def leaves(self) -> int:
        """How many leaves it holds."""
        return 1 if self.kind is None else sum(child.leaves for child in self.children)


LEAF = Tree(None, None, ())
_REGISTRY: dict[type, tuple[Callable[[Any], tuple[Sequence[Any], Any]], Callable[[Any, list[Any]], Any]]] = {
    tuple: (lambda value: (value, None), lambda keys, children: tuple(children)),
    list: (lambda value: (value, None), lambda keys, children: children),
    dict: (lambda value: ([value[k] for k in keys_of(value)], tuple(keys_of(value))),
           lambda keys, children: dict(zip(keys, children, strict=True))),
    type(None): (lambda value: ((), None), lambda keys, children: None),
}  # fmt: skip


def keys_of(value: dict[Any, Any]) -> list[Any]:
    """The keys of a dict in their order. ArgumentError where they have none."""
    try:
        return sorted(value)
    except TypeError as fault:
        raise ArgumentError(
            f"a dict with the keys {list(value)!r:.200} has no order ({fault}): use keys of one type"
        ) from None


def register(
    kind: type,
    flatten: Callable[[Any], tuple[Sequence[Any], Any]],
    unflatten: Callable[[Any, list[Any]], Any],
) -> None:
    """Make a class a container. `flatten(value)` gives its children and hashable keys; `unflatten(keys,
    children)`.
    """
    _REGISTRY[kind] = (flatten, unflatten)


def register_dataclass(kind: type[T]) -> type[T]:
    """Make a dataclass a container of its fields; usable as a decorator."""
    names = tuple(field.name for field in dataclasses.fields(kind))  # type: ignore[arg-type]
    register(
        kind,
        lambda value: ([getattr(value, name) for name in names], None),
        lambda keys, children: kind(**dict(zip(names, children, strict=True))),
    )
    return kind


def _entry(kind: type) -> Any:
    if kind in _REGISTRY:
        return _REGISTRY[kind]
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return (lambda value: (value, None), lambda keys, children: kind(*children))
    return None


def flatten(value: Any) -> tuple[list[Any], Tree]:
    """The leaves, from left to right, and the tree to put them back into."""
    leaves: list[Any] = []
    return leaves, _flatten(value, leaves)


def _flatten(value: Any, leaves: list[Any]) -> Tree:
    entry = _entry(value.__class__)
    if entry is None:
        leaves.append(value)
        return LEAF
    children, keys = entry[0](value)
    return Tree(value.__class__, keys, tuple([_flatten(child, leaves) for child in children]))


def unflatten(tree: Tree, leaves: Iterable[Any]) -> Any:
    """The container of that tree with these leaves."""
    return _unflatten(tree, iter(leaves))


def _unflatten(tree: Tree, leaves: Any) -> Any:
    if tree.kind is None:
        return next(leaves)
    return _entry(tree.kind)[1](tree.keys, [_unflatten(child, leaves) for child in tree.children])


def map_leaves(fn: Callable[..., Any], value: Any, *others: Any) -> Any:
    """The same container with `fn` of each leaf (and of the leaves of others of the same structure)."""
    leaves, tree = flatten(value)
    columns = [leaves]
    for other in others:
        more, shape = flatten(other)
        if shape != tree:
            raise FrameworkError(f"map_leaves: containers differ in structure: {tree} and {shape}")
        columns.append(more)
    return unflatten(tree, [fn(*row) for row in zip(*columns, strict=True)])
