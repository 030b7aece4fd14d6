"""The pages of programmes: made and changed by a form, taken part in, looked at, taken along as a file."""

from __future__ import annotations

import json
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hub.catalog.models import Programme, Task
from hub.core import clock
from hub.programmes.models import Announcement, Application, Member, Team
from hub.rewards.actions import reverse
from hub.rewards.models import Reward
from tests.hub.programmes.conftest import TEXT, new_programme
from tests.hub.replay import played_once
from tests.hub.story import Story
from tests.hub.web.conftest import Visitor
from tests.hub.web.markup import problems
from tests.people import Cast

MOST = 15  # queries
GIVEN = {
    "slug": "spring", "title_en": "Spring", "title_zh": "春季", "kind": "contest", "about_en": "Fast ones.",
    "tasks": "vector-add", "time_zone": "Asia/Shanghai", "starts_at": "2026-03-01T09:00",
    "ends_at": "2099-04-01T09:00", "policy": "open", "wishes_most": "0", "team_most": "2",
    "checks_a_day": "50", "ranks_a_day": "10",
}  # fmt: skip


@played_once
def contest(story: Story, cast: Cast) -> Programme:
    """alice and bob have entries, max as an insider; alice's work is merged. It ends in ten days."""
    made = new_programme(
        cast, [story.task], kind="contest", policy="open", team_most=2, point_value=50, currency="CNY",
        starts_at=-10, ends_at=10, closes_at=20, about_en="Make it **fast**.",
    )  # fmt: skip
    story.worker()
    for who, ratio in ((cast.alice, 3.0), (cast.bob, 1.5), (cast.max, 3.0)):
        story.push(who)
        story.run_all(ratio)
    story.merged(cast.alice, cast.mei, cast.max, topic="merged")
    return made


def test_a_maintainer_makes_and_changes_one_by_a_form(story: Story, cast: Cast) -> None:
    organiser = Visitor(cast.max)
    assert "50" in organiser.get("/programmes/new/?kind=contest"), "the form begins with what is usual"
    page = organiser.send("/programmes/new/", GIVEN)
    assert "“Spring” is saved." in page
    assert "<strong>April 1, 2099" in page.replace("\n", "")
    made = Programme.objects.get()
    assert made.starts_at is not None
    assert made.starts_at.isoformat() == "2026-03-01T01:00:00+00:00", "dates are meant in its time zone"
    assert list(made.tasks.all()) == [story.task]
    form = organiser.get("/programmes/spring/edit/")
    assert 'value="2026-03-01T09:00"' in form
    organiser.send("/programmes/spring/edit/", {**GIVEN, "tasks": "", "title_en": "Summer"})
    made.refresh_from_db()
    assert (made.title_en, made.tasks.count()) == ("Summer", 0)


def test_a_form_with_mistakes_comes_back_with_all_that_was_typed(story: Story, cast: Cast) -> None:
    organiser = Visitor(cast.max)
    mistakes: dict[str, tuple[dict[str, str], str]] = {
        "end before start": ({"ends_at": "2026-02-01T09:00"}, "before it starts"),
        "no such zone": ({"time_zone": "Mars/Olympus"}, "is no time zone"),
        "an hour that clocks skip": (
            {"time_zone": "Europe/Berlin", "starts_at": "2026-03-29T02:30"},
            "is skipped or comes twice in Europe/Berlin",
        ),
        "no such task": ({"tasks": "vector-add no-such"}, "There is no task “no-such”"),
        "no date": ({"starts_at": "tomorrow"}, "This is no date with a time"),
        "no currency": ({"point_value": "5", "currency": "yuan"}, "characters"),
    }
    for what, (columns, said) in mistakes.items():
        answer = organiser.post("/programmes/new/", {**GIVEN, **columns})
        page = answer.content.decode().replace("\xa0", " ")
        assert answer.status_code == 422, what
        assert said in page, what
        assert [value for value in ("Fast ones.", *columns.values()) if value not in page] == [], what
        assert problems(page) == [], what
    assert not Programme.objects.exists()
    organiser.send("/programmes/new/", GIVEN)
    again = organiser.post("/programmes/new/", GIVEN)
    assert again.status_code == 422
    assert "already exists" in again.content.decode()
    assert Programme.objects.count() == 1


@pytest.mark.slow
def test_only_maintainers_organise(contest: Programme, cast: Cast) -> None:
    told = Announcement.objects.create(
        programme=contest, author=cast.max, title="T", body="B", at=clock.now()
    )
    gets = ("new/", "spring/edit/", "spring/match/", "spring/programme.json", "spring/statement.csv")
    posts = (
        "import/", "spring/announce/", "spring/match/apply/", f"announcements/{told.pk}/take-back/",
        "spring/applicants/vector-add/",
    )  # fmt: skip
    for who in (cast.alice, cast.bob):
        for path in gets:
            Visitor(who).get(f"/programmes/{path}", status=403)
        for path in posts:
            assert Visitor(who).post(f"/programmes/{path}").status_code == 403, path
    for path in gets:
        assert f"/login/?next=/programmes/{path}" in Visitor(None).client.get(f"/programmes/{path}").url, path
    told.refresh_from_db()
    assert told.withdrawn_at is None


