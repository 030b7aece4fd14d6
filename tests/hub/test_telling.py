"""Who hears of what along the story, and what a clock tells."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.utils.translation import override

from hub import flow, honours, jobs, reminding, speaking, studying, telling
from hub.accounts.models import User
from hub.audit.queries import events_about
from hub.catalog.models import Programme, Task
from hub.claims import actions as claims
from hub.claims.models import Claim
from hub.core import clock
from hub.notify.kinds import sentence
from hub.notify.models import Notification
from hub.pulls.models import PatchSet
from hub.rewards.models import Award
from tests.hub.replay import played_once
from tests.hub.story import HARDWARE, Story
from tests.people import Cast

pytestmark = pytest.mark.django_db
PROPOSAL = "First the plain loops, then blocks that fit the cache, then the vector units, measured each time."


def told(user: User) -> list[str]:
    """What the person was told, oldest first; of badges see below."""
    rows = Notification.objects.filter(user=user).exclude(what="badge.awarded").order_by("id")
    return list(rows.values_list("what", flat=True))


def last(user: User) -> str:
    row = Notification.objects.filter(user=user).order_by("id").last()
    return sentence(row.what, row.words)


@played_once
def reviewed(story: Story, cast: Cast) -> PatchSet:
    """alice's patch set passed, was timed and confirmed; mei is the task's mentor and asked for changes."""
    story.task.mentors.add(cast.mei)
    story.worker()
    patch_set = story.push(cast.alice)
    story.run_all()
    flow.review(patch_set, cast.mei, "changes", "Shorter, please. @bob could look, `@max` not.")
    return patch_set


def test_author_and_mentor_hear_what_concerns_them(reviewed: PatchSet, cast: Cast) -> None:
    assert told(cast.alice) == ["verdict.timed", "record.confirmed", "turn.changes"]
    assert told(cast.mei) == ["review.asked"]
    assert told(cast.bob) == ["mention.pull"]
    assert told(cast.max) == []
    assert last(cast.alice) == f"mei asks for changes of #{reviewed.pull_id}."
    with override("zh-hans"):
        assert "mei" in last(cast.alice)


def test_whoever_gets_a_badge_hears_of_it_once(reviewed: PatchSet, cast: Cast) -> None:
    news = Notification.objects.filter(what="badge.awarded")
    first = news.get(user=cast.mei)
    assert (first.kind, first.path) == ("badge", "/badges/")
    assert sentence(first.what, first.words) == "You have a new badge: “Second pair of eyes”."
    held, before = Award.objects.filter(user=cast.alice).count(), news.count()
    assert news.filter(user=cast.alice).count() == held > 0
    honours.award(cast.alice, cast.mei)
    honours.award_everybody(at=clock.now())
    assert news.count() == before


def test_nothing_is_told_twice_though_the_sweeper_draws_it_again(
    reviewed: PatchSet, story: Story, cast: Cast
) -> None:
    before = Notification.objects.count()
    for job in reviewed.jobs.all():
        flow.job_ended(job)
    assert Notification.objects.count() == before


@pytest.mark.slow
def test_the_reviewer_hears_once_of_the_next_round_and_the_author_of_points(
    reviewed: PatchSet, story: Story, cast: Cast
) -> None:
    for _ in range(2):
        again = story.push(cast.alice)
        story.run(story.live()[0])
    assert told(cast.mei) == ["review.asked", "review.asked"]
    story.run_all()
    flow.review(again, cast.mei, "approve")
    flow.merge(again.pull, cast.mei)
    story.run_all()
    assert told(cast.alice)[-2:] == ["turn.approved", "merged.author"]
    assert f"Points: {story.task.points}." in last(cast.alice)
    assert told(cast.mei)[-1] == "merged.reviewer"


@pytest.mark.slow
def test_who_held_a_record_hears_that_it_was_beaten_but_not_while_the_board_is_frozen(
    reviewed: PatchSet, story: Story, cast: Cast
) -> None:
    quotas = {"checks_a_day": 9, "ranks_a_day": 9}
    season = Programme.objects.create(slug="season", freeze_at=clock.now() - timedelta(days=1), **quotas)
    Task.objects.update(programme=season)
    story.push(cast.bob)
    story.run_all(2.5)
    assert "record.lost" not in told(cast.alice)
    Programme.objects.update(freeze_at=None)
    telling.records(Task.objects.get(), HARDWARE)
    assert told(cast.bob)[-1] == "record.confirmed"
    assert told(cast.alice)[-1] == "record.lost"
    assert last(cast.alice).startswith(f"#{reviewed.pull_id + 1} by bob beat your record")


def test_a_failed_verdict_is_told_and_a_fault_of_ours_is_told_to_operators_alone(
    reviewed: PatchSet, story: Story, cast: Cast
) -> None:
    patch_set = story.push(cast.bob, "wrong")
    story.run(story.live()[0], "wrong_answer")
    assert told(cast.bob)[-1] == "verdict.failed"
    job = patch_set.jobs.get()
    type(job).objects.filter(pk=job.pk).update(state="abandoned", settled_at=None)
    before = told(cast.bob)
    jobs.run_rules()
    assert told(cast.max) == ["trouble.abandoned"]
    assert told(cast.bob) == before


def test_a_comment_reaches_everybody_who_took_part_and_whoever_is_named_once(
    reviewed: PatchSet, cast: Cast
) -> None:
    speaking.comment(reviewed, cast.alice, "Better now, @mei? See ```\n@max\n```")
    assert told(cast.mei)[-1] == "mention.pull"
    assert told(cast.max) == []
    speaking.comment(reviewed, cast.bob, "Nice.")
    assert told(cast.alice)[-1] == told(cast.mei)[-1] == "comment.pull"
    assert told(cast.bob) == ["mention.pull"]


def test_a_question_is_the_mentors_to_hear_and_a_reply_that_of_the_thread(
    make_task: Callable[..., Task], cast: Cast
) -> None:
    task = make_task()
    task.mentors.add(cast.mei)
    begun = speaking.say(task, cast.alice, "Is restrict enough?")
    assert (told(cast.mei), told(cast.alice)) == (["comment.question"], [])
    speaking.say(task, cast.bob, "It is.", begun)
    assert told(cast.alice) == ["comment.task"]
    assert told(cast.mei) == ["comment.question"]


# Claims and clocks


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    def set_clock(moment: datetime) -> None:
        monkeypatch.setattr(clock, "now", lambda: moment)

    return set_clock


def test_a_proposal_and_its_answer_are_told(make_task: Callable[..., Task], cast: Cast) -> None:
    task = make_task(policy="proposal")
    claim = studying.claims.claim(task, cast.alice, PROPOSAL)
    studying.telling.proposed(claim)
    assert told(cast.max) == ["review.proposal"]  # the task has no mentor
    speaking.answer(claim, cast.mei, accept=False, text="Taken by another group.")
    assert told(cast.alice) == ["claim.refused"]


def test_a_claim_without_a_push_is_reminded_on_day_five_and_its_end_is_told(
    make_task: Callable[..., Task], cast: Cast, at: Callable[[datetime], None]
) -> None:
    claim = claims.claim(make_task(policy="exclusive"), cast.alice)
    begun = claim.active_since
    for days, expected in ((4.9, []), (5, ["reminder.first_push"]), (6, ["reminder.first_push"])):
        at(begun + timedelta(days=days))
        reminding.remind()
        assert told(cast.alice) == expected
    at(begun + timedelta(days=7))
    jobs.run_rules()
    assert told(cast.alice) == ["reminder.first_push", "claim.expired"]


def test_a_quiet_claim_is_warned_at_fourteen_days_and_again_before_its_end(
    make_task: Callable[..., Task], cast: Cast, at: Callable[[datetime], None]
) -> None:
    claim = claims.claim(make_task(policy="exclusive"), cast.alice)
    begun = claim.active_since
    Claim.objects.update(pushed_at=begun, last_activity_at=begun)
    for days, number in ((13, 0), (14, 1), (18, 1), (19, 2), (20, 2)):
        at(begun + timedelta(days=days))
        reminding.remind()
        assert len(told(cast.alice)) == number
    assert told(cast.alice) == ["reminder.idle", "reminder.last"]


def test_a_proposal_that_waits_goes_to_mentors_then_to_the_sig_then_to_its_leads(
    make_task: Callable[..., Task], cast: Cast, at: Callable[[datetime], None]
) -> None:
    task, other = make_task(policy="proposal"), make_task("row-softmax")
    Task.objects.update(sig="kernels")
    task.mentors.add(cast.mei)
    other.mentors.add(cast.bob)
    claim = claims.claim(task, cast.alice, PROPOSAL)
    monday = datetime.fromisoformat("2026-11-23T09:00:00+00:00")
    Claim.objects.filter(pk=claim.pk).update(requested_at=monday)
    heard = []
    for days in (2, 3, 7, 14):  # Wednesday, Thursday, the next Monday, the one after
        at(monday + timedelta(days=days))
        reminding.remind()
        heard.append([len(told(user)) for user in (cast.mei, cast.bob, cast.max)])
    assert heard == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]]


def test_a_review_that_waits_nudges_the_mentor_and_a_turn_of_the_contributor_the_contributor(
    reviewed: PatchSet, cast: Cast, at: Callable[[datetime], None]
) -> None:
    now = clock.now()
    at(now + timedelta(days=6))
    reminding.remind()
    assert "nudge.contributor" not in told(cast.alice)
    at(now + timedelta(days=8))
    reminding.remind()
    reminding.remind()
    assert told(cast.alice)[-1] == "nudge.contributor"
    assert told(cast.alice).count("nudge.contributor") == 1
    reviewed.reviews.all().delete()
    reminding.remind()
    assert told(cast.mei)[-1] == "nudge.review"
    assert HARDWARE not in last(cast.mei)


@pytest.mark.slow
def test_four_weeks_of_silence_are_booked_once_for_the_side_that_was_silent(
    reviewed: PatchSet, cast: Cast, at: Callable[[datetime], None]
) -> None:
    now, pull = clock.now(), reviewed.pull
    at(now + timedelta(days=27.9))
    reminding.remind()
    assert "nudge.timed_out_contributor" not in told(cast.alice)
    at(now + timedelta(days=28.1))
    reminding.remind()
    reminding.remind()
    assert told(cast.alice).count("nudge.timed_out_contributor") == 1
    assert told(cast.mei).count("nudge.timed_out_contributor") == 1
    reviewed.reviews.all().delete()
    reminding.remind()
    assert told(cast.alice)[-1] == told(cast.mei)[-1] == "nudge.timed_out_mentor"
    booked = [event.verb for event in events_about(pull) if "timed_out" in event.verb]
    assert booked == ["pull.timed_out_contributor", "pull.timed_out_mentor"]
    pull.refresh_from_db()
    assert pull.state == "open"
