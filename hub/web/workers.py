"""The workers: who is online, what each does, how long each queue is.

Not in charge of one worker's own page and what operators do there (`operating.py`), nor of waking or reaping
them (`hub/bench`, `hub/flow.py`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from hub.bench import alarms, canaries, operating, queries
from hub.bench.models import Attempt, Job, Worker
from hub.core import clock
from hub.web.shared import shared

START = "python -m bench_runner worker"
HUB_COMMAND = "python manage.py add_worker NAME"
# The extra brings what compiles and launches kernels on a card; its driver belongs to the machine.
INSTALL = {"cpu": "", "gpu": "pip install '.[gpu]'\n"}


def add_worker(device: str) -> dict[str, str]:
    """What is typed on the hub and on a machine that is to judge for it."""
    start = f"HUB_URL={settings.SITE_URL} REDIS_URL=… WORKER_TOKEN=… {START}"
    return {"hub": HUB_COMMAND, "machine": INSTALL[device] + start}


@dataclass(frozen=True)
class Line:
    worker: Worker
    is_online: bool
    is_deaf: bool
    is_resting: bool
    answered_seconds: int | None  # since it last proved that it hears its queue
    attempt: Attempt | None  # what it runs now


@dataclass(frozen=True)
class Queue:
    hardware_class: str
    queued: int
    running: int
    online: int


@shared
@require_safe
def worker_list(request: HttpRequest) -> HttpResponse:
    lines = _lines(list(queries.workers().select_related("paused_by")))
    lines.sort(key=lambda line: (not line.is_online, line.worker.name))
    operates = operating.may_operate(request.user)
    shown = {
        "lines": lines,
        "alarms": alarms.alarms() if operates else [],
        "queues": _queues(lines),
        "any_online": any(line.is_online for line in lines),
        "look_command": f"python -m bench_runner doctor\n{START}",
        "add_worker": add_worker("cpu"),
        "operates": operates,
    }
    return render(request, "workers/list.html", shown)


def line_of(worker: Worker) -> Line:
    return _lines([worker])[0]


def _lines(workers: list[Worker]) -> list[Line]:
    """One for each, with as many queries for many as for one."""
    now = clock.now()
    heard = set(canaries.heard().values_list("pk", flat=True))
    deaf = set(canaries.deaf().values_list("pk", flat=True))
    open_ones = Attempt.objects.filter(state=Attempt.State.OPEN, worker__in=workers)
    running = {row.worker_id: row for row in open_ones.select_related("job__patch_set__pull__task")}
    return [
        Line(
            row,
            is_online=row.pk in heard,
            is_deaf=row.pk in deaf,
            is_resting=row.resting_until is not None and row.resting_until > now,
            answered_seconds=int((now - row.answered_at).total_seconds()) if row.answered_at else None,
            attempt=running.get(row.pk),
        )
        for row in workers
    ]


def _queues(lines: list[Line]) -> list[Queue]:
    """One for each hardware class that a worker has earned or a job waits for."""
    live = Job.objects.filter(state__in=Job.moves.live).order_by().values_list("hardware_class", "state")
    counted = Counter(live)
    online = Counter(canaries.taking_jobs().order_by().values_list("hardware_class", flat=True))
    names = {name for name, _state in counted} | {line.worker.hardware_class for line in lines}
    return [
        Queue(name, counted[name, Job.State.QUEUED], counted[name, Job.State.RUNNING], online[name])
        for name in sorted(names)
        if name
    ]
