"""Pay by stages: mid-term and final, each needing the mentor's pass; in statements, exports and files."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction

from hub.catalog.models import Programme, Task
from hub.claims import actions as claims
from hub.claims.models import Claim
from hub.core import clock
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.notify.kinds import sentence
from hub.notify.models import Notification
from hub.programmes.models import Assessment
from hub.programmes.report import report
from hub.programmes.rules import problems
from hub.programmes.stages import Part, Work, assess, parts, stages_of
from hub.programmes.standings import ledger
from hub.programmes.statements import statement
from hub.programmes.transfer import take_in, written
from tests.hub.claims.test_together import shared
from tests.hub.programmes.conftest import Make, new_programme
from tests.hub.replay import played_once
from tests.hub.story import Story
from tests.hub.web.conftest import Visitor
from tests.people import Cast, User

RULE = "Mid-term / 中期考核: 45\nFinal / 结项考核: 55"


@pytest.mark.parametrize(
    "text",
    ["Mid-term: 100", "Mid-term / 中期: 0\nFinal / 结项: 100", "A / 甲: 50", "A / 甲: 60\nB / 乙: 60", "100"],
)
def test_a_rule_has_names_in_both_languages_and_a_hundred_percent(text: str) -> None:
    stages = stages_of(RULE)
    assert [(stage.place, stage.title.en, stage.title.zh, stage.percent) for stage in stages] == [
        (1, "Mid-term", "中期考核", 45),
        (2, "Final", "结项考核", 55),
    ]
    assert stages_of(" \n") == ()
    assert stages_of("One / 一：100 %")[0].percent == 100
    with pytest.raises(ValueError, match=r".+"):
        stages_of(text)


@pytest.mark.parametrize("points", [1, 7, 30, 33])
def test_what_the_stages_pay_is_what_the_task_brings_exactly(points: int) -> None:
    said = {1: Assessment(passed=True), 2: Assessment(passed=True)}
    assert sum(Work(points, True, said).due(stages_of(RULE)).values()) == points


@played_once
def staged(story: Story, cast: Cast) -> Programme:
    """Mei mentors a task of 20 points, which Alice has claimed."""
    Task.objects.filter(pk=story.task.pk).update(policy="exclusive", slots=1, together=2, points=20)
    story.task.refresh_from_db()
    made = new_programme(
        cast, [story.task], kind="summer", payout_stages=RULE, point_value=50, currency="CNY",
        starts_at=-9, ends_at=90,
    )  # fmt: skip
    story.task.mentors.add(cast.mei)
    claims.claim(story.task, cast.alice)
    return made


def part_of(programme: Programme, user: User) -> Part:
    return next(part for part in parts(programme, ledger(programme)) if part.user == user)


def owed(programme: Programme, user: User) -> tuple[object, ...]:
    line = next(line for line in statement(programme) if line.user == user)
    return line.points, line.stages, line.due, line.rest, line.amount


@pytest.mark.slow
def test_mid_term_is_due_when_its_mentor_says_passed_and_the_rest_with_merged_work(
    staged: Programme, story: Story, cast: Cast
) -> None:
    assert owed(staged, cast.alice) == (20, (0, 0), 0, 20, 0)
    assess(staged, part_of(staged, cast.alice), 1, True, "Well on the way.", cast.mei)
    assert owed(staged, cast.alice) == (20, (9, 0), 9, 11, 450)
    with pytest.raises(NotNow, match="not yet"):
        assess(staged, part_of(staged, cast.alice), 2, True, "", cast.mei)
    story.worker()
    story.merged(cast.alice, cast.mei, cast.max)
    assert owed(staged, cast.alice) == (20, (9, 0), 9, 11, 450)
    assess(staged, part_of(staged, cast.alice), 2, True, "", cast.mei)
    assert owed(staged, cast.alice) == (20, (9, 11), 20, 0, 1000)


@pytest.mark.slow
def test_who_shares_a_claim_is_evaluated_and_paid_each_for_themselves(
    staged: Programme, story: Story, cast: Cast
) -> None:
    shared(story.task.claims.get(user=cast.alice), cast.bob, "45")
    assess(staged, part_of(staged, cast.bob), 1, True, "", cast.mei)
    assert owed(staged, cast.alice)[:2] == (11, (0, 0))
    assert owed(staged, cast.bob)[:2] == (9, (4, 0))


def test_the_last_word_counts_and_a_stage_that_is_not_passed_has_a_reason(
    staged: Programme, cast: Cast
) -> None:
    part = part_of(staged, cast.alice)
    with pytest.raises(BadInput, match="Say why"):
        assess(staged, part, 1, False, " ", cast.mei)
    assess(staged, part, 1, True, "", cast.mei)
    assess(staged, part, 1, False, "The tests are missing.", cast.mei)
    assert owed(staged, cast.alice)[1] == (0, 0)
    told = Notification.objects.filter(user=cast.alice).latest("pk")
    assert "not passed" in sentence(told.what, told.words)


def test_only_its_mentors_evaluate_work_and_nobody_their_own(staged: Programme, cast: Cast) -> None:
    part = part_of(staged, cast.alice)
    for person in (cast.alice, cast.bob):
        with pytest.raises(NotAllowed, match="Only the mentors"):
            assess(staged, part, 1, True, "", person)
    part.task.mentors.add(cast.alice)
    with pytest.raises(NotAllowed, match="your own work"):
        assess(staged, part, 1, True, "", cast.alice)
    with pytest.raises(BadInput, match="no such stage"):
        assess(staged, part, 3, True, "", cast.mei)


def test_pages_and_files_tell_each_stage_in_both_languages(staged: Programme, cast: Cast) -> None:
    page = f"/programmes/{staged.slug}/"
    mentor, form = Visitor(cast.mei), {"user": "alice", "stage": "1", "passed": "1", "note": "Good."}
    assert mentor.client.post(f"{page}stages/vector-add/", form).status_code == 302
    form |= {"user": "bob"}
    answer = mentor.client.post(f"{page}stages/vector-add/", form, follow=True)
    assert "bob does not work on this task" in answer.text
    assert "Good.</textarea>" in answer.text, "and what was written is not lost"
    assert f'href="{page}stages/"' in mentor.get(page)
    shown = mentor.get(f"{page}stages/")
    assert "Good." in shown
    assert '<option value="2" selected>' in shown
    assert 'href="/pulls/?task=vector-add&amp;author=alice"' in shown
    assert "45 %" in Visitor(None).get(page)
    assert "Good." in Visitor(cast.alice).get(page)
    assert "Good." not in Visitor(cast.bob).get(page)
    own = Visitor(cast.alice, "zh-hans").get(f"{page}statement/")
    assert "中期考核" in own
    assert "450" in own
    assert report(staged, 0, 0).owed == 450
    lines = Visitor(cast.max).client.get(f"{page}statement.csv").text.splitlines()
    assert lines[0].endswith("Mid-term (45 %),Final (55 %)")
    assert lines[1] == "alice,alice,0,20,9,450.00,CNY,False,9,0"
    file = written(staged, cast.max).replace('"spring"', '"autumn"').encode()
    Programme.objects.filter(pk=staged.pk).first().tasks.update(programme=None)
    assert take_in(file, cast.max, lambda *_: None).payout_stages == RULE


def test_a_programme_pays_by_tiers_or_by_stages(make_programme: Make) -> None:
    made = make_programme(payout_tiers="5, 8")
    made.payout_stages = RULE
    assert "not both" in problems(made)["payout_stages"][0]
    made.payout_tiers, made.payout_stages = "", "Half / 一半: 50"
    assert "100 percent in all" in problems(made)["payout_stages"][0]


@pytest.mark.parametrize("columns", [{"stage": 0, "passed": True}, {"stage": 1, "passed": False}])
def test_the_database_itself_keeps_words_about_stages(
    make_programme: Make, make_task: Callable[..., Task], cast: Cast, columns: dict[str, object]
) -> None:
    task = make_task()
    made = make_programme(task)
    with pytest.raises(IntegrityError, match=r"assessment_"), transaction.atomic():
        Assessment.objects.create(
            programme=made, task=task, user=cast.alice, by=cast.max, at=clock.now(), **columns
        )


def test_long_lists_have_pages_and_a_form_leads_back_to_its_own(
    staged: Programme, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.web.stages.PARTS_A_PAGE", 1)
    monkeypatch.setattr("hub.web.programmes.LINES_A_PAGE", 1)
    shared(Claim.objects.get(user=cast.alice), cast.bob)
    page, sent = f"/programmes/{staged.slug}/", {"user": "bob", "stage": "1", "passed": "1", "page": "2"}
    assert Visitor(cast.mei).post(f"{page}stages/vector-add/", sent).url == f"{page}stages/?page=2"
    for path in (f"{page}stages/", f"{page}statement/"):
        pages = [Visitor(cast.max).get(f"{path}?page={number}") for number in (1, 2)]
        assert ["/people/alice/" in shown for shown in pages] == [True, False]
        assert ["/people/bob/" in shown for shown in pages] == [False, True]
        assert all("of 2" in shown for shown in pages)
