"""Second looks: the podium, appeals, sets that are applied or discarded as one."""

from __future__ import annotations

import pytest
import pytest_django

from hub import flow, jobs, rejudging
from hub.accounts.models import User
from hub.audit.models import Event
from hub.bench.models import Attempt, Job, Verdict
from hub.boards.queries import board
from hub.core import clock
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.pulls.models import PatchSet
from hub.pulls.queries import Stage, stage
from hub.rulings import queries
from tests.hub.story import HARDWARE, Story, places, suspicious
from tests.people import Cast

pytestmark = pytest.mark.django_db


# The podium


def test_a_confirmation_with_a_wrong_answer_takes_the_entry_off_and_is_the_contributors_turn(
    ready: Story, cast: Cast
) -> None:
    patch_set = ready.push(cast.alice)
    ready.run(ready.live()[0])
    ready.run(ready.live()[0])
    assert places(ready) == [(1, "alice", 1.5)]
    ready.run(ready.live(kind="confirm")[0], "wrong_answer")
    assert places(ready) == []
    assert stage(patch_set.pull) == Stage.FAILING
    assert ready.live() == []


@pytest.mark.slow
def test_who_moves_up_when_the_first_one_falls_is_confirmed(ready: Story, cast: Cast) -> None:
    everybody = [cast.alice, cast.bob, cast.mei, cast.max]
    for who, ratio in zip(everybody[1:], (2.5, 2.0, 1.8), strict=True):
        ready.push(who)
        ready.run_all(ratio)
    house = User.objects.create_user("dora")
    fourth = ready.push(house)
    ready.run_all(1.5)
    assert not fourth.jobs.filter(kind="confirm").exists()
    bob = PatchSet.objects.get(pull__author=cast.bob)
    rejudging.run_podium_again(ready.task, HARDWARE, cast.max)
    ready.run(ready.live(kind="confirm", patch_set=bob)[0], "runtime_error")
    assert fourth.jobs.filter(kind="confirm", state="queued").exists()


@pytest.mark.slow
def test_while_the_runs_disagree_another_one_settles_it(ready: Story, cast: Cast) -> None:
    ready.push(cast.alice)
    ready.run(ready.live()[0])
    for ratio in (3.0, 2.0, 2.01):
        ready.run(ready.live()[0], ratio=ratio)
    assert ready.live() == []
    [entry] = board(ready.task, HARDWARE).entries
    assert (entry.ratio, entry.confirmed, entry.runs) == (2.01, True, 3)


@pytest.mark.slow
def test_it_is_not_confirmed_for_ever(ready: Story, cast: Cast) -> None:
    ready.push(cast.alice)
    ready.run(ready.live()[0])
    for ratio in (4.0, 3.0, 2.0, 1.0):
        ready.run(ready.live()[0], ratio=ratio)
    assert ready.live() == []
    assert board(ready.task, HARDWARE).entries[0].disputed


@pytest.mark.slow
def test_a_confirmation_that_our_machines_gave_up_is_not_asked_for_again_by_itself(
    ready: Story, cast: Cast
) -> None:
    ready.push(cast.alice)
    ready.run(ready.live()[0])
    ready.run(ready.live()[0])
    for _try in range(3):
        spec = ready.claim(ready.live()[0])
        flow.attempt_failed(Attempt.objects.get(pk=spec.attempt).pk, spec.token, "no cgroup")
    rejudging.confirm_podium(ready.task, HARDWARE)
    assert ready.live() == []


@pytest.mark.slow
def test_neither_a_newer_push_nor_closing_stops_a_confirmation(ready: Story, cast: Cast) -> None:
    patch_set = ready.push(cast.alice)
    ready.run(ready.live()[0])
    ready.run(ready.live()[0])
    newer = ready.push(cast.alice)
    flow.close(patch_set.pull, cast.alice)
    jobs.run_rules()
    assert newer.jobs.get().state == "cancelled"
    assert [job.kind for job in ready.live()] == ["confirm"]


@pytest.mark.slow
def test_a_maintainer_has_the_podium_run_again_and_a_lucky_number_goes(ready: Story, cast: Cast) -> None:
    ready.push(cast.alice)
    ready.run_all(3.0)
    ready.push(cast.bob)
    ready.run_all(2.5)
    with pytest.raises(NotAllowed, match="Only a maintainer"):
        rejudging.run_podium_again(ready.task, HARDWARE, cast.mei)
    queued = rejudging.run_podium_again(ready.task, HARDWARE, cast.max)
    assert [job.kind for job in queued] == ["confirm", "confirm"]
    with pytest.raises(NotNow, match="being run already"):
        rejudging.run_podium_again(ready.task, HARDWARE, cast.max)
    for job in ready.live(patch_set__pull__author=cast.alice):
        ready.run(job, ratio=2.0)
    ready.run(ready.live(patch_set__pull__author=cast.bob)[0], ratio=2.5)
    rejudging.run_podium_again(ready.task, HARDWARE, cast.max)
    for job in ready.live():
        ready.run(job, ratio=2.0 if job.patch_set.pull.author == cast.alice else 2.5)
    assert places(ready) == [(1, "bob", 2.5), (2, "alice", 2.0)]
    assert Event.objects.filter(verb="podium.run_again").count() == 2


