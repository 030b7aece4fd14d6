"""While a programme hides entries, only who looks after its tasks sees how others fare, at any address."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import pytest

from hub import asgi, speaking, telling
from hub.accounts.models import User
from hub.catalog.models import Programme
from hub.core import clock
from hub.core.errors import NotAllowed
from hub.notify.models import Notification
from hub.programmes.rules import problems as unfit
from hub.pulls.desk import desk_pulls
from tests.hub.programmes.conftest import new_programme
from tests.hub.replay import played_once
from tests.hub.story import HARDWARE, Story
from tests.hub.web.conftest import Visitor, measure
from tests.hub.web.markup import problems
from tests.people import Cast

pytestmark = pytest.mark.slow  # what is read of boards: tests/hub/boards/test_hidden.py

BOARD = f"/boards/vector-add/{HARDWARE}/"
NAMELESS = [  # who has an entry there is not even named
    "/boards/", BOARD, f"{BOARD}board.csv", f"{BOARD}board.json", f"{BOARD}badge.svg",
    f"{BOARD}badge.svg?user=alice", "/programmes/spring/", "/programmes/spring/standing/",
    "/programmes/spring/standing.csv", "/programmes/spring/report/",
]  # fmt: skip
NAMED = ["/", "/tasks/vector-add/", "/people/alice/", "/people/alice/standing/", "/pulls/"]


@played_once
def contest(story: Story, cast: Cast) -> Programme:
    made = new_programme(
        cast, [story.task], kind="contest", policy="open", starts_at=-5, ends_at=5, hides_entries=True
    )
    story.task.mentors.add(cast.mei)
    measure(story, cast, alice=2.5, bob=3.5)
    return made


def told(who: User | None, paths: list[str]) -> dict[str, str]:
    client = Visitor(who).client
    return {path: client.get(path).content.decode() for path in paths}


@pytest.mark.parametrize("who", [None, "bob"])
def test_no_address_tells_of_the_entries_of_others(contest: Programme, cast: Cast, who: str | None) -> None:
    found = told(getattr(cast, who) if who else None, [*NAMELESS, *NAMED])
    others = ("2.50×", "2.5,") if who else ("2.50×", "2.5,", "3.50×", "3.5,")
    assert [path for path, page in found.items() if any(ratio in page for ratio in others)] == []
    assert [path for path in NAMELESS if "alice" in found[path].lower()] == []
    assert "hidden until the end" in found[f"{BOARD}badge.svg"]


def test_the_author_sees_the_own_entry_without_a_rank(contest: Programme, cast: Cast) -> None:
    page = Visitor(cast.bob).get(BOARD)
    assert "3.50×" in page
    assert '<td class="rank">–</td>' in page
    assert "Nobody sees how others fare until the programme ends" in page
    assert problems(page) == []
    said = Visitor(cast.bob).client.get(f"{BOARD}board.json").json()
    assert (said["hidden"], [(one["username"], one["rank"]) for one in said["entries"]]) == (
        True,
        [("bob", None)],
    )


def test_who_looks_after_the_task_sees_all(contest: Programme, cast: Cast) -> None:
    for who in (cast.mei, cast.max):
        found = told(who, [BOARD, "/boards/", "/tasks/vector-add/", "/programmes/spring/standing/"])
        assert all("alice" in page and "bob" in page for page in found.values())
        assert "2.50×" in found[BOARD]


def test_the_work_of_others_is_hidden_with_it(contest: Programme, cast: Cast) -> None:
    pull = contest.tasks.get().pulls.get(author=cast.alice)
    for part in ("", "diff/", "timing/"):
        Visitor(cast.alice).get(f"/pulls/{pull.pk}/{part}")
        Visitor(cast.mei).get(f"/pulls/{pull.pk}/{part}")
        page = Visitor(cast.bob).get(f"/pulls/{pull.pk}/{part}", status=403)
        assert "Until Spring ends, its people do not see one another" in page
    assert Visitor(None).client.get(f"/pulls/{pull.pk}/events/").status_code == 403
    assert asgi.hides_branches(pull.task.repository)


def test_nobody_hears_of_records_meanwhile(contest: Programme, cast: Cast) -> None:
    telling.records(contest.tasks.get(), HARDWARE)
    assert not Notification.objects.filter(what__startswith="record").exists()


def test_at_the_end_everything_is_shown(
    contest: Programme, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = clock.now() + timedelta(days=6)
    monkeypatch.setattr(clock, "now", lambda: over)
    found = told(None, [BOARD, "/boards/", f"{BOARD}badge.svg", "/people/alice/standing/"])
    assert ["3.50×" in page or "2.50×" in page for page in found.values()] == [True] * 4
    assert not asgi.hides_branches(contest.tasks.get().repository)


def test_what_is_hidden_needs_an_end(contest: Programme) -> None:
    contest.ends_at = contest.freeze_at = contest.closes_at = None
    assert "hides_entries" in unfit(contest)


def test_the_own_timings_stand_beside_nobody_else_s(contest: Programme, cast: Cast) -> None:
    pull = contest.tasks.get().pulls.get(author=cast.alice)
    assert "the board's best" not in unescape(Visitor(cast.alice).get(f"/pulls/{pull.pk}/timing/"))
    assert "the board's best" in unescape(Visitor(cast.max).get(f"/pulls/{pull.pk}/timing/"))


def test_words_about_hidden_work_reach_only_who_sees_it(contest: Programme, cast: Cast) -> None:
    patch_set = contest.tasks.get().pulls.get(author=cast.alice).patch_sets.get()
    speaking.comment(patch_set, cast.mei, "@bob and @max: the trick is to unroll the loop.")
    told = Notification.objects.filter(what__in=("mention.pull", "comment.pull"))
    assert set(told.values_list("user__username", flat=True)) == {"alice", "max"}
    with pytest.raises(NotAllowed, match="Until Spring ends"):
        speaking.comment(patch_set, cast.bob, "How did you do it?")


def test_mentors_of_other_tasks_have_no_hidden_work_on_their_desk(contest: Programme, cast: Cast) -> None:
    contest.tasks.get().mentors.clear()
    mei = User.objects.get(pk=cast.mei.pk)
    assert mei.is_mentor
    assert not desk_pulls(mei)
    assert len(desk_pulls(cast.max)) == 2
