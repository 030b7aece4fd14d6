"""How large a made-up community is, and the one way to make it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from random import Random

from django.db import connection

from hub import honours
from hub.accounts.models import User
from hub.boards import stored
from hub.catalog.models import Task
from hub.core.errors import NotNow
from hub.demo.crowd import cast
from hub.demo.crowd.rows import finish, write
from hub.demo.crowd.together import together
from hub.demo.crowd.work import Work
from hub.pulls.models import PullRequest

BOARDS_A_LINE = 50  # so many boards are computed between two lines of progress


@dataclass(frozen=True)
class Size:
    people: int
    tasks: int
    verdicts: int


SIZES = {
    "small": Size(40, 8, 400),
    "campus": Size(500, 60, 20_000),
    "mindspore": Size(37_000, 1_400, 1_000_000),
}


def require_no_real_data(into: str = "") -> None:
    """Refuse a database that anybody lives in.

    An empty one will do. One that has demo people and nobody else must be named by `into`.

    Raises:
        NotNow: there is somebody, or a crowd is there already.
    """
    name = str(connection.settings_dict["NAME"])
    if into and into != name:
        raise NotNow(
            f"The database is {name!r}, not {into!r}: set DATABASE_URL, or name the one that is meant."
        )
    real = User.objects.filter(is_demo=False, is_house=False).first()
    if real is not None:
        raise NotNow(
            f"{name!r} has real people in it ({real.username!r}): demo data goes into an empty database."
        )
    if not into and (User.objects.exists() or PullRequest.objects.exists()):
        raise NotNow(
            f"{name!r} is not empty. It holds demo people alone, so it can be used: say so by --into {name}."
        )
    if Task.objects.filter(slug__in=[slug for slug, _en, _zh in cast.names()]).exists():
        raise NotNow(f"{name!r} has demo data already: take a new database for another size.")


def make(size: Size, seed: int, until: datetime, progress: Callable[[str], None]) -> None:
    """Write the community; the same size, seed and end give the same rows."""
    rng = Random(seed)  # noqa: S311  # made-up people, no secrets
    people, members = cast.people(size.people, rng, until)
    computers, machines = cast.machines(rng, until)
    write([people, computers])
    progress(f"{size.people} people, {len(machines)} machines")
    lists, tasks = cast.tasks(size.tasks, members, rng, until)
    write(lists)
    progress(f"{size.tasks} tasks")
    work = Work(members, tasks, machines, rng, until)
    work.make(size.verdicts, lambda done: progress(f"{done} of {size.verdicts} verdicts"))
    gathered = together(members, Random(seed + 1), until)  # noqa: S311  # its own, so that work stays as it is
    finish([people, computers, *lists, *work.tables, *gathered])
    for number, _changed in enumerate(stored.rebuild(), 1):
        if number % BOARDS_A_LINE == 0:
            progress(f"boards of {number} of {size.tasks} tasks")
    progress(f"{size.verdicts} verdicts of {work.pull.last} pull requests")
    progress(f"{honours.award_everybody(at=until)} badges")
