"""Every closed set has words, and numbers read as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import translation

from bench_runner.contract import JobKind, Outcome, Phase, Speed
from hub.core import clock
from hub.pulls.stages import Stage
from hub.web import words
from hub.web.icons import PATHS
from hub.web.templatetags.touchstone import duration, size, times, when
from tasks.languages import LANGUAGES

TABLES = [
    (Outcome, words.OUTCOMES),
    (Speed, words.SPEEDS),
    (JobKind, words.JOB_KINDS),
    (Phase, words.PHASES),
    (Stage, words.STAGES),
]


@pytest.mark.parametrize(("members", "table"), TABLES)
def test_every_member_has_a_word_and_its_drawing_exists(members: type, table: dict[str, words.Word]) -> None:
    assert {str(member.value) for member in members} == {str(key) for key in table}
    assert {word.icon for word in table.values() if word.icon} <= set(PATHS)


def test_every_programming_language_has_its_name() -> None:
    assert set(LANGUAGES) <= set(words.PROGRAMMING_LANGUAGES)


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(1.0, "1.00×"), (0.456, "0.46×"), (12.34, "12.3×"), (345.6, "346×"), (None, "–"), (float("inf"), "–")],
)
def test_a_ratio_has_three_figures(ratio: float | None, text: str) -> None:
    assert times(ratio) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(30, "30 s"), (0.0123, "12.3 ms"), (1.5e-5, "15 µs"), (3e-8, "30 ns"), (0, "0 ns"), (None, "–")],
)
def test_a_time_is_in_the_unit_that_fits(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0 B"), (262144, "256 KiB"), (5 * 2**20, "5 MiB")])
def test_a_size_is_in_the_unit_that_fits(number: int, text: str) -> None:
    assert size(number) == text


@pytest.mark.parametrize(
    ("distance", "english", "chinese"),
    [
        (timedelta(seconds=-5), "just now", "刚刚"),
        (timedelta(hours=-3, seconds=-5), "3 hours ago", "3 小时前"),
        (timedelta(days=6, hours=23, minutes=59), "in 7 days", "7 天后"),
        (timedelta(minutes=30, seconds=5), "in 30 minutes", "30 分钟后"),
    ],
)
def test_a_moment_is_told_as_a_distance(distance: timedelta, english: str, chinese: str) -> None:
    moment = clock.now() + distance
    for language, text in (("en", english), ("zh-hans", chinese)):
        with translation.override(language):
            assert f">{text}</time>" in str(when(moment)).replace("\xa0", " ")
    assert when(None) == "–"
