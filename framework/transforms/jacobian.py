"""Jacobians and Hessians: vmap of the pullback, or of the push-forward, over a basis."""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import prod
from typing import Any

from framework import ops
from framework.core import tree
from framework.core.arguments import checked
from framework.core.tensor import Tensor, as_tensor
from framework.errors import GradientError
from framework.transforms.autodiff import check_positions, jvp, vjp
from framework.transforms.vmap import mapped


def _positions(grad_position: int | tuple[int, ...]) -> tuple[int, ...]:
    positions = (grad_position,) if isinstance(grad_position, int) else tuple(grad_position)
    if not positions:
        raise GradientError("grad_position () names no argument: there is nothing to differentiate by")
    return positions


def _chosen(
    fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], positions: tuple[int, ...]
) -> Any:
    """`fn` of the chosen arguments alone."""

    def of_chosen(*chosen: Any) -> Any:
        given = list(args)
        for i, x in zip(positions, chosen, strict=True):
            given[i] = x
        return fn(*given, **kwargs)

    return of_chosen


def _basis(like: list[Tensor]) -> list[tuple[Tensor, ...]]:
    """For each tensor, all its unit directions in a batch; zeros for the others."""
    rows = []
    for i, x in enumerate(like):
        n = prod(x.shape)
        unit = ops.reshape(ops.eye(n, dtype=x.dtype), (n, *x.shape))
        rows.append(
            tuple([unit if i == j else ops.zeros((n, *y.shape), y.dtype) for j, y in enumerate(like)])
        )
    return rows


@checked
def jacrev(fn: Callable[..., Any], grad_position: int | tuple[int, ...] = 0, has_aux: bool = False) -> Any:
    """A function that returns the Jacobian, one pullback per output element: for few outputs.

    For an output of shape `o` and an argument of shape `i` it has shape `o + i`; containers of outputs hold
    containers of arguments, and several positions make a tuple. With `has_aux`, `(jacobian, aux)`.
    Raises GradientError for an argument that is not floating point.
    """
    positions = _positions(grad_position)

    @functools.wraps(fn, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        check_positions(positions, args)
        out, pull, *aux = vjp(
            _chosen(fn, args, kwargs, positions), *[args[i] for i in positions], has_aux=has_aux
        )
        outputs, out_tree = tree.flatten(out)

        def pull_all(*gs: Tensor) -> tuple[Any, ...]:
            found = pull(*gs)
            return found if len(positions) > 1 else (found,)

        rows = []
        for y, gs in zip(outputs, _basis(outputs), strict=True):
            found = mapped(pull_all)(*gs)
            block = tree.map_leaves(lambda g, y=y: ops.reshape(g, (*y.shape, *g.shape[1:])), found)
            rows.append(block[0] if isinstance(grad_position, int) else block)
        jacobian = tree.unflatten(out_tree, rows)
        return (jacobian, aux[0]) if has_aux else jacobian

    return wrapped


@checked
def jacfwd(fn: Callable[..., Any], grad_position: int | tuple[int, ...] = 0, has_aux: bool = False) -> Any:
    """A function that returns the Jacobian, one push-forward per input element: for few inputs. Shapes as
    `jacrev`.
    """
    positions = _positions(grad_position)

    @functools.wraps(fn, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        check_positions(positions, args)
        chosen = tuple([tree.map_leaves(as_tensor, args[i]) for i in positions])
        flat, shape = tree.flatten(chosen)
        of_chosen = _chosen(fn, args, kwargs, positions)
        aux: list[Any] = []

        def along(*directions: Tensor) -> Any:
            _, tangent, *more = jvp(of_chosen, chosen, tree.unflatten(shape, directions), has_aux=has_aux)
            aux[:] = more
            return tangent

        columns = [mapped(along, out_axes=-1)(*directions) for directions in _basis(flat)]
        outputs, out_tree = tree.flatten(columns[0])
        rows = []
        for k in range(len(outputs)):
            parts = [tree.flatten(column)[0][k] for column in columns]
            shaped = [ops.reshape(p, (*p.shape[:-1], *x.shape)) for p, x in zip(parts, flat, strict=True)]
            block = tree.unflatten(shape, shaped)
            rows.append(block[0] if isinstance(grad_position, int) else block)
        jacobian = tree.unflatten(out_tree, rows)
        return (jacobian, aux[0]) if has_aux else jacobian

    return wrapped


@checked
def hessian(fn: Callable[..., Any], grad_position: int | tuple[int, ...] = 0, has_aux: bool = False) -> Any:
    """A function that returns the second derivatives of a scalar-valued `fn`: shape `i + i` for an argument
    of shape `i`; for several positions a tuple of tuples."""
    return jacfwd(jacrev(fn, grad_position, has_aux), grad_position, has_aux)
