"""Formulas are arithmetic over dims and nothing else."""

from __future__ import annotations

import pytest

from tasks import formula


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("8*rows*cols", 48),
        ("rows + 2*(cols - 1)", 6),
        ("rows / 4", 0.5),
        ("7 // cols", 2),
        ("rows/(cols-3)", 0),
        ("1e3", 1000),
    ],
)
def test_arithmetic_is_evaluated(text: str, value: float) -> None:
    dims = {"rows": 2, "cols": 3}
    assert formula.evaluate(formula.parse(text, dims), dims) == value


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("9**9**9", r"'9 \*\* 9 \*\* 9' is not allowed here; use numbers, dims"),
        ("rows.bit_length()", "is not allowed here"),
        ("[1][0]", "is not allowed here"),
        ("True", "is not allowed here"),
        ("'a'*rows", "is not allowed here"),
        ("-rows", "is not allowed here"),
        ("depth", "'depth' is not a dim; dims are rows, cols"),
        ("8*", "not a formula; use numbers, dims"),
        ("(" * 150, "not a formula"),
        ("1+" * 150 + "1", "longer than 200 characters; shorten it"),
    ],
)
def test_anything_else_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(formula.BadFormula, match=sentence):
        formula.parse(text, ["rows", "cols"])
