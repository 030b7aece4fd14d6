"""Where a job stands, when it will begin and end, and what is said when nobody can tell."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from hub.bench import actions as bench
from hub.bench import queue
from hub.bench.models import Attempt, Job, Worker
from hub.bench.places import Line, Place
from hub.core import clock
from tests.hub.story import HARDWARE, Story
from tests.people import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def took(story: Story, cast: Cast):  # type: ignore[no-untyped-def]
    """Let a check of that many seconds have run here."""

    def run(seconds: float, kind: str = "check") -> None:
        story.worker()
        patch_set = story.push(cast.max, f"past{seconds:.0f}")
        story.run(patch_set.jobs.get())
        job = patch_set.jobs.get(kind="check")
        Job.objects.filter(pk=job.pk).update(kind=kind)
        patch_set.jobs.exclude(pk=job.pk).delete()
        since_long = clock.now() - timedelta(hours=3)
        Attempt.objects.filter(job=job).update(
            started_at=since_long, ended_at=since_long + timedelta(seconds=seconds)
        )

    return run


def places() -> list[Place]:
    return Line(HARDWARE).places


def test_a_queued_job_knows_its_number(story: Story, cast: Cast) -> None:
    story.worker()
    story.push(cast.alice)
    story.push(cast.bob)
    first, second = (Line(HARDWARE).place_of(job) for job in story.live())
    assert (first.number, first.of, second.number, second.of) == (1, 2, 2, 2)
    assert second.sentence == f"Number 2 of 2 in the queue for {HARDWARE}; 1 worker is online."


def test_a_queue_that_nobody_serves_says_since_when(story: Story, cast: Cast) -> None:
    story.worker()
    story.push(cast.alice)
    Worker.objects.update(last_seen_at=clock.now() - timedelta(hours=2))
    [place] = places()
    assert (place.workers_online, place.span, place.estimate) == (0, None, "")
    assert place.sentence.startswith(f"No worker for {HARDWARE} since ")


def test_each_waits_for_those_before_it(story: Story, cast: Cast, took) -> None:  # type: ignore[no-untyped-def]
    took(40.0)
    for who in (cast.alice, cast.bob, cast.mei):
        story.push(who)
    spans = [place.span for place in places()]
    assert [(span.begins, span.ends) for span in spans if span] == [(0, 40), (40, 80), (80, 120)]
    assert [place.estimate for place in places()] == [
        "It begins within half a minute; the verdict is expected in about 40 s.",
        "It begins in about 40 s; the verdict is expected in about 80 s.",
        "It begins in about 80 s; the verdict is expected in about 2 min.",
    ]


def test_every_online_worker_counts_and_no_other(story: Story, cast: Cast, took) -> None:  # type: ignore[no-untyped-def]
    story.worker(name="second")
    story.worker(name="asleep")
    took(40.0)
    Worker.objects.filter(name="asleep").update(last_seen_at=clock.now() - timedelta(hours=1))
    for who in (cast.alice, cast.bob, cast.mei):
        story.push(who)
    assert [place.span.begins for place in places() if place.span] == [0, 0, 40]


def test_what_runs_is_waited_for_as_long_as_it_may_still_take(
    story: Story,
    cast: Cast,
    took,  # type: ignore[no-untyped-def]
) -> None:
    took(40.0)
    running = story.push(cast.alice).jobs.get()
    story.claim(running)
    Attempt.objects.filter(job=running).update(started_at=clock.now() - timedelta(seconds=30))
    story.push(cast.bob)
    line = Line(HARDWARE)
    [place] = line.places
    assert place.span is not None
    assert place.span.begins == pytest.approx(10, abs=0.5)
    assert line.end_of(running, clock.now() - timedelta(seconds=30)) == "within half a minute"


def test_without_a_past_the_limits_of_the_task_are_told_as_the_longest(story: Story, cast: Cast) -> None:
    story.worker()
    story.push(cast.alice)
    story.push(cast.bob)
    second = places()[1]
    assert second.span is not None
    assert (second.span.begins, second.span.known) == (60, False)  # building 30 s, checking 30 s
    assert second.estimate == "No such job has run here yet. At the latest it begins in about 60 s."


def test_tries_that_our_machines_failed_at_tell_nothing(story: Story, cast: Cast, took) -> None:  # type: ignore[no-untyped-def]
    took(40.0)
    Attempt.objects.update(state=Attempt.State.LOST)
    story.push(cast.alice)
    [place] = places()
    assert place.span is not None
    assert not place.span.known


def test_a_job_that_was_queued_this_moment_stands_behind_all_others(story: Story, cast: Cast) -> None:
    story.worker()
    story.push(cast.alice)
    line = Line(HARDWARE)
    assert line.places[0].number == 1
    late = story.push(cast.bob).jobs.get()
    assert (line.place_of(late).number, line.place_of(late).span) == (2, None)


def test_jobs_begin_in_the_order_that_was_shown(story: Story, cast: Cast) -> None:
    story.worker()
    for who, topics in ((cast.alice, "abc"), (cast.bob, "ab"), (cast.mei, "a")):
        for topic in topics:
            story.push(who, topic)
    shown = [place.job for place in places()]
    for number in range(len(shown)):
        assert bench.claim_job(shown[0], story.worker(name=f"idle-{number}")) is not None
    begun = Attempt.objects.order_by("started_at").values_list("job", flat=True)
    assert list(begun) == shown
    owners = list(
        Attempt.objects.order_by("started_at").values_list("job__patch_set__pull__author", flat=True)
    )
    assert all(one != next_one for one, next_one in pairwise(owners[:4]))
    assert queue.line(HARDWARE) == []