PAGES = ("", "spring/", "spring/standing/", "spring/report/")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "language"), [(None, "en"), ("alice", "zh-hans"), ("max", "en"), ("max", "zh-hans")]
)
def test_every_page_is_well_formed_and_asks_little_of_the_database(
    contest: Programme, cast: Cast, name: str | None, language: str
) -> None:
    own = ("spring/statement/", "spring/edit/", "spring/applicants/", "spring/match/", "new/")
    found: dict[str, Any] = {}
    visitor = Visitor(getattr(cast, name) if name else None, language)
    pages = [f"/programmes/{path}" for path in (*PAGES, *(own if name == "max" else ()))]
    for path in (*pages, "/", "/tasks/", "/tasks/vector-add/"):
        with CaptureQueriesContext(connection) as asked:
            page = visitor.get(path)
        if (wrong := problems(page)) or len(asked) > MOST:
            found[path] = (wrong, len(asked))
    assert found == {}


@pytest.mark.slow
def test_home_tasks_and_the_task_s_page_tell_of_it(contest: Programme, cast: Cast) -> None:
    home = Visitor(None).get("/")
    assert 'href="/programmes/spring/"' in home
    assert "Deadline for pushes" in home
    assert 'name="programme" value="spring"' in Visitor(None).get("/tasks/")
    page = Visitor(cast.alice).get("/tasks/vector-add/")
    assert "(Asia/Shanghai)" in page
    assert " of 20 left" in page
    assert "年" in Visitor(None, "zh-hans").get("/tasks/vector-add/").split("(Asia/Shanghai)")[0][-40:]


@pytest.mark.slow
def test_the_standing_counts_speed_and_leaves_insiders_without_a_place(
    contest: Programme, cast: Cast
) -> None:
    rows = Visitor(None).get("/programmes/spring/standing.csv").splitlines()
    points = Task.objects.get().points
    assert [row.split(",")[:3] for row in rows[1:]] == [["1", "", "alice"], ["", "", "max"], ["2", "", "bob"]]
    assert rows[1].split(",")[3] == str(float(points))
    assert float(rows[3].split(",")[3]) < points


@pytest.mark.slow
def test_who_is_owed_what_follows_the_ledger(contest: Programme, cast: Cast) -> None:
    paid = Reward.objects.get(kind="merge")
    organiser = Visitor(cast.max)
    assert (
        organiser.get("/programmes/spring/statement.csv")
        .splitlines()[1]
        .startswith(f"alice,alice,1,{paid.points},{paid.points},{50 * paid.points}")
    )
    assert "alice" in Visitor(cast.alice).get("/programmes/spring/statement/")
    Visitor(cast.bob).get("/programmes/spring/statement/", status=403)
    reverse(paid, cast.max, "A mistake")
    assert "alice," not in organiser.get("/programmes/spring/statement.csv")


@pytest.mark.slow
def test_a_team_is_founded_joined_by_its_code_and_left(contest: Programme, cast: Cast) -> None:
    alice, bob = Visitor(cast.alice), Visitor(cast.bob)
    assert "The team is founded." in alice.send("/programmes/spring/team/", {"name": "Stones"})
    code = Team.objects.get().code
    assert code not in bob.get("/programmes/spring/"), "the code is for the team alone"
    refused = bob.post("/programmes/spring/team/join/", {"code": "nonsense"})
    assert refused.status_code == 422
    assert "No team here has this code" in refused.content.decode()
    assert "You are in the team." in bob.send("/programmes/spring/team/join/", {"code": code})
    rows = Visitor(None).get("/programmes/spring/standing.csv").splitlines()
    assert rows[1].startswith("1,Stones,alice bob,"), "the team has the best entry of its people"
    full = Visitor(cast.mei).post("/programmes/spring/team/join/", {"code": code})
    assert full.status_code == 422
    for one in (alice, bob):
        one.send("/programmes/spring/team/leave/")
    assert not Team.objects.exists()
    assert not Member.objects.exists()


@pytest.mark.slow
def test_an_announcement_is_shown_until_it_is_taken_back(contest: Programme, cast: Cast) -> None:
    organiser = Visitor(cast.max)
    organiser.send("/programmes/spring/announce/", {"title": "One week left", "body": "**Push** early."})
    assert "<strong>Push</strong> early." in Visitor(None).get("/programmes/spring/")
    refused = organiser.post("/programmes/spring/announce/", {"title": "", "body": "A long text"})
    assert refused.status_code == 422
    assert "A long text" in refused.content.decode()
    organiser.send(f"/programmes/announcements/{Announcement.objects.get().pk}/take-back/")
    assert "One week left" not in Visitor(None).get("/programmes/spring/")


