"""One worker's page, and what operators do there: pause, drain, resume, retire; add one, renew its token.

Not in charge of who may (`hub/bench/operating.py`) nor of the list (`workers.py`).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from hub.bench import operating, throughput
from hub.bench.models import Job, Worker
from hub.core.errors import NotAllowed, Refusal
from hub.web.acting import act, member_post
from hub.web.labels import facts_of
from hub.web.workers import START, line_of


@require_safe
def worker_page(request: HttpRequest, worker_id: int) -> HttpResponse:
    return render(request, "workers/page.html", _shown(request, _worker(worker_id)))


@member_post
@never_cache
def add(request: HttpRequest) -> HttpResponse:
    """Answers with the new worker's page, no redirect: the token is in this one answer and stored nowhere."""
    return _with_token(request, lambda: operating.add_worker(request.POST.get("name", ""), request.user))


@member_post
@never_cache
def renew(request: HttpRequest, worker_id: int) -> HttpResponse:
    worker = _worker(worker_id)
    return _with_token(request, lambda: (worker, operating.renew_token(worker, request.user)))


@member_post
def pause(request: HttpRequest, worker_id: int) -> HttpResponse:
    worker, why = _worker(worker_id), request.POST.get("why", "")
    leaving = request.POST.get("how") == "drain"
    paused = _("It takes no new job from now on; what it runs, it finishes.")
    drained = _("It takes no new job, finishes what it runs, and then goes out of service.")
    return act(
        request,
        lambda: operating.pause(worker, request.user, why, leaving=leaving),
        done=drained if leaving else paused,
        back=_page(worker),
    )


@member_post
def resume(request: HttpRequest, worker_id: int) -> HttpResponse:
    worker = _worker(worker_id)
    done = _("It takes jobs again.")
    return act(request, lambda: operating.resume(worker, request.user), done=done, back=_page(worker))


def _with_token(request: HttpRequest, make: Any) -> HttpResponse:
    try:
        worker, token = make()
    except NotAllowed as refusal:
        raise PermissionDenied(str(refusal)) from refusal
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return HttpResponseRedirect(reverse("web:workers"))
    return render(request, "workers/page.html", _shown(request, worker) | _start(token))


def _start(token: str) -> dict[str, Any]:
    """The one command that starts it, and whether it can be typed on another machine."""
    redis = settings.REDIS_URL
    here_only = redis.startswith("unix:") or urlsplit(redis).hostname in ("localhost", "127.0.0.1")
    command = f"HUB_URL={settings.SITE_URL} REDIS_URL='{redis}' WORKER_TOKEN={token} {START}"
    return {"start": command, "here_only": here_only}


def _shown(request: HttpRequest, worker: Worker) -> dict[str, Any]:
    fingerprint = dict(worker.fingerprint)
    load = fingerprint.pop("load", None)
    queued = Job.objects.filter(state=Job.State.QUEUED, hardware_class=worker.hardware_class)
    operates = operating.may_operate(request.user)
    return {
        "worker": worker,
        "line": line_of(worker),
        "facts": facts_of(fingerprint),
        "load": load,
        "queued": queued.count(),
        "done": throughput.throughput(worker),
        "attempts": list(throughput.last_attempts(worker)),
        "faults": list(throughput.last_faults(worker)) if operates else [],
        "operates": operates,
    }


def _worker(worker_id: int) -> Worker:
    return get_object_or_404(Worker.objects.select_related("paused_by"), pk=worker_id)


def _page(worker: Worker) -> str:
    return reverse("web:worker", args=[worker.pk])
