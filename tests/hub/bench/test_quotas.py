"""What a contributor may use in a day, in total and at once; what is not counted; what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_django
from django.db import IntegrityError, transaction
from django.utils import translation

from hub import flow, jobs
from hub.accounts.actions import create_token
from hub.accounts.models import User
from hub.bench import queries, quotas
from hub.bench.models import Job
from hub.bench.quotas import DAY, Quota, quota
from hub.catalog.actions import set_programme
from hub.catalog.models import Programme
from hub.core import clock
from hub.pulls.models import PatchSet
from hub.pulls.queries import facts
from tests.hub.story import HARDWARE, SOLUTION, Story, attempt_id
from tests.live import Clone
from tests.people import Cast

pytestmark = pytest.mark.django_db

Make = Callable[..., Programme]


@pytest.fixture
def two_checks_a_day(settings: pytest_django.Settings) -> None:
    settings.CHECK_JOBS_A_DAY, settings.RANK_JOBS_A_DAY = 2, 1


@pytest.fixture
def programme(story: Story) -> Make:
    """Make a programme that the story's task belongs to."""

    def make(**columns: object) -> Programme:
        usual = {
            "slug": "spring",
            "title_en": "Spring",
            "title_zh": "春季",
            "checks_a_day": 50,
            "ranks_a_day": 10,
        }
        made = Programme(**usual | columns)
        set_programme(made, [story.task])
        story.task.refresh_from_db()
        return made

    return make


def pushes(story: Story, who: User, number: int, name: str = "t") -> list[PatchSet]:
    return [story.push(who, f"{name}{topic}") for topic in range(number)]


def left(story: Story, who: User, kind: str = "check") -> Quota:
    return quota(story.task, who, kind, HARDWARE)


# A day


@pytest.mark.usefixtures("two_checks_a_day")
def test_beyond_the_quota_a_check_waits_and_the_page_says_until_when(story: Story, cast: Cast) -> None:
    story.worker()
    pushes(story, cast.alice, 2)
    third = story.push(cast.alice, "t3")
    assert not third.jobs.exists()
    limit = left(story, cast.alice)
    assert (limit.used, limit.left) == (2, 0)
    assert limit.next_at == min(job.queued_at for job in Job.objects.all()) + DAY
    said = str(queries.why_waiting(facts(third.pull)))
    assert said.startswith("You used 2 of your 2 checks a day on this task; the next begins at ")
    assert said.endswith(" (UTC).")


@pytest.mark.usefixtures("two_checks_a_day")
def test_a_day_later_the_sweeper_queues_what_had_to_wait(story: Story, cast: Cast) -> None:
    story.worker()
    pushes(story, cast.alice, 2)
    third = story.push(cast.alice, "t3")
    assert third not in [job.patch_set for job in story.live()]
    Job.objects.update(queued_at=clock.now() - DAY)
    jobs.run_rules()
    assert third.jobs.get().kind == "check"


@pytest.mark.usefixtures("two_checks_a_day")
def test_quotas_are_for_each_contributor_and_task(story: Story, cast: Cast) -> None:
    story.worker()
    pushes(story, cast.alice, 2)
    assert story.push(cast.bob).jobs.exists()


@pytest.mark.usefixtures("two_checks_a_day")
def test_timings_have_a_quota_of_their_own(story: Story, cast: Cast) -> None:
    story.worker()
    first, second = pushes(story, cast.alice, 2)
    story.run_all()
    ranked = [patch_set.jobs.filter(kind="rank").exists() for patch_set in (first, second)]
    assert ranked == [True, False]
    said = str(queries.why_waiting(facts(second.pull)))
    assert said.startswith("You used 1 of your 1 timings a day on this task")


@pytest.mark.usefixtures("two_checks_a_day")
def test_timing_is_counted_for_each_hardware_class(story: Story, cast: Cast) -> None:
    story.worker("cpu-a")
    story.worker("cpu-b")
    patch_set = story.push(cast.alice)
    story.run_all()
    assert patch_set.jobs.filter(kind="rank").count() == 2


@pytest.mark.usefixtures("two_checks_a_day")
def test_the_house_has_no_quota(story: Story, cast: Cast) -> None:
    story.worker()
    User.objects.filter(pk=cast.bob.pk).update(is_house=True)
    pushes(story, User.objects.get(username="bob"), 3)
    assert len(story.live(kind="check")) == 3


# What is counted


@pytest.mark.usefixtures("two_checks_a_day")
def test_what_was_cancelled_before_it_started_is_not_counted(story: Story, cast: Cast) -> None:
    story.worker()
    for _ in range(4):
        last = story.push(cast.alice)  # each push cancels the job of the one before
    assert last.jobs.get().state == "queued"
    assert left(story, cast.alice).used == 1


@pytest.mark.usefixtures("two_checks_a_day")
def test_what_was_cancelled_while_it_ran_is_counted(story: Story, cast: Cast) -> None:
    story.worker()
    story.push(cast.alice)
    story.claim(story.live()[0])
    story.push(cast.alice)
    assert left(story, cast.alice).used == 2


@pytest.mark.usefixtures("two_checks_a_day")
def test_what_was_cancelled_between_two_tries_is_not_counted(story: Story, cast: Cast) -> None:
    story.worker()
    story.push(cast.alice)
    spec = story.claim(story.live()[0])
    flow.attempt_failed(attempt_id(spec), spec.token, "no cgroup")
    story.push(cast.alice)
    assert left(story, cast.alice).used == 1


def test_a_started_job_that_our_machines_failed_at_is_not_counted(story: Story, cast: Cast) -> None:
    story.worker()
    job = story.push(cast.alice).jobs.get()
    for _ in range(3):
        spec = story.claim(job)
        flow.attempt_failed(attempt_id(spec), spec.token, "no cgroup")
    job.refresh_from_db()
    assert job.state == "abandoned"
    assert left(story, cast.alice).used == 0


