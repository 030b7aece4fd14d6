"""Source is coloured line by line, safe to print, and readable in light and dark."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from hub.web.code import DARK, LIGHT, MOST_CHARACTERS, code_lines, colours, stylesheet

STATIC = Path(__file__).resolve().parents[3] / "static" / "css"


def test_every_line_stays_a_line() -> None:
    text = ["/* a", "", "b */ int x;", "", ""]
    lines = code_lines("solution.c", text)
    assert len(lines) == len(text)
    assert lines[0] == '<span class="k-c">/* a</span>'
    assert '<span class="k-c">b */</span>' in lines[2]


@pytest.mark.parametrize("path", ["a.c", "a.py", "a.md", "a.toml", "a.unknown", "Makefile", "a.json"])
def test_nothing_in_source_becomes_markup(path: str) -> None:
    for line in code_lines(path, ["<script>'\"&", "\x1b[31m\u202e", "s = '<b>'"]):
        assert set(re.findall(r"<(\w+)", line)) <= {"span"}
        assert "\u202e" not in line
        assert "\x1b" not in line


def test_a_huge_text_is_left_without_colours() -> None:
    assert code_lines("a.c", ["int x;" * MOST_CHARACTERS])[0].startswith("int x;")


@pytest.mark.parametrize("path", ["a.c", "a.py", "a.cu"])
@pytest.mark.parametrize("line", ["", "\t", "(" * 24])
@pytest.mark.slow
def test_hostile_source_costs_little_time(path: str, line: str) -> None:
    begin = time.process_time()
    assert len(code_lines(path, [line] * 1500)) == 1500
    assert time.process_time() - begin < 3


def test_the_stylesheet_is_the_one_that_the_module_makes() -> None:
    assert (STATIC / "code.css").read_text() == stylesheet(), (
        "run: python -m hub.web.code > static/css/code.css"
    )


@pytest.mark.parametrize(
    ("style", "grounds"),
    [(LIGHT, ("ffffff", "e0f1e7", "fbe6e3")), (DARK, ("1c2023", "17291f", "351c1a"))],
)
def test_every_colour_can_be_read_on_every_ground(style: str, grounds: tuple[str, ...]) -> None:
    sheet = (STATIC / "touchstone.css").read_text()
    assert all(f"#{ground}" in sheet or f"#{ground[:3]};" in sheet for ground in grounds)
    for css, colour in colours(style).items():
        for ground in grounds:
            assert contrast(colour or ("000000" if style == LIGHT else "ffffff"), ground) >= 4.5, css


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
