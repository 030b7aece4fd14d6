"""What is held for review, copies above all, and what maintainers decide about it."""

from __future__ import annotations

import pytest

from hub import flow, jobs, rejudging
from hub.catalog.queries import files_of
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.pulls.models import PatchSet
from hub.pulls.queries import Stage, stage
from hub.rulings import queries
from hub.rulings.models import Ruling
from tests.hub.racing import at_once
from tests.hub.rulings.programs import MINE, THEIRS, in_another_coat
from tests.hub.story import HARDWARE, SOLUTION, Story, places, suspicious
from tests.people import Cast

pytestmark = pytest.mark.django_db


# Rulings


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


@pytest.mark.slow
def test_new_rules_clear_no_copy(ready: Story, cast: Cast) -> None:
    first, _second = copied(ready, cast)
    ready.new_rules()
    assert {old.job.patch_set for old in rejudging.outdated(ready.task)} == {first}