# Appeals and sets


def test_an_appeal_is_run_beside_the_old_verdict_and_changes_nothing_by_itself(
    ready: Story, cast: Cast
) -> None:
    verdict = suspicious(ready, cast.alice)
    made = rejudging.appeal(verdict, cast.alice, "It is a single pass: see the comment in line 3.")
    [trial] = ready.live()
    assert (trial.kind, trial.revision, trial.priority) == ("rank", verdict.job.revision, Job.Priority.HOUSE)
    ready.run(trial, ratio=3.0)
    made.refresh_from_db()
    assert made.state == "ready"
    assert (places(ready), ready.live()) == ([], [])
    assert stage(verdict.job.patch_set.pull) == Stage.HELD
    assert list(queries.held()) == [verdict]


@pytest.mark.slow
def test_an_appeal_uses_no_quota(ready: Story, cast: Cast, settings: pytest_django.Settings) -> None:
    settings.RANK_JOBS_A_DAY = 2
    rejudging.appeal(suspicious(ready, cast.alice), cast.alice, "Please.")
    ready.run(ready.live()[0], ratio=3.0)
    patch_set = ready.push(cast.alice)
    ready.run(ready.live()[0])
    assert [job.kind for job in ready.live(patch_set=patch_set)] == ["rank"]


def test_an_applied_appeal_counts_in_place_of_the_old_verdict(ready: Story, cast: Cast) -> None:
    verdict = suspicious(ready, cast.alice)
    made = rejudging.appeal(verdict, cast.alice, "Please look.")
    ready.run(ready.live()[0], ratio=3.0)
    made.refresh_from_db()
    rejudging.apply(made, cast.max, "The machine had been calibrated wrongly.", 1)
    assert places(ready) == [(1, "alice", 3.0)]
    assert stage(verdict.job.patch_set.pull) == Stage.NEEDS_REVIEW
    assert list(queries.held()) == []
    assert [job.kind for job in ready.live()] == ["confirm"]
    assert {event.verb for event in Event.objects.filter(actor=cast.max)} >= {
        "rejudge.applied",
        "verdict.replaced",
    }


def test_a_discarded_set_leaves_everything_as_it_was_and_stops_its_jobs(ready: Story, cast: Cast) -> None:
    verdict = suspicious(ready, cast.alice)
    made = rejudging.appeal(verdict, cast.alice, "Please look.")
    [trial] = ready.live()
    rejudging.discard(made, cast.max, "The text says how it cheats.")
    trial.refresh_from_db()
    assert trial.state == "cancelled"
    assert (places(ready), list(queries.held())) == ([], [verdict])
    with pytest.raises(NotNow, match="discarded by now"):
        rejudging.discard(made, cast.max, "Again.")


def test_a_verdict_is_appealed_once_by_its_author_and_only_if_it_is_held(ready: Story, cast: Cast) -> None:
    verdict = suspicious(ready, cast.alice)
    with pytest.raises(NotAllowed, match="Only the author"):
        rejudging.appeal(verdict, cast.bob, "For a friend.")
    rejudging.discard(rejudging.appeal(verdict, cast.alice, "Please."), cast.max, "No.")
    with pytest.raises(NotNow, match="appealed once"):
        rejudging.appeal(verdict, cast.alice, "Please, please.")
    ready.push(cast.bob)
    wrong = ready.run(ready.live(kind="check")[0], "wrong_answer")
    with pytest.raises(NotNow, match="held for review"):
        rejudging.appeal(wrong, cast.bob, "It is right.")


def test_a_set_is_applied_by_a_maintainer_who_gives_the_number_when_all_runs_ended(
    ready: Story, cast: Cast
) -> None:
    made = rejudging.appeal(suspicious(ready, cast.alice), cast.alice, "Please.")
    with pytest.raises(NotNow, match="Not every verdict"):
        rejudging.apply(made, cast.max, "Fine.", 0)
    ready.run(ready.live()[0], ratio=3.0)
    made.refresh_from_db()
    with pytest.raises(BadInput, match="1 verdicts would be replaced, not 2"):
        rejudging.apply(made, cast.max, "Fine.", 2)
    with pytest.raises(NotAllowed, match="Only a maintainer"):
        rejudging.apply(made, cast.mei, "Fine.", 1)
    assert places(ready) == []


@pytest.fixture
def changed(ready: Story, cast: Cast) -> Story:
    """alice and bob stand on the board, mei closed hers; then the rules changed."""
    for who, ratio in ((cast.alice, 3.0), (cast.bob, 2.0)):
        ready.push(who)
        ready.run_all(ratio)
    ready.new_rules()
    return ready


