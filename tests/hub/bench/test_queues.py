"""Which class checks, and how much of a day is left."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.accounts.models import User
from hub.bench import queries
from hub.bench.models import Job, Worker
from hub.core import clock
from tests.hub.story import HARDWARE, Story
from tests.people import Cast

pytestmark = pytest.mark.django_db


def test_a_task_runs_on_the_earned_classes_that_it_names(story: Story) -> None:
    for name in ("cpu-x86-avx2", "cpu-arm-neon", "gpu-h100"):
        story.worker(name)
    assert queries.classes_for(story.task) == ["cpu-arm-neon", "cpu-x86-avx2"]


def test_a_retired_workers_class_is_no_longer_offered(story: Story) -> None:
    story.worker()
    Worker.objects.update(retired_at=clock.now())
    assert queries.classes_for(story.task) == []


def test_a_check_goes_where_the_queue_is_short(story: Story, cast: Cast) -> None:
    story.worker("cpu-a")
    story.worker("cpu-b")
    classes = [story.push(who).jobs.get().hardware_class for who in (cast.alice, cast.bob, cast.mei)]
    assert classes == ["cpu-a", "cpu-b", "cpu-a"]


def test_a_check_goes_rather_where_somebody_is_online(story: Story, cast: Cast) -> None:
    story.worker("cpu-a")
    story.worker("cpu-b")
    Worker.objects.filter(hardware_class="cpu-a").update(last_seen_at=clock.now() - timedelta(hours=1))
    story.push(cast.alice)
    story.push(cast.bob)
    assert {job.hardware_class for job in story.live()} == {"cpu-b"}


def test_the_live_job_is_the_running_one(story: Story, cast: Cast) -> None:
    story.worker("cpu-a")
    story.worker("cpu-b")
    patch_set = story.push(cast.alice)
    story.run(story.live()[0])
    second = story.live(kind="rank")[1]
    story.claim(second)
    assert queries.live_job(patch_set) == second


def count_pushes(story: Story, who: User, number: int) -> None:
    for topic in range(number):
        story.push(who, f"t{topic}")


@pytest.fixture
def two_checks_a_day(settings) -> None:  # type: ignore[no-untyped-def]
    settings.CHECK_JOBS_A_DAY, settings.RANK_JOBS_A_DAY = 2, 1


@pytest.mark.usefixtures("two_checks_a_day")
def test_beyond_the_quota_a_check_waits_and_the_page_says_until_when(story: Story, cast: Cast) -> None:
    story.worker()
    count_pushes(story, cast.alice, 2)
    third = story.push(cast.alice, "t3")
    assert not third.jobs.exists()
    limit = queries.quota(third.pull, "check", HARDWARE)
    assert (limit.used, limit.left) == (2, 0)
    assert limit.next_at == min(job.queued_at for job in Job.objects.all()) + queries.DAY
    assert str(queries.why_waiting(third)).startswith(
        "You used your 2 checks a day on this task; the next begins"
    )


@pytest.mark.usefixtures("two_checks_a_day")
def test_a_day_later_the_sweeper_queues_what_had_to_wait(story: Story, cast: Cast) -> None:
    story.worker()
    count_pushes(story, cast.alice, 2)
    third = story.push(cast.alice, "t3")
    assert third not in [job.patch_set for job in story.live()]
    Job.objects.update(queued_at=clock.now() - queries.DAY)
    from hub import jobs

    jobs.run_rules()
    assert third.jobs.get().kind == "check"


@pytest.mark.usefixtures("two_checks_a_day")
def test_what_was_cancelled_before_it_started_is_not_counted(story: Story, cast: Cast) -> None:
    story.worker()
    for _ in range(4):
        last = story.push(cast.alice)  # each push cancels the job of the one before
    assert last.jobs.get().state == "queued"
    assert queries.quota(last.pull, "check", HARDWARE).used == 1


@pytest.mark.usefixtures("two_checks_a_day")
def test_what_was_cancelled_while_it_ran_is_counted(story: Story, cast: Cast) -> None:
    story.worker()
    story.push(cast.alice)
    story.claim(story.live()[0])
    last = story.push(cast.alice)
    assert queries.quota(last.pull, "check", HARDWARE).used == 2


@pytest.mark.usefixtures("two_checks_a_day")
def test_quotas_are_for_each_contributor_and_task(story: Story, cast: Cast) -> None:
    story.worker()
    count_pushes(story, cast.alice, 2)
    assert story.push(cast.bob).jobs.exists()


@pytest.mark.usefixtures("two_checks_a_day")
def test_timings_have_a_quota_of_their_own(story: Story, cast: Cast) -> None:
    story.worker()
    first, second = story.push(cast.alice, "t1"), story.push(cast.alice, "t2")
    story.run_all()
    ranked = [patch_set.jobs.filter(kind="rank").exists() for patch_set in (first, second)]
    assert ranked == [True, False]
    assert str(queries.why_waiting(second)).startswith("You used your 1 timings a day on this task")


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
    count_pushes(story, User.objects.get(username="bob"), 3)
    assert len(story.live(kind="check")) == 3
