"""Writes about programmes: making and changing them, applications and the choice, announcements.

Teams: `teaming.py`. A programme as a file: `transfer.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.audit.actions import record
from hub.catalog.actions import set_programme
from hub.catalog.models import Programme, Task
from hub.core import clock
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.programmes import news, queries, rules, teaming
from hub.programmes.models import Announcement, Application, Member, Wish

TEXT_SHORTEST, TEXT_LONGEST = 40, 8000  # characters of an application
TITLE_LONGEST, BODY_LONGEST = 120, 10_000  # of an announcement


@transaction.atomic
def save(programme: Programme, tasks: Iterable[Task], by: User) -> Programme:
    """Make a programme, or change one; exactly these tasks belong to it from now on.

    Raises:
        NotAllowed: not a maintainer.
        ValidationError: what does not fit, by column, in sentences; nothing was changed.
    """
    _organiser(by)
    wrong = rules.problems(programme)
    taken = [task for task in tasks if task.programme_id not in (None, programme.pk)]
    if taken:
        words = _("“%(task)s” belongs to another programme: take it out there first.")
        wrong["tasks"] = [words % {"task": task.slug} for task in taken]
    if wrong:
        raise ValidationError(wrong)
    set_programme(programme, tasks, by)
    return programme


def apply(programme: Programme, user: User, text: str, wanted: Sequence[Task]) -> Application:
    """Apply, or put a new application in the place of one's own that waits.

    Raises:
        NotNow: applications are not open, or it was decided about already.
        BadInput: the text is too short or too long; no task, too many, one twice, or one of elsewhere.
    """
    text = _text(text)
    with transaction.atomic():
        held = _locked(programme)
        if (why := queries.why_not_apply(held, user)) is not None:
            raise NotNow(why)
        _check_wishes(held, text, wanted)
        now = clock.now()
        own, made = Application.objects.get_or_create(
            programme=held, user=user, defaults={"text": text, "at": now}
        )
        if own.state in (Application.State.ACCEPTED, Application.State.DECLINED):
            raise NotNow(_("It was decided about your application already."))
        if own.state == Application.State.WITHDRAWN:
            Application.moves.move(own, Application.State.SUBMITTED)
        if not made:
            Application.objects.filter(pk=own.pk).update(text=text, at=now)
            own.wishes.all().delete()  # with the mentors' ranks: they read another text then
        Wish.objects.bulk_create(
            Wish(application=own, task=task, place=place) for place, task in enumerate(wanted, 1)
        )
        record(user, "application.submitted", own, tasks=[task.slug for task in wanted])
    own.refresh_from_db()
    return own


def withdraw(programme: Programme, user: User) -> None:
    """Take one's own application back.

    Raises:
        NotNow: there is none that waits.
    """
    own = queries.application_of(programme, user)
    with transaction.atomic():
        if own is None or not Application.moves.move(
            own, Application.State.WITHDRAWN, only_from=[Application.State.SUBMITTED]
        ):
            raise NotNow(_("There is no application of yours that waits for an answer."))
        record(user, "application.withdrawn", own)


def forget(user: User) -> None:
    """Whoever leaves the hub waits for no choice and is in no team that can still change; their words go."""
    for own in Application.objects.filter(user=user, state=Application.State.SUBMITTED):
        if Application.moves.move(own, Application.State.WITHDRAWN):
            record(user, "application.withdrawn", own)
    Application.objects.filter(user=user).update(text="–")
    for member in Member.objects.filter(user=user).select_related("programme"):
        with suppress(NotNow):  # a team of a programme that has ended stands in its standing
            teaming.leave_team(member.programme, user)


def rank(programme: Programme, task: Task, by: User, ranks: Mapping[int, int | None]) -> None:
    """Say whom a task's mentors want: 1 is the first choice, None not at all. By the keys of wishes.

    Raises:
        NotAllowed: neither a mentor of the task nor a maintainer.
        BadInput: the same rank twice, or one that is not above 0.
    """
    if task not in queries.mentored_in(queries.tasks_in(programme), by):
        raise NotAllowed(_("Only the mentors of a task and maintainers rank its applicants."))
    given = sorted(value for value in ranks.values() if value is not None)
    if len(set(given)) != len(given):
        raise BadInput(_("Two applicants have the same rank: give each a number of their own."))
    if given and not 1 <= given[0] <= given[-1] <= 999:
        raise BadInput(_("Ranks go from 1, whom you want most, to 999."))
    with transaction.atomic():
        _locked(programme)
        wishes = {wish.pk: wish for wish in queries.wishes_for([task], programme)}
        if unknown := set(ranks) - set(wishes):
            words = _("%(number)s of these applications changed meanwhile: look at the list again.")
            raise BadInput(words % {"number": len(unknown)})
        for key, value in ranks.items():
            Wish.objects.filter(pk=key).update(mentor_rank=value)
        record(by, "programme.ranked", programme, task=task.slug, ranked=len(given))


def settle(programme: Programme, by: User, digest: str) -> queries.Plan:
    """Apply the match that was looked at: everybody in it is accepted for their task, all others are not.

    Raises:
        NotAllowed: not a maintainer.
        NotNow: applications are still open, nobody waits, or the match is another one by now.
    """
    _organiser(by)
    with transaction.atomic():
        held = _locked(programme)
        if held.takes_applications(clock.now()):
            raise NotNow(_("Applications are still open: choose when they are closed."))
        plan = queries.plan(held)
        if not plan.lines:
            raise NotNow(_("Nobody waits for the choice."))
        if plan.digest != digest:
            raise NotNow(_("Wishes or ranks changed since you looked: here is the match as it is now."))
        now = clock.now()
        for line in plan.lines:
            accepted = line.wish is not None
            state = Application.State.ACCEPTED if accepted else Application.State.DECLINED
            task = line.wish.task if line.wish else None
            if Application.moves.move(line.application, state, task=task, decided_at=now):
                record(by, f"application.{state}", line.application, task=task.slug if task else "")
                news.decided(line.application, by)
        record(by, "programme.settled", held, placed=plan.placed, applications=len(plan.lines))
    return plan


def announce(programme: Programme, by: User, title: str, body: str) -> Announcement:
    """Tell everybody who takes part something; it stands on the programme's page.

    Raises:
        NotAllowed: neither a maintainer nor a mentor of one of its tasks.
        BadInput: without a title or a text, or too long.
    """
    if not queries.mentored_in(queries.tasks_in(programme), by) and not queries.may_organise(by):
        raise NotAllowed(_("Only maintainers and the programme's mentors announce something in it."))
    title, body = " ".join(_text(title).split()), _text(body)
    if not title or not body:
        raise BadInput(_("An announcement has a title and a text: write both."))
    if len(title) > TITLE_LONGEST or len(body) > BODY_LONGEST:
        words = _("At most %(title)s characters fit into the title and %(body)s into the text.")
        raise BadInput(words % {"title": TITLE_LONGEST, "body": BODY_LONGEST})
    with transaction.atomic():
        made = Announcement.objects.create(
            programme=programme, author=by, title=title, body=body, at=clock.now()
        )
        record(by, "programme.announced", made, programme=programme.slug)
        news.announced(made)
    return made


def take_back(announcement: Announcement, by: User) -> None:
    """Show an announcement no more.

    Raises:
        NotAllowed: neither who wrote it nor a maintainer.
    """
    if by.pk != announcement.author_id and not queries.may_organise(by):
        raise NotAllowed(_("Only who wrote an announcement and maintainers take it back."))
    with transaction.atomic():
        shown = Announcement.objects.filter(pk=announcement.pk, withdrawn_at=None)
        if shown.update(withdrawn_at=clock.now()):
            record(by, "programme.announcement_taken_back", announcement)


def _check_wishes(programme: Programme, text: str, wanted: Sequence[Task]) -> None:
    if not TEXT_SHORTEST <= len(text) <= TEXT_LONGEST:
        words = _("Your text has %(length)s characters; write between %(least)s and %(most)s.")
        raise BadInput(words % {"length": len(text), "least": TEXT_SHORTEST, "most": TEXT_LONGEST})
    if not 1 <= len(wanted) <= programme.wishes_most:
        words = _("Name between 1 and %(most)s tasks; you named %(number)s.")
        raise BadInput(words % {"most": programme.wishes_most, "number": len(wanted)})
    if len({task.pk for task in wanted}) != len(wanted):
        raise BadInput(_("You named a task twice: each can be wished for once."))
    if any(task.programme_id != programme.pk for task in wanted):
        raise BadInput(_("One of these tasks does not belong to “%(name)s”.") % {"name": programme.title})


def _organiser(by: User) -> None:
    if not queries.may_organise(by):
        raise NotAllowed(_("Only maintainers make and change programmes and decide in them."))


def _locked(programme: Programme) -> Programme:
    """Applications of a programme are written one after the other."""
    rows: Any = Programme.objects.select_for_update(no_key=True)
    found: Programme = rows.get(pk=programme.pk)
    return found


def _text(written: str) -> str:
    """As it may be stored: PostgreSQL takes no NUL."""
    return written.replace("\x00", "").replace("\r\n", "\n").strip()
