"""A programme as one JSON file, out and in again: rules, tasks with their files, applications, teams, news.

Not in charge of publishing a task (the caller gives `publish`, for it needs a repository).

What is in the file: everything that was decided, and people by their usernames. What is not: claims, pull
requests, verdicts and what was said of stages, which belong to the tasks; e-mail addresses; the teams' codes,
which are made anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from bench_runner.contract import Bundle, decode_bundle, encode_bundle
from hub.accounts.models import User
from hub.audit.actions import record
from hub.catalog.models import Programme, Task
from hub.catalog.queries import files_of
from hub.core.errors import BadInput, NotAllowed
from hub.programmes import actions, queries, rules
from hub.programmes.models import Announcement, Application, Member, Team, Wish
from hub.programmes.teaming import new_code
from tasks.spec import TaskError

FORMAT, VERSION = "touchstone-programme", 1
BYTES_MOST = 20 * 1024 * 1024
PLAIN = (
    "slug", "kind", "title_en", "title_zh", "about_en", "about_zh", "time_zone", "policy", "claims_at_once",
    "wishes_most", "team_most", "hides_entries", "checks_a_day", "ranks_a_day", "runs_in_total",
    "live_at_once", "currency", "payout_tiers", "payout_stages",
)  # fmt: skip
ADDED = ("hides_entries", "payout_tiers", "payout_stages")  # since the first files: they may lack it
Publish = Callable[[str, Bundle, User], Any]


def written(programme: Programme, by: User) -> str:
    """The programme as JSON.

    Raises:
        NotAllowed: not a maintainer: applications are private.
    """
    if not queries.may_organise(by):
        raise NotAllowed(_("Only maintainers take a programme away as a file."))
    said = {
        "format": FORMAT,
        "version": VERSION,
        "programme": {name: getattr(programme, name) for name in PLAIN}
        | {name: _moment(getattr(programme, name)) for name in rules.DATES}
        | {"point_value": None if programme.point_value is None else str(programme.point_value)},
        "tasks": [
            {"uuid": str(task.uuid), "slug": task.slug, "files": encode_bundle(files_of(task.current))}
            for task in programme.tasks.select_related("current").order_by("slug")
            if task.current is not None
        ],
        "applications": [_application(one) for one in _all_applications(programme)],
        "teams": [
            {
                "name": team.name,
                "at": _moment(team.at),
                "members": [{"user": m.user.username, "at": _moment(m.at)} for m in team.members.all()],
            }
            for team in queries.teams(programme)
        ],
        "announcements": [
            {
                "author": one.author.username,
                "title": one.title,
                "body": one.body,
                "at": _moment(one.at),
                "withdrawn_at": _moment(one.withdrawn_at),
            }
            for one in programme.announcements.select_related("author").order_by("id")
        ],
    }
    record(by, "programme.exported", programme)
    return json.dumps(said, ensure_ascii=False, indent=1)


def take_in(text: bytes, by: User, publish: Publish) -> Programme:
    """Make the programme that such a file describes. Tasks that are not here are published from the file.

    Raises:
        NotAllowed: not a maintainer.
        BadInput: not such a file, or something in it does not fit here: everything that does not, at once.
            Nothing of the programme was made then; tasks that were published stay.
    """
    if not queries.may_organise(by):
        raise NotAllowed(_("Only maintainers make and change programmes and decide in them."))
    said = _read(text)
    people = _people(said)
    try:
        tasks = [_task(one, by, publish) for one in said["tasks"]]
        with transaction.atomic():
            made = _programme(said["programme"])
            actions.save(made, tasks, by)
            _fill(made, said, people, {task.slug: task for task in tasks})
            record(by, "programme.imported", made, tasks=[task.slug for task in tasks])
    except ValidationError as error:
        raise BadInput(" ".join(_sentences(error))) from error
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation) as error:
        raise BadInput(
            _("The file is damaged: %(what)s. Export it once more.") % {"what": repr(error)[:200]}
        ) from error
    return made


def _read(text: bytes) -> dict[str, Any]:
    if len(text) > BYTES_MOST:
        words = _("The file has %(size)s MiB: at most %(most)s are read.")
        raise BadInput(words % {"size": len(text) >> 20, "most": BYTES_MOST >> 20})
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(_("This is no JSON file: give one that was exported here.")) from error
    if not isinstance(said, dict) or said.get("format") != FORMAT or said.get("version") != VERSION:
        raise BadInput(_("This is no programme of version 1: give a file that was exported here."))
    parts = {"programme": dict, "tasks": list, "applications": list, "teams": list, "announcements": list}
    missing = [name for name, kind in parts.items() if not isinstance(said.get(name), kind)]
    if missing:
        raise BadInput(_("The file is damaged: it lacks %(parts)s.") % {"parts": ", ".join(missing)})
    return said


def _people(said: dict[str, Any]) -> dict[str, User]:
    names = set(_names(said))
    found = {user.username: user for user in User.objects.filter(username__in=names)}
    if unknown := sorted(names - set(found)):
        words = _("These people are not here: %(names)s. Ask them to sign up under these names first.")
        raise BadInput(words % {"names": ", ".join(unknown)[:400]})
    return found


def _names(said: dict[str, Any]) -> Iterator[str]:
    try:
        yield from (str(one["user"]) for one in said["applications"])
        yield from (str(member["user"]) for team in said["teams"] for member in team["members"])
        yield from (str(one["author"]) for one in said["announcements"])
    except (KeyError, TypeError) as error:
        raise BadInput(_("The file is damaged: somebody's name is missing.")) from error


def _task(said: dict[str, Any], by: User, publish: Publish) -> Task:
    """The task here with that identity; published from the file if there is none."""
    here = Task.objects.filter(uuid=str(said["uuid"])).first()
    if here is not None:
        return here
    try:
        publish(str(said["slug"]), decode_bundle(said["files"]), by)
    except TaskError as error:
        raise BadInput(str(error)) from error
    return Task.objects.get(uuid=str(said["uuid"]))


def _programme(said: dict[str, Any]) -> Programme:
    value = said["point_value"]
    if Programme.objects.filter(slug=str(said["slug"])).exists():
        words = _("There is a programme “%(slug)s” here already: change “slug” in the file.")
        raise BadInput(words % {"slug": said["slug"]})
    return Programme(
        **{name: said[name] for name in PLAIN if name in said or name not in ADDED},
        **{name: _at(said[name]) for name in rules.DATES},
        point_value=None if value is None else Decimal(value),
    )


def _fill(made: Programme, said: dict[str, Any], people: dict[str, User], tasks: dict[str, Task]) -> None:
    for one in said["applications"]:
        row = Application(
            programme=made,
            user=people[one["user"]],
            state=Application.State(one["state"]),
            text=str(one["text"])[: actions.TEXT_LONGEST],
            task=tasks[one["task"]] if one["task"] else None,
            at=_at(one["at"]),
            decided_at=_at(one["decided_at"]),
        )
        _keep(row)
        for place, wish in enumerate(one["wishes"], 1):
            rank = wish["mentor_rank"]
            _keep(Wish(application=row, task=tasks[wish["task"]], place=place, mentor_rank=rank))
    for one in said["teams"]:
        team = Team(programme=made, name=one["name"], code=new_code(), at=_at(one["at"]))
        _keep(team)
        for member in one["members"]:
            user = people[member["user"]]
            _keep(Member(team=team, programme=made, user=user, at=_at(member["at"])))
    for one in said["announcements"]:
        told = {name: _at(one[name]) for name in ("at", "withdrawn_at")}
        body = str(one["body"])[: actions.BODY_LONGEST]
        _keep(
            Announcement(programme=made, author=people[one["author"]], title=one["title"], body=body, **told)
        )


def _keep(row: Model) -> None:
    """Save a row that fits its columns and constraints; what may be missing may be."""
    missing = {field.name for field in row._meta.fields if field.null and getattr(row, field.attname) is None}
    row.full_clean(exclude=missing)
    row.save()


def _all_applications(programme: Programme) -> list[Application]:
    rows = programme.applications.select_related("user", "task")
    return list(rows.prefetch_related("wishes__task"))


def _application(one: Application) -> dict[str, Any]:
    return {
        "user": one.user.username,
        "state": one.state,
        "text": one.text,
        "task": one.task.slug if one.task else None,
        "at": _moment(one.at),
        "decided_at": _moment(one.decided_at),
        "wishes": [{"task": wish.task.slug, "mentor_rank": wish.mentor_rank} for wish in one.wishes.all()],
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _at(said: str | None) -> datetime | None:
    if said is None:
        return None
    found = parse_datetime(said)
    if found is None or found.tzinfo is None:
        raise ValueError(f"{said!r} is no moment with a time zone")
    return found


def _sentences(error: ValidationError) -> list[str]:
    if hasattr(error, "error_dict"):
        return [f"{name}: {said}" for name, found in error.message_dict.items() for said in found]
    return list(error.messages)
