"""The bell and the list behind it."""

from __future__ import annotations

import pytest

from hub.notify.actions import announce
from hub.notify.models import Notification
from tests.hub.web.conftest import Visitor
from tests.hub.web.markup import problems
from tests.people import Cast

pytestmark = pytest.mark.django_db
LIST = "/notifications/"


def tell(cast: Cast, number: int = 1) -> None:
    for which in range(number):
        announce(
            [cast.alice, cast.bob],
            key=f"news:{which}",
            title={"en": f"Season {which}", "zh": f"第 {which} 季"},
            text="<script>alert(1)</script>\n\x1b[2Jgone",
            path="/tasks/",
        )


def bell(page: str) -> str:
    return page.partition('class="plain bell"')[2].partition("</a>")[0]


def test_the_bell_counts_what_is_new_and_the_list_tells_it_in_the_readers_language(cast: Cast) -> None:
    assert "bell-count" not in bell(Visitor(cast.alice).get("/"))
    tell(cast, 2)
    assert ">2<" in bell(Visitor(cast.alice).get("/"))
    assert "Season 1" in Visitor(cast.alice).get(LIST)
    page = Visitor(cast.alice, "zh-hans").get(LIST)
    assert "第 1 季" in page
    assert problems(page) == []


def test_what_was_written_with_it_stays_text(cast: Cast) -> None:
    tell(cast)
    page = Visitor(cast.alice).get(LIST)
    assert "&lt;script&gt;alert(1)" in page
    assert "\x1b" not in page


def test_opening_one_marks_it_as_read_and_leads_to_what_it_is_about(cast: Cast) -> None:
    tell(cast, 2)
    row = Notification.objects.filter(user=cast.alice).last()
    answer = Visitor(cast.alice).post(f"{LIST}{row.pk}/open/")
    assert (answer.status_code, answer.headers["location"]) == (302, "/tasks/")
    assert ">1<" in bell(Visitor(cast.alice).get("/"))


def test_all_that_was_shown_is_marked_as_read_and_what_came_since_stays_new(cast: Cast) -> None:
    tell(cast, 2)
    first, second = Notification.objects.filter(user=cast.alice).order_by("id")
    assert "All is marked as read." in Visitor(cast.alice).send(f"{LIST}read/", {"until": str(first.pk)})
    second.refresh_from_db()
    assert second.read_at is None
    assert "nothing new" in Visitor(cast.alice).send(f"{LIST}read/", {"until": "x"})
    assert Notification.objects.filter(user=cast.bob, read_at=None).count() == 2


def test_somebody_elses_notification_is_not_found(cast: Cast) -> None:
    tell(cast)
    row = Notification.objects.get(user=cast.alice)
    Visitor(cast.bob).send(f"{LIST}{row.pk}/open/", status=404)
    assert Visitor(None).post(f"{LIST}{row.pk}/open/").headers["location"].startswith("/login/")
    assert Visitor(None).client.get(LIST).headers["location"].startswith("/login/")
    row.refresh_from_db()
    assert row.read_at is None


def test_the_list_says_what_will_stand_there_and_can_be_narrowed_to_one_kind(cast: Cast) -> None:
    assert "Nothing yet" in Visitor(cast.alice).get(LIST)
    tell(cast)
    assert "Season 0" in Visitor(cast.alice).get(f"{LIST}?kind=announcement")
    assert "Nothing of this kind" in Visitor(cast.alice).get(f"{LIST}?kind=verdict")
