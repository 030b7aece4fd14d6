"""Work of people who hold a claim together counts for each of them: badges, profiles, boards, reports."""

from __future__ import annotations

import pytest
from django.urls import reverse

from hub import honours
from hub.catalog.models import Task
from hub.claims import actions
from hub.claims.queries import claims_of
from hub.programmes.report import report
from hub.programmes.statements import statement
from hub.pulls.models import PullRequest
from hub.pulls.queries import open_work_of, pulls_of
from hub.pulls.together import others
from hub.web import profile
from tests import people
from tests.hub.claims.test_together import shared
from tests.hub.programmes.conftest import new_programme
from tests.hub.replay import played_once
from tests.hub.story import HARDWARE, Story

pytestmark = pytest.mark.slow


@played_once
def done(story: Story, cast: people.Cast) -> PullRequest:
    """Bob's pull request that is merged, and was Alice's work as well; Mei reviewed it, Max merged it."""
    new_programme(cast, [story.task], point_value=50, currency="CNY")
    Task.objects.filter(pk=story.task.pk).update(policy="exclusive", slots=1, together=2, points=15)
    story.task.refresh_from_db()
    shared(actions.claim(story.task, cast.alice), cast.bob, "45")
    story.worker()
    return story.merged(cast.bob, cast.mei, cast.max).patch_set.pull


def test_merged_work_counts_for_each_who_shared_it_and_for_nobody_else(done, cast):
    for fact, number in {"merged": 1, "sigs": 1, "right_at_once": 1, "reproduced": 1, "hardware": 1}.items():
        assert honours.measured(fact) == {cast.alice.pk: number, cast.bob.pk: number}, fact
    assert honours.measured("mentored") == {cast.mei.pk: 2}
    fastest = honours.measured("speed_up")
    assert fastest[cast.alice.pk] == fastest[cast.bob.pk] > 1
    badges = {person: set(person.awards.values_list("badge", flat=True)) for person in (cast.alice, cast.bob)}
    assert "first-merge" in badges[cast.alice]
    assert badges[cast.alice] >= {"first-merge", "right-at-once", "reproduced"}
    assert badges[cast.alice] == badges[cast.bob]


def test_a_task_counts_once_for_who_shared_it_and_improved_on_it_alone(done, story, cast):
    actions.claim(story.task, cast.alice)
    story.merged(cast.alice, cast.mei, cast.max, topic="again")
    assert honours.measured("merged")[cast.alice.pk] == 1
    assert honours.measured("right_at_once")[cast.alice.pk] == 2


def test_profiles_and_pages_name_all_whose_work_it_is(done, client, cast):
    for person in (cast.alice, cast.bob):
        assert profile.tallies(person) == {"opened": 1, "merged": 1}
        assert [found.merged for found in profile.sigs_of(person, ())] == [1]
        assert [entry.pull for _board, entry in profile.places_of(person)] == [done]
        assert list(pulls_of(person)) == [done]
    assert profile.tallies(cast.mei) == {"opened": 0, "merged": 0}
    board = reverse("web:board", args=[done.task.slug, HARDWARE])
    for page in (reverse("web:pull", args=[done.pk]), reverse("web:pulls")):
        assert "/people/alice/" in client.get(page).text
    entries, history = client.get(board).text.split('id="history"')
    assert "/people/alice/" in entries
    assert "/people/alice/" in history
    rows = client.get(reverse("web:board_json", args=[done.task.slug, HARDWARE])).json()["entries"]
    assert [(row["username"], row["together_with"]) for row in rows] == [("bob", "alice")]


def test_the_report_and_the_statement_count_all_whose_work_it_is(done, cast):
    programme = done.task.programme
    assert {line.user: (line.merged, line.points) for line in statement(programme)}[cast.alice] == (1, 8)
    found = report(programme, 10, 10)
    assert (found.people, found.tasks[0].people) == (2, 2)


def test_open_work_is_also_that_of_who_shares_the_claim_but_not_their_turn(story, client, cast):
    Task.objects.filter(pk=story.task.pk).update(policy="exclusive", slots=2, together=2)
    story.task.refresh_from_db()
    shared(actions.claim(story.task, cast.alice), cast.bob)
    actions.claim(story.task, cast.max)
    story.worker()
    patch_set = story.push(cast.bob)
    story.push(cast.max)
    for person in (cast.alice, cast.bob):
        assert list(open_work_of(person, claims_of(person))) == [patch_set.pull]
    assert others([patch_set.pull]) == {patch_set.pull.pk: [cast.alice]}
    assert client.get("/queue/").text.count('href="/people/alice/"') == 1
    story.run(story.live(patch_set=patch_set)[0], "wrong_answer")
    client.force_login(cast.alice)
    home = client.get("/")
    assert f"#{patch_set.pull.pk}" in home.text
    assert "Open #" not in home.text
    client.force_login(cast.bob)
    assert "Open #" in client.get("/").text
