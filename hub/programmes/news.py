"""Who in a programme hears what: announcements, and what became of an application.

The programme's page tells the same, so a notice that is lost hides nothing.
"""

from __future__ import annotations

from django.db.models import Q
from django.utils.translation import gettext, gettext_noop, override

from hub.accounts.models import User
from hub.catalog.models import Programme
from hub.notify.actions import announce as tell
from hub.programmes.models import Announcement, Application, Assessment
from hub.rewards.rules import Words

CHOSEN = gettext_noop("You are chosen for “%(task)s” in “%(programme)s”.")
NOT_CHOSEN = gettext_noop("“%(programme)s” has chosen its people; you are not among them this time.")

PASSED = gettext_noop("“%(stage)s” of your work on “%(task)s” is passed.")
NOT_PASSED = gettext_noop("“%(stage)s” of your work on “%(task)s” is not passed.")


def announced(made: Announcement) -> None:
    """Tell everybody who takes part: applicants, teams, who claimed a task of it."""
    programme = made.programme
    waiting = (Application.State.SUBMITTED, Application.State.ACCEPTED)
    people = User.objects.filter(
        Q(applications__programme=programme, applications__state__in=waiting)
        | Q(team_memberships__programme=programme)
        | Q(claims__task__programme=programme, claims__state__in=("requested", "active", "fulfilled"))
    )
    key = f"programme:{made.pk}"
    tell(people.distinct(), key=key, title=made.title, path=_path(programme), text=made.body, by=made.author)


def decided(application: Application, by: User) -> None:
    """Tell an applicant what was decided."""
    words = CHOSEN if application.task else NOT_CHOSEN
    told = {}
    for language, code in (("en", "en"), ("zh", "zh-hans")):
        with override(code):
            task = application.task.title if application.task else ""
            told[language] = gettext(words) % {"task": task, "programme": application.programme.title}
    key = f"application:{application.pk}"
    tell([application.user], key=key, title=told, path=_path(application.programme), by=by)


def assessed(made: Assessment, stage: Words) -> None:
    """Tell whoever it is about, with the mentor's note."""
    words = PASSED if made.passed else NOT_PASSED
    told = {}
    for language, code in (("en", "en"), ("zh", "zh-hans")):
        with override(code):
            told[language] = gettext(words) % {"stage": stage, "task": made.task.title}
    key, path = f"assessment:{made.pk}", f"{_path(made.programme)}statement/"
    tell([made.user], key=key, title=told, path=path, text=made.note, by=made.by)


def _path(programme: Programme) -> str:
    return f"/programmes/{programme.slug}/"
