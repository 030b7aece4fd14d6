"""A suggestion is read from a remark and changes just the lines that it is for."""

from __future__ import annotations

import pytest

from hub.core.errors import BadInput
from hub.pulls.suggestions import Suggestion, applied, parse


def test_a_remark_is_read_in_three_parts() -> None:
    said = parse("Shorter:\n```suggestion:-1+2\nint a;\n\nint b;\n```\nor not")
    assert (said.opening, said.rest) == ("Shorter:\n", "or not")
    assert said.suggestion == Suggestion(1, 2, ("int a;", "", "int b;"))


@pytest.mark.parametrize("body", ["", "no block", "```c\nint a;\n```", "```suggestion\nnever closed"])
def test_other_remarks_suggest_nothing(body: str) -> None:
    assert parse(body).suggestion is None
    assert parse(body).opening == body


def test_an_empty_suggestion_takes_the_line_away() -> None:
    one = parse("```suggestion\n```").suggestion
    assert one is not None
    assert applied(b"a\nb\nc\n", [(2, one)]) == b"a\nc\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a\nb\nc\n", b"a\nx\ny\nc\n"),
        (b"a\r\nb\r\nc\r\n", b"a\r\nx\r\ny\r\nc\r\n"),
        (b"a\nb", b"a\nx\ny"),
        (b"\xff\nb\n\xfe", b"\xff\nx\ny\n\xfe"),
    ],
)
def test_line_ends_and_other_bytes_stay(before: bytes, after: bytes) -> None:
    assert applied(before, [(2, Suggestion(0, 0, ("x", "y")))]) == after


def test_several_are_taken_over_at_once() -> None:
    changes = [(1, Suggestion(0, 0, ("A", "A2"))), (4, Suggestion(1, 0, ("C",)))]
    assert applied(b"a\nb\nc\nd\n", changes) == b"A\nA2\nb\nC\n"


@pytest.mark.parametrize("line", [1, 2, 3, 9])
def test_lines_that_are_not_there_or_wanted_twice_are_refused(line: int) -> None:
    other = (2, Suggestion(1, 1, ("x",)))
    with pytest.raises(BadInput):
        applied(b"a\nb\nc\n", [other, (line, Suggestion(0, 0, ("y",)))])
