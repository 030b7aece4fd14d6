"""What is alike stays alike in another coat; what two people wrote by themselves is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.rulings.likeness import ALIKE, lines_in, runs, share, sketch
from tests.hub.rulings.programs import MINE, THEIRS, in_another_coat

TASKS = Path(__file__).resolve().parents[3] / "tasks"
NOTHING: frozenset[int] = frozenset()


def alike(one: bytes, other: bytes, name: str = "solution.c") -> float:
    return share(sketch({name: one}, NOTHING), sketch({name: other}, NOTHING))


def test_names_comments_and_layout_make_no_difference() -> None:
    assert in_another_coat(MINE) != MINE
    assert alike(MINE, in_another_coat(MINE)) == 1.0


def test_the_lines_that_two_programs_share_are_found_in_each() -> None:
    own = b"\n\n// mine alone\nstatic double odd(double x) { return x > 0 ? -x / 3.0 : 7.5 * x * x; }\n"
    coat = in_another_coat(MINE)
    common = runs({"solution.c": own + MINE}) & runs({"solution.c": coat})
    last = own.count(b"\n")
    found = lines_in(common, "solution.c", own + MINE)
    assert found
    assert min(found) > last - 1
    assert lines_in(common, "solution.c", coat)
    assert lines_in(frozenset(), "solution.c", MINE) == frozenset()
    assert lines_in(common, "notes.txt", MINE) == frozenset()


def test_two_ways_to_write_it_are_not_alike() -> None:
    assert alike(MINE, THEIRS) < ALIKE / 2


def test_a_few_lines_more_are_still_much_alike() -> None:
    more = MINE + b"static float head(const float *x, int n) { return n > 0 ? x[0] : 0.0f; }"
    assert ALIKE <= alike(MINE, more) < 1.0


def test_what_the_task_gives_to_everybody_is_nobodys_own() -> None:
    given = runs({"starter/solution.c": MINE})
    assert sketch({"solution.c": in_another_coat(MINE)}, given).own == 0


def test_short_programs_come_out_alike_and_that_says_nothing() -> None:
    short = (
        b"void add(float *a, float *b, float *c, int n) { for (int i = 0; i < n; ++i) c[i] = a[i] + b[i]; }"
    )
    assert alike(short, in_another_coat(short)) == 0.0


def test_the_instructions_of_a_machine_are_no_names() -> None:
    assert alike(MINE, MINE.replace(b"_mm256_add_ps", b"_mm256_sub_ps")) < 1.0


def test_a_docstring_is_a_comment() -> None:
    body = "\n".join(f"    x{n} = a[{n}] * b[{n}] + c[{n}] - d({n})" for n in range(12))
    one, other = f"def f(a, b):\n    {body.strip()}\n", f'def g(p, q):\n    """Mine."""\n    {body.strip()}\n'
    assert alike(one.encode(), other.encode(), "solution.py") == 1.0


def test_bytes_that_are_no_text_do_no_harm() -> None:
    assert sketch({"solution.c": b"\xff\x00" * 500, "data.bin": b"\x00" * 10_000}, NOTHING).own >= 0


@pytest.mark.parametrize("task", ["vector-add", "row-softmax", "layer-norm-gelu"])
def test_no_two_examples_of_a_task_are_taken_for_one(task: str) -> None:
    """Written by one hand, from one statement: the nearest that honest solutions come to each other."""
    given = runs({f"starter/{path.name}": path.read_bytes() for path in TASKS.glob(f"{task}/starter/*/*")})
    found = {}
    for folder in sorted((TASKS / task / "examples").iterdir()):
        files = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".toml"}
        found[folder.name] = sketch(files, given)
    names = sorted(found)
    too_near = [
        (one, other)
        for place, one in enumerate(names)
        for other in names[place + 1 :]
        if share(found[one], found[other]) >= ALIKE
    ]
    assert too_near == []
