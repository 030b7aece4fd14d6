"""The history of a task and what changed between two revisions."""

from __future__ import annotations

from collections.abc import Callable

from hub.catalog.actions import publish
from hub.catalog.models import Task
from tasks.spec import read_folder
from tests import people
from tests.hub.conftest import TASKS
from tests.hub.web.conftest import Visitor
from tests.hub.web.markup import problems

PAGE = "/tasks/vector-add/revisions/"


def changed(**files: tuple[str, str]) -> dict[str, bytes]:
    made = dict(read_folder(TASKS / "vector-add"))
    for name, (old, new) in files.items():
        path = name.replace("_", ".")
        assert old in made[path].decode()
        made[path] = made[path].decode().replace(old, new).encode()
    return made


def test_the_first_revision_has_nothing_to_be_compared_with(make_task: Callable[..., Task]) -> None:
    make_task()
    page = Visitor(None).get(PAGE)
    assert "There is nothing earlier to compare with." in page
    assert problems(page) == []


def test_two_revisions_are_compared_line_by_line(make_task: Callable[..., Task], cast: people.Cast) -> None:
    first = make_task().current
    toml = ("points = 10", "points = 15")
    second = publish("vector-add", changed(task_toml=toml, reference_py=("float64", "longdouble")), cast.max)
    page = Visitor(cast.alice).get(PAGE)
    assert "points = <" in page or "points = 15" in page.replace('<span class="mi">', "").replace(
        "</span>", ""
    )
    assert "<code>reference.py</code>" in page, "the oracle changed …"
    assert "longdouble" not in page, "… and is not shown"
    assert 'href="/people/max/"' in page
    assert "line-say" not in page
    assert problems(page) == []
    again = Visitor(None).get(f"{PAGE}?from={second.digest[:12]}&to={first.digest[:12]}")
    assert "Changed as well" in again
    assert f'href="{PAGE}"' in Visitor(None).get("/tasks/vector-add/")


def test_a_name_that_is_no_revision_falls_back_to_the_newest(make_task: Callable[..., Task]) -> None:
    make_task()
    Visitor(None).get(f"{PAGE}?from=zzzzzzzzzz&to=%00")
    Visitor(None).get("/tasks/no-such-task/revisions/", status=404)
