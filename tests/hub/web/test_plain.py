"""What strangers print is shown, and cannot act on the reader's screen."""

from __future__ import annotations

import time

import pytest

from hub.web.plain import named, plain_line, plain_text, tail


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;window title\x07text", "text"),
        ("\x1b]8;;http://evil.example\x1b\\link", "link"),
        ("\x9b31mred", "31mred"),
        ("10%\r20%\r100%\ndone", "100%\ndone"),
        ("one\r\ntwo", "one\ntwo"),
        ("a\x00b\x08c\x7f", "a␀b␈c␡"),
        ("pass\u202e tac\u202c", "pass[U+202E] tac[U+202C]"),
        ("zero\u200bwidth", "zero[U+200B]width"),
        ("half \ud83d surrogate", "half \ufffd surrogate"),
        ("中文 and 😀 stay", "中文 and 😀 stay"),
    ],
)
def test_nothing_in_a_log_acts_on_the_screen(given: str, shown: str) -> None:
    assert plain_text(given) == shown


def test_a_name_stays_on_one_line() -> None:
    assert plain_line("evil\nname\t.c") == "evil␊name␉.c"


def test_source_shows_its_escapes_by_name() -> None:
    assert named("\x1b[31m") == "␛[31m"


def test_shown_text_can_always_be_sent() -> None:
    every = "".join(chr(code) for code in range(0x0, 0x10000))
    plain_text(every).encode()


@pytest.mark.parametrize("hostile", ["x", "\r", "\x1b[", "\x1b]", "\x1b[0", "\u202e", "a\r"])
def test_a_hostile_log_costs_little_time(hostile: str) -> None:
    begin = time.process_time()
    plain_text(hostile * 300_000)
    assert time.process_time() - begin < 2


def test_the_tail_says_how_much_is_missing() -> None:
    assert tail("1\n2\n3\n", 2) == ("2\n3", 1)
    assert tail("1\n", 2) == ("1", 0)