def test_after_new_rules_all_verdicts_move_to_the_new_board_in_one_step(changed: Story, cast: Cast) -> None:
    assert places(changed) == []
    made = rejudging.judge_task_again(changed.task, cast.max, "Stricter tolerance.")
    assert sorted((job.kind, job.patch_set.pull.author.username) for job in changed.live()) == [
        (kind, name) for kind in ("check", "confirm", "rank") for name in ("alice", "bob")
    ]
    for job in changed.live():
        changed.run(job, ratio=1.2 if job.patch_set.pull.author == cast.alice else 2.0)
    made.refresh_from_db()
    assert (made.state, places(changed)) == ("ready", [])
    supposed = board(changed.task, HARDWARE, as_if=made.pk)
    assert [line.user.username for line in supposed.entries] == ["bob", "alice"]
    rejudging.apply(made, cast.max, "Looked at all six.", 6)
    assert places(changed) == [(1, "bob", 2.0), (2, "alice", 1.2)]
    assert rejudging.outdated(changed.task) == []
    assert changed.live() == []


@pytest.mark.slow
def test_what_fails_by_the_new_rules_is_failing_and_off_the_board(changed: Story, cast: Cast) -> None:
    made = rejudging.judge_task_again(changed.task, cast.max, "Stricter tolerance.")
    for job in changed.live():
        wrong = job.kind == "check" and job.patch_set.pull.author == cast.alice
        changed.run(job, "wrong_answer" if wrong else "passed", ratio=2.0)
    made.refresh_from_db()
    alice = PatchSet.objects.get(pull__author=cast.alice).pull
    assert stage(alice) == Stage.NEEDS_REVIEW
    rejudging.apply(made, cast.max, "As expected.", 6)
    assert stage(alice) == Stage.FAILING
    assert [line[1] for line in places(changed)] == ["bob"]


@pytest.mark.slow
def test_where_our_machines_gave_up_there_is_no_new_verdict(changed: Story, cast: Cast) -> None:
    made = rejudging.judge_task_again(changed.task, cast.max, "Stricter tolerance.")
    lost, *others = changed.live()
    Job.objects.filter(pk=lost.pk).update(state="abandoned", ended_at=clock.now())
    for job in others:
        changed.run(job)
    jobs.run_rules()
    made.refresh_from_db()
    assert made.state == "ready"
    assert len(rejudging.apply(made, cast.max, "All but one.", 5)) == 5


@pytest.mark.slow
def test_a_task_has_one_live_set_and_none_without_new_rules(changed: Story, cast: Cast) -> None:
    with pytest.raises(NotAllowed, match="Only a maintainer"):
        rejudging.judge_task_again(changed.task, cast.mei, "Why not.")
    made = rejudging.judge_task_again(changed.task, cast.max, "Stricter tolerance.")
    with pytest.raises(NotNow, match="under way already"):
        rejudging.judge_task_again(changed.task, cast.max, "Once more.")
    for job in changed.live():
        changed.run(job)
    made.refresh_from_db()
    rejudging.apply(made, cast.max, "Fine.", 6)
    with pytest.raises(NotNow, match="nothing to judge again"):
        rejudging.judge_task_again(changed.task, cast.max, "Again.")


def test_the_sweeper_queues_what_a_set_lacks(
    ready: Story, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = suspicious(ready, cast.alice)
    with monkeypatch.context() as dead:
        dead.setattr(rejudging, "advance", lambda _set: False)
        made = rejudging.appeal(verdict, cast.alice, "Please.")
    assert ready.live() == []
    jobs.run_rules()
    [trial] = ready.live()
    with monkeypatch.context() as dead:
        dead.setattr(flow, "job_ended", lambda _job: None)
        ready.run(trial, ratio=3.0)
    jobs.run_rules()
    made.refresh_from_db()
    assert made.state == "ready"


@pytest.mark.slow
def test_the_same_work_under_way_is_waited_for(ready: Story, cast: Cast) -> None:
    ready.push(cast.alice)
    ready.run_all(2.0)
    [confirm] = rejudging.run_podium_again(ready.task, HARDWARE, cast.max)
    old = Verdict.objects.get(job__kind="confirm")
    made = rejudging.judge_again(_held(old), cast.max, "Look.")
    assert made.items.get().job is None
    ready.run(confirm, ratio=2.0)
    jobs.run_rules()
    assert made.items.get().job in ready.live()


def _held(verdict: Verdict) -> Verdict:
    Verdict.objects.filter(pk=verdict.pk).update(outcome="suspicious")
    verdict.refresh_from_db()
    return verdict


@pytest.mark.slow
def test_a_push_does_not_cancel_what_an_appeal_runs(ready: Story, cast: Cast) -> None:
    rejudging.appeal(suspicious(ready, cast.alice), cast.alice, "Please.")
    ready.push(cast.alice)
    jobs.run_rules()
    assert sorted(job.kind for job in ready.live()) == ["check", "rank"]
