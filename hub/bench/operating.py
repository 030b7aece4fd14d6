"""What operators do with workers: add one, give it a new token, pause it, resume it, take it out of service.

Not in charge of what a worker does with that (`bench_runner/presence.py`): it hears with its next hello that
it is paused and leaves its queue; whatever it asks meanwhile, it is given no job. What it runs, it finishes.
"""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.audit.actions import record
from hub.bench import strict
from hub.bench.actions import WORKER_NAME, register_worker, retire_worker
from hub.bench.models import Attempt, Worker
from hub.core import clock
from hub.core.errors import BadInput, NotAllowed, NotNow

WHY_LONGEST = 200  # characters


def may_operate(user: object) -> bool:
    """Whether this person looks after workers; a stranger does not."""
    return bool(getattr(user, "is_operator", False) or getattr(user, "is_maintainer", False))


def require_operator(user: User) -> None:
    """
    Raises:
        NotAllowed: they do not look after workers.
    """
    if not may_operate(user):
        raise NotAllowed(_("Only operators of workers and maintainers do that."))


def add_worker(name: str, by: User) -> tuple[Worker, str]:
    """Register a worker. The second value is its token in clear text: shown once, stored nowhere.

    Raises:
        NotAllowed: no operator.
        BadInput: a name that no worker may have, or that one in service has.
    """
    require_operator(by)
    name = name.strip()
    if not WORKER_NAME.fullmatch(name):
        raise BadInput(
            _("“%(name)s” cannot be a worker's name: give 1 to 60 letters, digits, '.', '_' or '-'.")
            % {"name": name[:80]}
        )
    if Worker.objects.filter(name=name, retired_at=None).exists():
        raise BadInput(
            _("There is a worker named “%(name)s” already: choose another name, or renew its token.")
            % {"name": name}
        )
    return _with_token(name, by)


def renew_token(worker: Worker, by: User) -> str:
    """Give a worker a new token; the earlier one is void at once. Clear text, stored nowhere.

    Raises:
        NotAllowed, NotNow: no operator, or it is out of service.
    """
    require_operator(by)
    _require_in_service(worker)
    return _with_token(worker.name, by)[1]


@transaction.atomic
def pause(worker: Worker, by: User, why: str, *, leaving: bool = False) -> None:
    """Let a worker take no new job; `leaving`: and go out of service when it has finished what it runs.

    Raises:
        NotAllowed, NotNow, BadInput: no operator, out of service, or no reason given.
    """
    require_operator(by)
    why = strict.clean_text(why, WHY_LONGEST).strip()
    if not why:
        raise BadInput(_("Say why, such as “new memory on Monday”: the page of the workers shows it."))
    columns = {"paused_at": clock.now(), "paused_by": by, "paused_why": why, "is_leaving": leaving}
    if not Worker.objects.filter(pk=worker.pk, retired_at=None).update(**columns):
        _require_in_service(worker)
    record(by, "worker.drained" if leaving else "worker.paused", worker, name=worker.name, why=why)


@transaction.atomic
def resume(worker: Worker, by: User) -> None:
    """Let a paused worker take jobs again, also one that was to leave and has not left yet.

    Raises:
        NotAllowed, NotNow: no operator, or it is not paused (any more).
    """
    require_operator(by)
    paused = Worker.objects.filter(pk=worker.pk, retired_at=None, paused_at__isnull=False)
    if not paused.update(paused_at=None, paused_by=None, paused_why="", is_leaving=False):
        raise NotNow(_("%(name)s is not paused.") % {"name": worker.name})
    record(by, "worker.resumed", worker, name=worker.name)


def retire_drained() -> int:
    """Take those out of service that were to leave and run nothing any more; how many."""
    busy = Attempt.objects.filter(state=Attempt.State.OPEN).values("worker")
    idle = Worker.objects.filter(is_leaving=True, retired_at=None).exclude(pk__in=busy)
    for worker in idle.select_related("paused_by"):
        retire_worker(worker, worker.paused_by)
    return len(idle)


def _with_token(name: str, by: User) -> tuple[Worker, str]:
    token = register_worker(name, by=by)
    assert token is not None  # noqa: S101  # only `keep_if` keeps one
    return Worker.objects.get(name=name), token


def _require_in_service(worker: Worker) -> None:
    if Worker.objects.filter(pk=worker.pk, retired_at=None).exists():
        return
    raise NotNow(
        _("%(name)s is out of service: add a worker of that name to bring it back.") % {"name": worker.name}
    )
