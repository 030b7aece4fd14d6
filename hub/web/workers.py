"""The workers: who is online, what each does, how long each queue is, what each machine can do.

Not in charge of waking or reaping them (`hub/bench`, `hub/flow.py`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from hub.bench import alarms, canaries, queries
from hub.bench.models import Attempt, Job, Worker
from hub.core import clock
from hub.web.labels import facts_of

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
    facts: list[tuple[object, str]]


@dataclass(frozen=True)
class Queue:
    hardware_class: str
    queued: int
    running: int
    online: int


@require_safe
def worker_list(request: HttpRequest) -> HttpResponse:
    workers = list(queries.workers())
    open_ones = Attempt.objects.filter(state=Attempt.State.OPEN, worker__in=workers)
    running = {row.worker_id: row for row in open_ones.select_related("job__patch_set__pull__task")}
    lines = [_line(row, running.get(row.pk)) for row in workers]
    lines.sort(key=lambda line: (not line.is_online, line.worker.name))
    shown = {
        "lines": lines,
        "alarms": alarms.alarms() if getattr(request.user, "is_maintainer", False) else [],
        "queues": _queues(lines),
        "any_online": any(line.is_online for line in lines),
        "look_command": f"python -m bench_runner doctor\n{START}",
        "add_worker": add_worker("cpu"),
    }
    return render(request, "workers/list.html", shown)


def _line(worker: Worker, attempt: Attempt | None) -> Line:
    now = clock.now()
    return Line(
        worker,
        is_online=queries.is_online(worker),
        is_deaf=canaries.is_deaf(worker),
        is_resting=worker.resting_until is not None and worker.resting_until > now,
        answered_seconds=int((now - worker.answered_at).total_seconds()) if worker.answered_at else None,
        attempt=attempt,
        facts=facts_of(worker.fingerprint),
    )


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