def test_what_a_mentor_asked_for_is_not_counted(story: Story, cast: Cast) -> None:
    story.worker()
    patch_set = story.push(cast.alice)
    story.run(patch_set.jobs.get(), "wrong_answer")
    [again] = flow.run_again(patch_set.pull, cast.max)
    story.run(again)
    assert left(story, cast.alice).used == 1


# Programmes


@pytest.mark.usefixtures("two_checks_a_day")
def test_a_programme_sets_the_limits_of_its_tasks(story: Story, cast: Cast, programme: Make) -> None:
    programme(checks_a_day=3, ranks_a_day=4)
    assert (left(story, cast.alice).limit, left(story, cast.alice, "rank").limit) == (3, 4)


@pytest.mark.usefixtures("two_checks_a_day")
@pytest.mark.parametrize(("starts", "ends"), [(1, None), (None, -1), (-2, -1), (1, 2)])
def test_before_and_after_it_the_limits_of_the_site_hold(
    story: Story, cast: Cast, programme: Make, starts: int | None, ends: int | None
) -> None:
    hours = {"starts_at": starts, "ends_at": ends}
    now = clock.now()
    programme(**{name: now + timedelta(hours=hour) for name, hour in hours.items() if hour is not None})
    assert left(story, cast.alice).limit == 2


def test_of_all_runs_in_total_none_is_given_back_the_next_day(
    story: Story, cast: Cast, programme: Make
) -> None:
    story.worker()
    programme(runs_in_total=2, ends_at=clock.now() + timedelta(days=30))
    first = story.push(cast.alice)
    story.run_all()  # a check and a timing
    Job.objects.update(queued_at=clock.now() - 2 * DAY)
    second = story.push(cast.alice, "second")
    assert not second.jobs.exists()
    assert first.jobs.filter(kind="rank").exists()
    said = str(queries.why_waiting(facts(second.pull)))
    assert said.startswith("You used 2 of your 2 runs in Spring, which ends at ")


def test_what_ran_before_the_programme_began_is_not_of_its_total(
    story: Story, cast: Cast, programme: Make
) -> None:
    story.worker()
    story.push(cast.alice)
    Job.objects.update(queued_at=clock.now() - timedelta(hours=2))
    programme(runs_in_total=1, starts_at=clock.now() - timedelta(hours=1))
    assert left(story, cast.alice).left == 1


def test_only_so_many_jobs_live_at_once_and_the_next_follows(
    story: Story, cast: Cast, programme: Make
) -> None:
    story.worker()
    programme(live_at_once=2)
    *_, third = pushes(story, cast.alice, 3)
    assert not third.jobs.exists()
    said = "2 of your jobs wait or run, all that Spring allows at once; the next follows when one ends."
    assert queries.why_waiting(facts(third.pull)) == said
    story.run(story.live()[0], "wrong_answer")
    jobs.run_rules()
    assert third.jobs.get().kind == "check"


def test_a_time_is_told_in_the_zone_of_the_programme(story: Story, cast: Cast, programme: Make) -> None:
    story.worker()
    programme(checks_a_day=1, time_zone="Asia/Shanghai")
    pushes(story, cast.alice, 1)
    now = clock.now()
    last = now.replace(hour=23, minute=5)
    Job.objects.update(queued_at=last if last <= now else last - DAY)
    limit = left(story, cast.alice)
    assert limit.sentence.endswith("(Asia/Shanghai).")
    assert "7:05 a.m." in limit.sentence  # 23:05 in UTC


def test_what_is_said_is_said_in_chinese_too(story: Story, cast: Cast, programme: Make) -> None:
    story.worker()
    programme(live_at_once=1)
    pushes(story, cast.alice, 1)
    with translation.override("zh-hans"):
        assert "春季" in left(story, cast.alice).sentence


def test_a_programme_that_ends_before_it_starts_is_refused(story: Story, programme: Make) -> None:
    made, now = programme(), clock.now()
    with pytest.raises(IntegrityError, match="programme_ends_after_it_starts"), transaction.atomic():
        Programme.objects.filter(pk=made.pk).update(starts_at=now, ends_at=now)


def test_a_programme_that_lets_nothing_run_is_refused(story: Story, programme: Make) -> None:
    made = programme()
    with pytest.raises(IntegrityError, match="programme_lets_something_run"), transaction.atomic():
        Programme.objects.filter(pk=made.pk).update(live_at_once=0)


# In the terminal


@pytest.mark.slow
def test_a_push_beyond_the_quota_is_kept_and_says_when_it_is_judged(
    live_site: str, story: Story, cast: Cast, tmp_path: Path, two_checks_a_day: None
) -> None:
    story.worker()
    pushes(story, cast.alice, 2)
    clone = Clone.of(
        live_site, story.task.slug, tmp_path / "clone", "alice", create_token(cast.alice, "t")[1]
    )
    clone.commit({f"solutions/alice/{SOLUTION}": b"int third;"})
    said = clone.push("HEAD:alice/third")
    assert said.code == 0
    assert "You used 2 of your 2 checks a day on this task; the next begins at " in said.remote
    assert "The push is kept and judged then." in said.remote
    assert "The judge starts now" not in said.remote
    assert PatchSet.objects.filter(pull__topic="third").exists()
    replaces = clone.push("HEAD:alice/t0", "--force")  # its check has not begun: this one takes its place
    assert "The judge starts now" in replaces.remote


def test_within_the_quota_nothing_is_said_of_it(story: Story, cast: Cast) -> None:
    policy = quotas.push_policy(story.task.repository, cast.alice)
    assert (policy.notice, policy.replaceable) == ([], [])
