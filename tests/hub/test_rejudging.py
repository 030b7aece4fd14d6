"""Second looks: the podium, copies, rulings, appeals, sets that are applied or discarded as one."""

from __future__ import annotations

import pytest
import pytest_django

from hub import flow, jobs, rejudging
from hub.accounts.models import User
from hub.audit.models import Event
from hub.bench.models import Attempt, Job, Verdict
from hub.boards.queries import board
from hub.catalog.actions import publish
from hub.catalog.queries import files_of
from hub.core import clock
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.pulls.models import PatchSet
from hub.pulls.queries import Stage, stage
from hub.rulings import queries
from hub.rulings.models import Ruling
from tests.hub.racing import at_once
from tests.hub.rulings.programs import MINE, THEIRS, in_another_coat
from tests.hub.story import HARDWARE, SOLUTION, Story, result
from tests.people import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def ready(story: Story) -> Story:
    story.worker()
    return story


def places(story: Story) -> list[tuple[int, str, float]]:
    return [(line.rank, line.user.username, line.ratio) for line in board(story.task, HARDWARE).entries]


def suspicious(story: Story, who: User, ratio: float = 9.0) -> Verdict:
    """A timing that is faster than the machine allows, with its number."""
    story.push(who)
    story.run(story.live(kind="check")[0])
    summary = result(ratio=ratio).summary
    return story.run(story.live(kind="rank")[0], "suspicious", reason="faster_than_possible", summary=summary)


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


# What is held, and rulings


def test_a_suspicious_number_stands_on_no_board_until_it_is_cleared(ready: Story, cast: Cast) -> None:
    verdict = suspicious(ready, cast.alice)
    assert places(ready) == []
    assert list(queries.held()) == [verdict]
    flow.rule(verdict, cast.max, "clear", "The floor counted a buffer twice.")
    assert places(ready) == [(1, "alice", 9.0)]
    assert list(queries.held()) == []
    assert [job.kind for job in ready.live()] == ["confirm"], "a first place is confirmed whoever cleared it"
    verdict.refresh_from_db()
    assert verdict.outcome == "suspicious", "the verdict itself never changes"


def test_an_upheld_verdict_stays_off_and_the_last_word_counts(ready: Story, cast: Cast) -> None:
    verdict = suspicious(ready, cast.alice)
    flow.rule(verdict, cast.max, "uphold", "It skips the work.")
    assert (places(ready), list(queries.held())) == ([], [])
    with pytest.raises(NotNow, match="decided already"):
        flow.rule(verdict, cast.max, "uphold", "Again.")
    flow.rule(verdict, cast.max, "clear", "I was wrong.")
    assert places(ready) == [(1, "alice", 9.0)]
    assert [ruling.kind for ruling in queries.rulings_of(verdict)] == ["uphold", "clear"]


def test_no_clear_turns_a_wrong_answer_into_a_right_one(ready: Story, cast: Cast) -> None:
    ready.push(cast.alice)
    verdict = ready.run(ready.live()[0], "wrong_answer")
    with pytest.raises(BadInput, match="not held for review"):
        flow.rule(verdict, cast.max, "clear", "Let it pass.")


def test_only_a_maintainer_rules_and_with_a_reason(ready: Story, cast: Cast) -> None:
    verdict = suspicious(ready, cast.alice)
    for who in (cast.alice, cast.bob, cast.mei):
        with pytest.raises(NotAllowed, match="Only a maintainer"):
            flow.rule(verdict, who, "clear", "Please.")
    with pytest.raises(BadInput, match="Give a reason"):
        flow.rule(verdict, cast.max, "clear", " \n")
    assert not Ruling.objects.exists()


def test_nobody_rules_on_their_own_work(ready: Story, cast: Cast) -> None:
    verdict = suspicious(ready, cast.max)
    with pytest.raises(NotAllowed, match="your own work"):
        flow.rule(verdict, cast.max, "clear", "It is fine.")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_of_two_maintainers_at_once_one_is_told_to_look_again(ready: Story, cast: Cast) -> None:
    verdict = suspicious(ready, cast.alice)
    kinds = ("clear", "uphold")
    found = at_once([lambda kind=kind: flow.rule(verdict, cast.max, kind, "Reason.") for kind in kinds])
    assert Ruling.objects.filter(follows=None).count() == 1
    assert all(isinstance(one, Ruling | NotNow) for one in found), found


def test_what_is_held_or_upheld_meanwhile_does_not_land(ready: Story, cast: Cast) -> None:
    pull = ready.approved(cast.alice, by=cast.mei)
    attempt = flow.merge(pull, cast.max)
    rejudging.run_podium_again(ready.task, HARDWARE, cast.max)
    ready.run(ready.live(kind="confirm")[0], "suspicious")
    ready.run(ready.live(kind="merge")[0])
    attempt.refresh_from_db()
    assert attempt.state == "outdated"
    assert stage(pull) == Stage.HELD


# Copies


def copied(story: Story, cast: Cast, copy: bytes = b"") -> tuple[PatchSet, PatchSet]:
    """alice pushes, then bob pushes her work in another coat; both were checked."""
    first = story.push(cast.alice, files={SOLUTION: MINE})
    story.run(story.live(kind="check")[0], artefact_sha256="a" * 64)
    second = story.push(cast.bob, files={SOLUTION: copy or in_another_coat(MINE)})
    story.run(story.live(kind="check")[0], artefact_sha256="b" * 64)
    return first, second