@pytest.mark.slow
def test_frozen_standings_stay_as_they_were(contest: Programme, cast: Cast, story: Story) -> None:
    Programme.objects.update(freeze_at=clock.now() - timedelta(seconds=1))
    before = Visitor(None).get("/programmes/spring/standing.csv")
    story.push(cast.bob, "better")
    story.run_all(9.0)
    assert Visitor(None).get("/programmes/spring/standing.csv") == before
    assert "Frozen" in Visitor(None).get("/programmes/spring/")
    Programme.objects.update(freeze_at=None)
    assert Visitor(None).get("/programmes/spring/standing.csv").splitlines()[1].startswith("1,,bob,")


def apply_to(programme: Programme) -> None:
    """Let it choose its people, applications open."""
    dates = {"apply_until": clock.now() + timedelta(days=1), "starts_at": clock.now() + timedelta(days=2)}
    Programme.objects.filter(pk=programme.pk).update(
        kind="summer", policy="exclusive", team_most=1, wishes_most=1, **dates
    )


@pytest.mark.slow
def test_an_application_is_sent_ranked_chosen_and_answered(contest: Programme, cast: Cast) -> None:
    apply_to(contest)
    bob, organiser = Visitor(cast.bob), Visitor(cast.max)
    short = bob.post("/programmes/spring/apply/", {"text": "Too short", "wish": ["vector-add"]})
    page = short.content.decode()
    assert short.status_code == 422
    assert "Too short" in page
    assert '<option value="vector-add" selected>' in page
    assert "Your application is sent." in bob.send(
        "/programmes/spring/apply/", {"text": TEXT, "wish": ["vector-add"]}
    )
    assert TEXT not in Visitor(cast.alice).get("/programmes/spring/"), "applications are private"
    Visitor(cast.alice).get("/programmes/spring/applicants/", status=403)
    assert TEXT in organiser.get("/programmes/spring/applicants/")
    wish = Application.objects.get().wishes.get()
    organiser.send("/programmes/spring/applicants/vector-add/", {f"rank-{wish.pk}": "1"})
    Programme.objects.update(apply_until=clock.now() - timedelta(hours=1))
    match = organiser.get("/programmes/spring/match/")
    digest = match.split('name="digest" value="')[1].split('"')[0]
    assert "The match is applied" in organiser.send("/programmes/spring/match/apply/", {"digest": digest})
    assert "You are chosen for" in bob.get("/programmes/spring/")


@pytest.mark.slow
def test_a_programme_goes_out_as_a_file_and_comes_in_the_same(contest: Programme, cast: Cast) -> None:
    apply_to(contest)
    organiser = Visitor(cast.max)
    Visitor(cast.bob).send("/programmes/spring/apply/", {"text": TEXT, "wish": ["vector-add"]})
    organiser.send("/programmes/spring/announce/", {"title": "Hello", "body": "All"})
    team = Team.objects.create(programme=contest, name="石", code="secret-code", at=clock.now())
    Member.objects.create(team=team, programme=contest, user=cast.alice, at=clock.now())
    Programme.objects.update(apply_from=clock.now() - timedelta(days=3), team_most=1)
    out = organiser.get("/programmes/spring/programme.json")
    assert "secret-code" not in out
    assert "a programme “spring” here already" in sent(organiser, out)
    Task.objects.update(programme=None)
    said = json.loads(out)
    said["programme"]["slug"] = "autumn"
    assert "is imported." in sent(organiser, json.dumps(said))
    again = json.loads(organiser.get("/programmes/autumn/programme.json"))
    assert again == said


@pytest.mark.slow
def test_a_file_that_does_not_fit_changes_nothing_and_says_why(contest: Programme, cast: Cast) -> None:
    organiser = Visitor(cast.max)
    out = json.loads(organiser.get("/programmes/spring/programme.json"))
    out["programme"]["slug"] = "autumn"
    Task.objects.update(programme=None)
    stranger = {"author": "zoe", "title": "T", "body": "B", "at": "2026-01-01T00:00:00+00:00"}
    wrong: dict[str, tuple[object, str]] = {
        "no JSON": ("{", "no JSON file"),
        "something else": ([1, 2], "no programme of version 1"),
        "a part is missing": ({**out, "teams": None}, "it lacks teams"),
        "somebody unknown": ({**out, "announcements": [stranger]}, "not here: zoe"),
        "dates": (
            {**out, "programme": {**out["programme"], "ends_at": "2000-01-01T00:00:00+00:00"}},
            "ends_at",
        ),
        "a column": ({**out, "programme": {"slug": "autumn"}}, "The file is damaged"),
        "nothing": (None, "no JSON file"),
    }
    for what, (text, said) in wrong.items():
        page = sent(organiser, text if isinstance(text, str) else json.dumps(text) if text else "")
        assert said in page, what
    assert [one.slug for one in Programme.objects.all()] == ["spring"]


def sent(organiser: Visitor, text: str) -> str:
    file = BytesIO(text.encode())
    file.name = "programme.json"
    answer = organiser.client.post("/programmes/import/", {"file": file}, follow=True)
    assert answer.status_code == 200
    return answer.content.decode().replace("\xa0", " ")
