"""A row of every live state, left by a process that died, comes to its end by the sweeper and workers alone.

Not in charge of each rule by itself (`test_sweeper.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.db.models import Model

from hub import flow, jobs, rejudging
from hub.bench import wake
from hub.bench.models import Attempt, Job
from hub.claims.actions import claim
from hub.claims.models import Claim
from hub.core import clock
from hub.notify.actions import announce
from hub.notify.models import Delivery
from hub.pulls import actions as pulls
from hub.pulls.models import MergeAttempt, PatchSet, PullRequest
from hub.repos import git
from tests.hub.story import Story
from tests.hub.test_sweeper import AT_REST, live_states
from tests.people import Cast

pytestmark = pytest.mark.django_db
ROUNDS = 12


@dataclass
class Scene:
    story: Story
    exclusive: Story
    cast: Cast
    dead: pytest.MonkeyPatch

    def dies(self, step: str) -> None:
        """Whoever comes to this step of the flow dies before it."""
        self.dead.setattr(flow, step, lambda *_: None)


def job_queued(scene: Scene) -> Model:
    scene.story.push(scene.cast.alice)
    return Job.objects.get()


def job_running(scene: Scene) -> Model:
    scene.story.push(scene.cast.alice)
    scene.story.claim(scene.story.live()[0])
    Attempt.objects.update(state="lost", ended_at=clock.now())  # only a repaired database is like this
    return Job.objects.get()


def attempt_open(scene: Scene) -> Model:
    scene.story.push(scene.cast.alice)
    scene.story.claim(scene.story.live()[0])
    return Attempt.objects.get()


def pull_open(scene: Scene) -> Model:
    """Its push was not taken in: the process died within the hook's request."""
    scene.story.push(scene.cast.alice)
    scene.story.run(scene.story.live()[0], "wrong_answer")
    scene.story.commit(scene.cast.alice)
    return PullRequest.objects.get()


def pull_closed(scene: Scene) -> Model:
    """Its job lives on: the process died before it was cancelled."""
    scene.story.push(scene.cast.alice)
    pulls.close(PullRequest.objects.get(), scene.cast.alice)
    return PullRequest.objects.get()


def merge_testing(scene: Scene) -> Model:
    patch_set = scene.story.approved(scene.cast.alice, by=scene.cast.mei).patch_sets.get()
    main = git.main_sha("vector-add")
    head = git.commit_merge(
        "vector-add",
        git.test_merge("vector-add", main, patch_set.head_sha).tree,
        [main, patch_set.head_sha],
        "Merge",
        scene.cast.max,
    )
    return pulls.start_merge(patch_set, scene.cast.max, main_sha=main, merge_sha=head)


def merge_landing(scene: Scene) -> Model:
    attempt = flow.merge(scene.story.approved(scene.cast.alice, by=scene.cast.mei), scene.cast.max)
    assert pulls.begin_landing(attempt)
    return attempt


def claim_active(scene: Scene) -> Model:
    return claim(scene.exclusive.task, scene.cast.bob)


def rejudge_running(scene: Scene) -> Model:
    patch_set = scene.story.push(scene.cast.alice)
    verdict = scene.story.run(patch_set.jobs.get(), "wrong_answer")
    scene.dead.setattr(rejudging, "advance", lambda _: False)
    return rejudging.judge_again(verdict, scene.cast.max, "the cases changed")


def delivery_waiting(scene: Scene) -> Model:
    scene.cast.alice.email = "alice@example.org"
    scene.cast.alice.save()
    announce([scene.cast.alice], key="news", title="News", path="/")
    return Delivery.objects.get()


def has_ended(row: Model) -> bool:
    return row.state not in type(row).moves.live  # type: ignore[attr-defined]


# How a row of each live state is left behind, and what "no longer stuck" means for it.
STUCK: dict[str, tuple[Callable[[Scene], Model], Callable[[Model], bool]]] = {
    "Job.queued": (job_queued, has_ended),
    "Job.running": (job_running, has_ended),
    "Attempt.open": (attempt_open, has_ended),
    "PullRequest.open": (pull_open, lambda pull: judged(pull.patch_sets.get(number=2))),  # type: ignore[attr-defined]
    "PullRequest.closed": (pull_closed, lambda _: not Job.objects.filter(state__in=Job.moves.live).exists()),
    "MergeAttempt.testing": (merge_testing, has_ended),
    "MergeAttempt.landing": (merge_landing, has_ended),
    "Claim.active": (claim_active, has_ended),
    "Delivery.waiting": (delivery_waiting, has_ended),
    "Rejudge.running": (rejudge_running, lambda row: row.state == "ready"),  # type: ignore[attr-defined]
}


def judged(patch_set: PatchSet) -> bool:
    return patch_set.jobs.filter(kind="check", state="finished").exists()


def test_every_live_state_is_left_behind_here_or_is_one_of_rest() -> None:
    assert set(STUCK) == live_states() - set(AT_REST)


@pytest.mark.parametrize("state", STUCK)
def test_a_row_that_was_left_behind_comes_to_its_end(
    make_story: Callable[..., Story], cast: Cast, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    woken: list[Job] = []
    monkeypatch.setattr(wake, "send", lambda job: woken.append(job) or True)
    story, exclusive = make_story(), make_story("row-softmax", policy="exclusive")
    story.worker()
    build, moved_on = STUCK[state]
    with monkeypatch.context() as dead:
        row = build(Scene(story, exclusive, cast, dead))
    row.refresh_from_db()
    assert f"{type(row).__name__}.{row.state}" == state  # type: ignore[attr-defined]
    woken.clear()
    now = clock.now() + timedelta(days=90)
    for _ in range(ROUNDS):
        now += timedelta(minutes=2)
        monkeypatch.setattr(clock, "now", lambda: now)  # noqa: B023
        jobs.run_rules()
        for job in _waiting(woken):
            story.run(job)
        row.refresh_from_db()
        if moved_on(row):
            return
    raise AssertionError(f"still {row.state} after {ROUNDS} sweeps")  # type: ignore[attr-defined]


def _waiting(woken: list[Job]) -> list[Job]:
    """What a worker finds that wakes for these; the wake-ups are used up."""
    found = Job.objects.filter(pk__in=[job.pk for job in woken], state=Job.State.QUEUED)
    woken.clear()
    return list(found)


def test_a_job_whose_workers_die_each_time_is_abandoned(
    story: Story, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wake, "send", lambda job: True)
    story.worker()
    story.push(cast.alice)
    now = clock.now()
    for _ in range(3):
        story.claim(story.live()[0])
        now += timedelta(minutes=5)
        monkeypatch.setattr(clock, "now", lambda: now)  # noqa: B023
        jobs.run_rules()
    job = Job.objects.get()
    assert (job.state, job.settled_at is not None) == ("abandoned", True)
    assert [attempt.state for attempt in job.attempts.all()] == ["lost"] * 3


def test_a_claim_that_waits_for_an_answer_is_left_alone(make_story: Callable[..., Story], cast: Cast) -> None:
    exclusive = make_story("row-softmax", policy="exclusive")
    asked = claim(exclusive.task, cast.bob)
    Claim.objects.filter(pk=asked.pk).update(state="requested", active_since=None, slot=None)
    jobs.run_rules()
    assert Claim.objects.get().state == "requested"
    assert MergeAttempt.objects.count() == 0