def test_a_renamed_copy_is_held_before_it_is_timed(ready: Story, cast: Cast) -> None:
    first, second = copied(ready, cast)
    assert (stage(first.pull), stage(second.pull)) == (Stage.NEEDS_REVIEW, Stage.HELD)
    assert [job.patch_set for job in ready.live(kind="rank")] == [first]
    [ruling] = Ruling.objects.all()
    assert (ruling.verdict.job.patch_set, ruling.like, ruling.share) == (second, first, 1.0)
    assert ruling.verdict.outcome == "passed"


@pytest.mark.slow
def test_a_copy_that_was_cleared_goes_on_and_is_not_held_again(ready: Story, cast: Cast) -> None:
    _first, second = copied(ready, cast)
    flow.rule(Ruling.objects.get().verdict, cast.max, "clear", "They wrote it together.")
    assert ready.live(kind="rank", patch_set=second)
    ready.run_all()
    jobs.run_rules()
    ready.push(cast.bob, files={SOLUTION: in_another_coat(MINE) + b"// now with a comment"})
    ready.run(ready.live(kind="check")[0], artefact_sha256="b" * 64)
    assert stage(second.pull) == Stage.NEEDS_REVIEW
    assert Ruling.objects.filter(kind="hold").count() == 1
    assert {line[1] for line in places(ready)} == {"alice", "bob"}


@pytest.mark.slow
def test_the_same_bytes_count_even_if_the_source_looks_different(ready: Story, cast: Cast) -> None:
    first = ready.push(cast.alice, files={SOLUTION: MINE})
    ready.run(ready.live(kind="check")[0], artefact_sha256="a" * 64)
    second = ready.push(cast.bob, files={SOLUTION: THEIRS})
    ready.run(ready.live(kind="check")[0], artefact_sha256="a" * 64)
    ruling = Ruling.objects.get()
    assert (ruling.verdict.job.patch_set, ruling.like, ruling.same_artefact) == (second, first, True)


@pytest.mark.slow
def test_whoever_pushed_later_is_held_whichever_is_checked_first(ready: Story, cast: Cast) -> None:
    first = ready.push(cast.alice, files={SOLUTION: MINE})
    second = ready.push(cast.bob, files={SOLUTION: in_another_coat(MINE)})
    ready.run(ready.live(patch_set=second)[0], artefact_sha256="b" * 64)
    assert not Ruling.objects.exists()
    ready.run(ready.live(patch_set=first, kind="check")[0], artefact_sha256="a" * 64)
    assert Ruling.objects.get().verdict.job.patch_set == second


@pytest.mark.slow
def test_nobody_copies_from_themselves_nor_from_their_copyist(ready: Story, cast: Cast) -> None:
    copied(ready, cast)
    again = ready.push(cast.alice, "other", files={SOLUTION: in_another_coat(MINE) + b"\n"})
    ready.run(ready.live(patch_set=again)[0], artefact_sha256="c" * 64)
    assert Ruling.objects.count() == 1
    assert stage(again.pull) == Stage.NEEDS_REVIEW


def test_other_work_is_not_held(ready: Story, cast: Cast) -> None:
    _first, second = copied(ready, cast, THEIRS)
    assert stage(second.pull) == Stage.NEEDS_REVIEW


@pytest.mark.slow
def test_what_the_task_gives_to_everybody_is_nobodys(ready: Story, cast: Cast) -> None:
    given = files_of(ready.task.current)
    for topic in ("starter/c", "baseline", "examples/accept-simd"):
        for who in (cast.alice, cast.bob):
            source = given[f"{topic}/solution.c"]
            patch_set = ready.push(who, topic.replace("/", "-"), files={SOLUTION: source})
            ready.run(ready.live(kind="check", patch_set=patch_set)[0], artefact_sha256="d" * 64)
    assert not Ruling.objects.exists()


def test_a_mentor_cannot_run_a_held_copy_again_past_the_maintainers(ready: Story, cast: Cast) -> None:
    _first, second = copied(ready, cast)
    with pytest.raises(NotNow, match="nothing to run again"):
        flow.run_again(second.pull, cast.max)


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


def new_rules(story: Story) -> None:
    """The task's tolerance changes."""
    files = dict(files_of(story.task.current))
    files["task.toml"] = files["task.toml"].replace(b"[tolerance", b"# stricter\n[tolerance", 1)
    old = story.task.current
    publish(story.task.slug, files)
    story.task.refresh_from_db()
    assert story.task.current != old


@pytest.fixture
def changed(ready: Story, cast: Cast) -> Story:
    """alice and bob stand on the board, mei closed hers; then the rules changed."""
    for who, ratio in ((cast.alice, 3.0), (cast.bob, 2.0)):
        ready.push(who)
        ready.run_all(ratio)
    new_rules(ready)
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
def test_new_rules_clear_no_copy(ready: Story, cast: Cast) -> None:
    first, _second = copied(ready, cast)
    new_rules(ready)
    assert {old.job.patch_set for old in rejudging.outdated(ready.task)} == {first}


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
