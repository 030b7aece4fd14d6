"""Who is next: levels, turns between contributors, ageing; and that a worker gets what is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from hub import flow
from hub.accounts.models import User
from hub.bench import actions as bench
from hub.bench import queue
from hub.bench.models import Attempt, Job
from hub.core import clock
from hub.pulls import actions as pulls
from hub.pulls.models import PatchSet
from tests.hub.story import HARDWARE, Story, attempt_id
from tests.people import Cast

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
ALICE, BOB = 1, 2
Priority = Job.Priority


def waiting(
    number: int, contributor: int = ALICE, priority: int = Priority.CHECK, ago: int = 0
) -> queue.Waiting:
    """Job `number`, queued so many seconds ago."""
    queued_at = NOON - timedelta(seconds=ago)
    return queue.Waiting(UUID(int=number), priority, contributor, "check", 1, queued_at, None, None)


def numbers(jobs: list[queue.Waiting], begun: dict[int, int] | None = None) -> list[int]:
    return [job.pk.int for job in queue.in_turn(jobs, begun or {}, NOON)]


def pushes(story: Story, who: User, number: int) -> list[PatchSet]:
    return [story.push(who, f"t{topic}") for topic in range(number)]


def again(story: Story, pushed: PatchSet, topic: str) -> Job:
    """The check of the same commit on another branch, without the cost of a push."""
    columns = {"head_sha": pushed.head_sha, "base_sha": pushed.base_sha, "revision": pushed.revision}
    pull = pulls.open_pull(story.task, pushed.pull.author, topic, title=topic)
    twin = PatchSet.objects.create(pull=pull, number=1, pushed_at=clock.now(), **columns)
    return bench.queue_job(twin, "check", HARDWARE)


# The rule by itself


def test_a_hundred_of_one_wait_behind_the_first_of_another() -> None:
    flood = [waiting(number, ALICE, ago=500 - number) for number in range(100)]
    assert numbers([*flood, waiting(500, BOB)])[:3] == [0, 500, 1]


def test_who_had_many_lately_waits_behind_who_had_none() -> None:
    jobs = [waiting(1, ALICE, ago=60), waiting(2, ALICE, ago=50), waiting(3, BOB), waiting(4, BOB)]
    assert numbers(jobs, {ALICE: 1}) == [3, 1, 4, 2]
    assert numbers(jobs, {ALICE: 5}) == [3, 4, 1, 2]


def test_beginning_the_first_changes_no_other_ones_turn() -> None:
    jobs = [waiting(n, n % 3, priority=n % 4, ago=n * 37 % 101) for n in range(40)]
    begun: dict[int, int] = {}
    first, *rest = queue.in_turn(jobs, begun, NOON)
    while rest:
        begun[first.contributor] = begun.get(first.contributor, 0) + 1
        again = queue.in_turn(rest, begun, NOON)
        assert again == rest
        first, *rest = again


def test_the_levels_are_mentor_merge_check_timing_house() -> None:
    order = [Priority.MENTOR, Priority.MERGE, Priority.CHECK, Priority.RANK, Priority.HOUSE]
    jobs = [waiting(level, contributor=level, priority=level, ago=level) for level in reversed(order)]
    assert numbers(jobs, {Priority.MENTOR: 50}) == order


def test_a_timing_that_has_waited_half_an_hour_counts_as_a_check() -> None:
    age = int(queue.AGEING.total_seconds())
    young = [waiting(1, ALICE, Priority.RANK, ago=age - 1), waiting(2, BOB)]
    old = [waiting(1, ALICE, Priority.RANK, ago=age), waiting(2, BOB)]
    assert (numbers(young), numbers(old)) == ([2, 1], [1, 2])


def test_however_long_it_waits_it_does_not_pass_a_merge() -> None:
    jobs = [waiting(1, ALICE, Priority.HOUSE, ago=10**7), waiting(2, BOB, Priority.MERGE)]
    assert numbers(jobs) == [2, 1]


def test_a_timing_is_begun_though_checks_never_stop_coming() -> None:
    """Every minute another newcomer pushes, and one job a minute is all that the worker can do."""
    rank = waiting(0, ALICE, Priority.RANK)
    checks: list[queue.Waiting] = []
    for minute in range(600):
        now = NOON + timedelta(minutes=minute)
        checks.append(
            queue.Waiting(UUID(int=minute + 1), Priority.CHECK, minute + 10, "check", 1, now, None, None)
        )
        first = queue.in_turn([rank, *checks], {ALICE: 3} if minute < 60 else {}, now)[0]
        if first is rank:
            break
        checks.remove(first)
    assert minute <= 60


# In the database


@pytest.mark.slow
def test_a_newcomers_first_push_comes_next_after_a_hundred_of_another(story: Story, cast: Cast) -> None:
    story.worker()
    [first] = pushes(story, cast.alice, 1)
    for number in range(100):
        again(story, first, f"x{number}")
    story.run(first.jobs.get())
    late = story.push(cast.bob).jobs.get()
    assert len(queue.line(HARDWARE)) == 102  # with the timing that alice's check led to
    assert queue.line(HARDWARE)[0].pk == late.pk


def test_cheap_goes_before_dear_and_people_before_the_house(story: Story, cast: Cast) -> None:
    story.worker()
    User.objects.filter(pk=cast.bob.pk).update(is_house=True)
    house = story.push(User.objects.get(username="bob"))
    dear = story.push(cast.alice)
    story.run(dear.jobs.get())
    cheap = story.push(cast.mei)
    line = Job.objects.in_bulk([job.pk for job in queue.line(HARDWARE)])
    order = [(line[job.pk].patch_set, job.kind) for job in queue.line(HARDWARE)]
    assert order == [(cheap, "check"), (dear, "rank"), (house, "check")]


def test_what_a_mentor_asks_for_again_goes_first(story: Story, cast: Cast) -> None:
    story.worker()
    disputed = story.push(cast.alice)
    story.run(disputed.jobs.get(), "wrong_answer")
    pushes(story, cast.bob, 2)
    [again] = flow.run_again(disputed.pull, cast.max)
    assert queue.line(HARDWARE)[0].pk == again.pk
    assert again.priority == Priority.MENTOR


def test_what_the_author_runs_again_waits_its_turn(story: Story, cast: Cast) -> None:
    story.worker()
    unlucky = story.push(cast.alice)
    for _ in range(3):
        spec = story.claim(unlucky.jobs.get())
        flow.attempt_failed(attempt_id(spec), spec.token, "no cgroup")
    other = story.push(cast.bob).jobs.get()
    [again] = flow.run_again(unlucky.pull, cast.alice)
    assert [job.pk for job in queue.line(HARDWARE)] == [other.pk, again.pk]


@pytest.mark.parametrize("state", queue.NOBODY_S_TURN)
def test_a_try_that_our_machines_failed_at_is_nobodys_turn(story: Story, cast: Cast, state: str) -> None:
    story.worker()
    first = story.push(cast.alice)
    spec = story.claim(first.jobs.get())
    second = story.push(cast.alice, "second").jobs.get()
    other = story.push(cast.bob).jobs.get()
    assert [job.pk for job in queue.line(HARDWARE)] == [other.pk, second.pk]
    Attempt.objects.filter(pk=spec.attempt).update(state=state, ended_at=clock.now())
    assert [job.pk for job in queue.line(HARDWARE)] == [second.pk, other.pk]


def test_what_began_more_than_an_hour_ago_is_forgotten(story: Story, cast: Cast) -> None:
    story.worker()
    story.claim(story.push(cast.alice).jobs.get())
    second = story.push(cast.alice, "second").jobs.get()
    story.push(cast.bob)
    Attempt.objects.update(started_at=clock.now() - queue.FAIR)
    assert queue.line(HARDWARE)[0].pk == second.pk


def test_other_hardware_has_a_line_of_its_own(story: Story, cast: Cast) -> None:
    story.worker()
    story.push(cast.alice)
    assert (len(queue.line(HARDWARE)), queue.line("gpu-h100")) == (1, [])


# What a worker gets. Each of these claims is of a worker that does nothing yet.


def claims(story: Story, *jobs: Job) -> list[str | None]:
    """The jobs that workers get which wake for these."""
    workers = [story.worker(name=f"idle-{len(story.workers)}") for _ in jobs]
    given = [bench.claim_job(job.pk, worker) for job, worker in zip(jobs, workers, strict=True)]
    return [spec and spec.job for spec in given]


def test_whichever_job_a_worker_wakes_for_it_gets_the_one_that_is_due(story: Story, cast: Cast) -> None:
    story.worker()
    dear = story.push(cast.alice)
    story.run(dear.jobs.get())
    cheap = story.push(cast.mei)
    rank, check = dear.jobs.get(kind="rank"), cheap.jobs.get()
    assert claims(story, rank, check) == [str(check.pk), str(rank.pk)]


def test_as_many_messages_as_jobs_empty_the_queue_in_whatever_order(story: Story, cast: Cast) -> None:
    story.worker()
    jobs = [patch_set.jobs.get() for patch_set in pushes(story, cast.alice, 4)]
    assert claims(story, *reversed(jobs)) == [str(job.pk) for job in jobs]
    assert claims(story, jobs[0]) == [None]


def test_a_message_that_comes_twice_brings_the_next_job(story: Story, cast: Cast) -> None:
    story.worker()
    first, second = (patch_set.jobs.get() for patch_set in pushes(story, cast.alice, 2))
    assert claims(story, first, first, first) == [str(first.pk), str(second.pk), None]


def test_a_message_of_a_cancelled_job_brings_another(story: Story, cast: Cast) -> None:
    worker = story.worker()
    first, second = (patch_set.jobs.get() for patch_set in pushes(story, cast.alice, 2))
    bench.cancel_job(first, "test")
    spec = bench.claim_job(first.pk, worker)
    assert spec is not None
    assert spec.job == str(second.pk)


def test_a_more_urgent_job_in_its_back_off_is_not_waited_for(story: Story, cast: Cast) -> None:
    worker = story.worker()
    dear = story.push(cast.alice)
    story.run(dear.jobs.get())
    later = story.push(cast.mei).jobs
    later.update(not_before=clock.now() + timedelta(minutes=1))
    rank = dear.jobs.get(kind="rank")
    assert [job.pk for job in queue.line(HARDWARE)] == [later.get().pk, rank.pk]
    spec = bench.claim_job(rank.pk, worker)
    assert spec is not None
    assert spec.job == str(rank.pk)


def test_if_the_first_is_taken_meanwhile_the_worker_gets_the_second(
    story: Story, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.worker()
    first, second = (patch_set.jobs.get() for patch_set in pushes(story, cast.alice, 2))
    seen = queue.due(HARDWARE)
    assert claims(story, first) == [str(first.pk)]
    monkeypatch.setattr(queue, "due", lambda hardware_class: seen)
    assert claims(story, first) == [str(second.pk)]
