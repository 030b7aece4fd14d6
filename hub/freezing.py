"""Boards that stand still: by a maintainer's hand, or because a programme's standings are frozen.

Not in charge of what a frozen board shows (`as_of` in `hub/boards/runs.py`) nor of a programme's standing.

Theory of operation
- A frozen task's boards show what was measured by then. Jobs go on: what they bring is shown when the boards
  are let go again. What is found wrong meanwhile leaves the boards at once, for nobody should stand on it.
- A programme freezes the boards of its tasks from its `freeze_at` to its end. Whatever is computed in between
  knows that from its dates (`Task.frozen_since`); the sweeper marks the tasks, and by the mark, which is the
  very moment of `freeze_at`, it finds after the end whose boards are to be let go.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from hub import telling
from hub.accounts.models import User
from hub.audit.actions import record
from hub.boards import stored as boards
from hub.boards.queries import classes_of
from hub.catalog import roles
from hub.catalog.models import Task
from hub.core import clock
from hub.core.errors import NotAllowed, NotNow
from hub.core.guard import each


def freeze(task: Task, by: User) -> None:
    """Keep the boards of a task as they are now.

    Raises:
        NotAllowed: no maintainer of the task.
        NotNow: they are frozen already.
    """
    if not roles.maintains(task, by):
        raise NotAllowed(_("Only a maintainer freezes boards and lets them go again."))
    now = clock.now()
    if task.frozen_since(now) is not None or not _set(task, None, now, by):
        raise NotNow(_("The boards of this task are frozen already."))


def thaw(task: Task, by: User) -> None:
    """Let them go again: what was measured meanwhile is shown, and who has a record by it hears of it.

    Raises:
        NotAllowed: no maintainer of the task.
        NotNow: they are not frozen, or a programme keeps them so until its end.
    """
    if not roles.maintains(task, by):
        raise NotAllowed(_("Only a maintainer freezes boards and lets them go again."))
    programme = task.programme
    if programme is not None and programme.is_frozen(clock.now()):
        words = _("%(programme)s keeps them frozen until its end: change its dates to let them go before.")
        raise NotNow(words % {"programme": programme.title})
    if task.boards_frozen_at is None or not _set(task, task.boards_frozen_at, None, by):
        raise NotNow(_("The boards of this task are not frozen."))


def follow_programmes() -> int:
    """Mark the tasks of programmes that froze, let go those of programmes that ended; how many."""
    tasks, now = Task.objects.select_related("programme"), clock.now()
    froze = Q(programme__freeze_at__lte=now) & (Q(programme__ends_at=None) | Q(programme__ends_at__gt=now))
    marked = each(
        tasks.filter(froze, boards_frozen_at=None),
        lambda task: _set(task, None, task.frozen_since(now), None),
    )
    over = tasks.filter(boards_frozen_at=F("programme__freeze_at"), programme__ends_at__lte=now)
    return marked + each(over, lambda task: _set(task, task.boards_frozen_at, None, None))


def _set(task: Task, before: datetime | None, after: datetime | None, by: User | None) -> bool:
    """From the one to the other, with the boards; False if somebody else was faster."""
    with transaction.atomic():
        if not Task.objects.filter(pk=task.pk, boards_frozen_at=before).update(boards_frozen_at=after):
            return False
        record(by, "boards.frozen" if after else "boards.thawed", task)
        if task.current_id is not None:
            boards.refresh([task.current_id])
    task.boards_frozen_at = after
    if after is None:
        each(classes_of(task), lambda hardware_class: telling.records(task, hardware_class))
    return True
