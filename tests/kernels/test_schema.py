"""Shapes and attributes against a schema: what is bound, and what is refused in which words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kernels.errors import BadArgument
from kernels.schema import Array, Attribute, Binding, Schema


def bound(**shapes: Any) -> Binding:
    """`x=("rows* n", (2, 3, 4))`, in this order."""
    binding = Binding("op")
    for name, (axes, shape) in shapes.items():
        binding.read(Array(name, axes), shape)
    return binding


def test_leading_axes_count_as_one_dimension() -> None:
    binding = bound(x=("rows* n", (2, 3, 4)))
    assert binding.dims == {"rows": 6, "n": 4}
    assert binding.shape(Array("y", "rows* n")) == (2, 3, 4)
    assert binding.shape(Array("y", "rows*")) == (2, 3)
    assert binding.shape(Array("y", "n 2")) == (4, 2)


def test_there_may_be_no_leading_axis_at_all() -> None:
    assert bound(x=("rows* n", (4,))).dims == {"rows": 1, "n": 4}
    assert bound(x=("n*", ())).dims == {"n": 1}
    assert bound(x=("n*", (0, 7))).dims == {"n": 0}


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ({"x": ("rows* n", ())}, r"op: x has shape \(\); needed: \(rows\*, n\)"),
        ({"x": ("m n", (1, 2, 3))}, r"op: x has shape \(1, 2, 3\); needed: \(m, n\)"),
        ({"x": ("m n", (2, 3)), "b": ("n", (4,))}, r"op: b has shape \(4,\), so n is 4; x says 3"),
        ({"x": ("n 256", (2, 255))}, "so 256 is 255; 256 is needed"),
        ({"x": ("r* n", (2, 3)), "y": ("r* n", (3, 3))}, r"y .* leading axes are \(3,\); x has \(2,\)"),
        ({"x": ("r* n", (6, 3)), "y": ("r* n", (2, 3, 3))}, r"leading axes are \(2, 3\); x has \(6,\)"),
        ({"x": ("r n", (6, 3)), "y": ("r* n", (5, 3))}, r"y has shape \(5, 3\), so r is 5; x says 6"),
    ],
)
def test_a_shape_that_does_not_fit_is_refused_quoting_both_sides(shapes: Any, words: str) -> None:
    with pytest.raises(BadArgument, match=words):
        bound(**shapes)


def test_an_output_without_a_source_for_its_size_is_refused() -> None:
    with pytest.raises(BadArgument, match="the size k of y follows from no array"):
        bound(x=("n", (3,))).shape(Array("y", "n k"))
    with pytest.raises(BadArgument, match="the size r of y follows from no array"):
        bound(x=("n", (3,))).shape(Array("y", "r* n"))


def test_a_negative_size_is_refused() -> None:
    binding = bound(x=("rows* n", (2, 3)))
    binding.dims["k"] = -1
    with pytest.raises(BadArgument, match="op: k is -1; 0 or more is needed"):
        binding.shape(Array("y", "rows* k"))


@pytest.mark.parametrize(
    ("kind", "given", "plain"),
    [
        ("float", 1, 1.0),
        ("float", np.float32(0.5), 0.5),
        ("int", np.int16(7), 7),
        ("int", 7.0, 7),
        ("int", True, 1),
        ("bool", np.True_, True),
        ("bool", 0, False),
        ("choice", "mean", "mean"),
    ],
)
def test_attributes_become_plain(kind: Any, given: Any, plain: Any) -> None:
    found = Attribute("a", kind, ("sum", "mean")).plain("op", given)
    assert found == plain
    assert type(found) is type(plain)


def test_c_gets_numbers() -> None:
    assert Attribute("a", "choice", ("sum", "mean")).encode("op", "mean") == 1
    assert Attribute("a", "bool").encode("op", np.True_) == 1
    assert type(Attribute("a", "float").encode("op", 2)) is float


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        ("float", "1.5", "op: a is '1.5'; a real number is needed"),
        ("float", None, "a is None; a real number"),
        ("float", 1j, "a is 1j; a real number"),
        ("float", 10**400, "a is 1000.*; a real number"),
        ("int", 1.5, "a is 1.5; a whole number of 64 bits is needed"),
        ("int", "3", "a is '3'; a whole number"),
        ("int", float("inf"), "a is inf; a whole number"),
        ("int", 2**63, "a is 9223372036854775808; a whole number"),
        ("bool", "no", "a is 'no'; True or False is needed"),
        ("bool", 2, "a is 2; True or False"),
        ("bool", np.zeros(3), "a is array.*; True or False"),
        ("choice", "max", "op: a is 'max'; allowed: sum, mean"),
        ("choice", ["sum"], r"a is \['sum'\]; allowed: sum, mean"),
    ],
)
def test_an_attribute_of_another_kind_is_refused_in_words(kind: Any, given: Any, words: str) -> None:
    with pytest.raises(BadArgument, match=words):
        Attribute("a", kind, ("sum", "mean")).encode("op", given)


def test_c_gets_dimensions_in_the_order_of_their_first_appearance() -> None:
    schema = Schema(
        "op",
        [Array("x", "rows* n"), Array("w", "n 2 m")],
        [Array("y", "rows* k")],
        [Attribute("k", "int")],
    )
    assert schema.dimensions() == ("rows", "n", "m")
