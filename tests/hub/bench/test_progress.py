"""What an attempt tells of itself is stored once and within bounds."""

from __future__ import annotations

import pytest

from hub.bench import actions as bench
from hub.bench import reports
from hub.bench.models import Attempt, ProgressLine
from hub.core import clock
from tests.hub.story import Story, attempt_id, event
from tests.people import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def beat(story: Story, cast: Cast):  # type: ignore[no-untyped-def]
    story.worker()
    story.push(cast.alice)
    spec = story.claim(story.live()[0])
    return lambda *events: bench.heartbeat(attempt_id(spec), spec.token, list(events))


def test_events_are_kept_in_order_and_the_phase_follows(beat) -> None:  # type: ignore[no-untyped-def]
    beat(event(1, "compiling"), event(2, phase="checking", case="tiny", ok=True, done=1, total=4))
    [first, second] = ProgressLine.objects.all()
    assert (first.text, second.case, second.ok, second.done, second.total) == (
        "compiling",
        "tiny",
        True,
        1,
        4,
    )
    assert Attempt.objects.get().phase == "checking"


def test_an_event_sent_twice_is_kept_once(beat) -> None:  # type: ignore[no-untyped-def]
    beat(event(1, "one"))
    beat(event(1, "one"), event(2, "two"))
    assert [line.text for line in ProgressLine.objects.all()] == ["one", "two"]


def test_a_run_that_talks_too_much_loses_words_and_keeps_its_state(beat) -> None:  # type: ignore[no-untyped-def]
    for number in range(1, 81):
        beat(event(number, "x" * 5_000))
    beat(event(81, "more", phase="timing", case="wide", ok=True))
    lines = list(ProgressLine.objects.all())
    assert sum(len(line.text) for line in lines) <= reports.TEXT_MOST + 4_000
    assert (lines[-1].text, lines[-1].case, lines[-1].ok) == ("", "wide", True)
    assert Attempt.objects.get().phase == "timing"


def test_events_out_of_range_are_not_stored(beat) -> None:  # type: ignore[no-untyped-def]
    beat(event(0), event(-3), event(reports.LINES_MOST + 1, phase="timing"))
    assert ProgressLine.objects.count() == 0
    assert Attempt.objects.get().phase == "timing"


def test_strange_values_are_brought_into_range(beat) -> None:  # type: ignore[no-untyped-def]
    beat(event(1, "a\x00\x1b[2Jb", at=1e300, done=-5, total=2**40, case="c" * 99, note={"big": "x" * 9_000}))
    [line] = ProgressLine.objects.all()
    assert (line.text, line.done, line.total, line.case, line.note) == ("ab", 0, 2**31 - 1, "c" * 60, {})
    assert abs((line.at - clock.now()).total_seconds()) < 60
