"""What workers ask over HTTP: hello, canary, claim, revision, heartbeat, result, fault.

Not in charge of any rule (`hub/flow.py`, `hub/bench`). JSON both ways; a refusal is {"error": sentence}:

    400  the message does not fit the contract          409  too late, or somebody was first
    401  no token, or one that nobody has               413  more than MAX_BODY
    403  a token that is not for this                   405  another method is needed
    404  no such job, attempt or revision
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Iterable
from typing import Any, NoReturn
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from bench_runner.contract import Canary, ContractError, Hello, ProgressEvent, Result, encode_bundle
from hub import flow
from hub.bench import actions as bench
from hub.bench import canaries
from hub.bench.models import Worker
from hub.bench.queries import worker_by_token
from hub.catalog.models import TaskRevision
from hub.catalog.queries import files_of
from hub.core import trace
from hub.core.errors import NotAllowed, Refusal

MAX_BODY = 8 * 1024 * 1024
EVENTS_MOST = 500  # of one heartbeat
JOBS_MOST = 20  # told in answer to a hello
DEPTH_MOST = 30  # of lists and objects in a body
DIGITS_MOST = 20  # of a whole number: any of 64 bits

View = Callable[..., dict[str, Any]]


class Answer(Exception):
    """Ends a request with a status and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def endpoint(method: str) -> Callable[[View], Callable[..., JsonResponse]]:
    """A view that takes this method alone, returns JSON, and whose refusals become JSON too."""

    def wrap(view: View) -> Callable[..., JsonResponse]:
        @csrf_exempt  # a bearer token is not sent by browsers on their own
        @functools.wraps(view)
        def answered(request: HttpRequest, **arguments: Any) -> JsonResponse:
            trace.bind(**{name.removesuffix("_id"): value for name, value in arguments.items()})
            try:
                if request.method != method:
                    raise Answer(405, f"{request.method} is not understood here: use {method}")
                return JsonResponse(view(request, **arguments))
            except Answer as answer:
                return _error(answer.status, str(answer))
            except ContractError as error:
                return _error(400, str(error))
            except NotAllowed as refusal:
                return _error(403, str(refusal))
            except Refusal as refusal:
                return _error(409, str(refusal))
            except ObjectDoesNotExist as error:
                model = type(error).__qualname__.split(".")[0]
                return _error(404, f"there is no such {model.lower()}")

        return answered

    return wrap


@endpoint("POST")
def hello(request: HttpRequest) -> dict[str, Any]:
    """A worker reports; the answer says which jobs wait for one like it."""
    worker = _worker(request)
    jobs = flow.worker_reported(worker, Hello.from_json(_body(request)))
    deaf = canaries.is_deaf(worker)
    paused = worker.paused_at is not None
    told = [] if paused else [str(job.pk) for job in jobs[:JOBS_MOST]]
    return {"worker": str(worker.pk), "jobs": told, "deaf": deaf, "paused": paused}


@endpoint("POST")
def canary(request: HttpRequest) -> dict[str, Any]:
    if not canaries.answered(_worker(request), Canary.from_json(_body(request))):
        raise Answer(409, "this is not the last canary that the hub sent")
    return {"accepted": True}


@endpoint("POST")
def claim(request: HttpRequest, job_id: UUID) -> dict[str, Any]:
    """A worker that woke for this job is free; the answer is the job that is due, seldom another."""
    worker = _worker(request)
    spec = bench.claim_job(job_id, worker)
    if spec is None:
        name = worker.hardware_class
        why = "an operator has paused this worker" if worker.paused_at else f"none is due for {name}"
        raise Answer(409, f"job {job_id} is not to be had, nor is another: {why}")
    return spec.to_json()


@endpoint("GET")
def revision(request: HttpRequest, digest: str) -> dict[str, Any]:
    _worker(request)
    return {"files": encode_bundle(files_of(TaskRevision.objects.get(digest=digest)))}


@endpoint("POST")
def heartbeat(request: HttpRequest, attempt_id: UUID) -> dict[str, Any]:
    body = _object(request, "events")
    events = body["events"]
    if not isinstance(events, list) or len(events) > EVENTS_MOST:
        raise ContractError(f"events: a list of at most {EVENTS_MOST} is needed")
    told = [ProgressEvent.from_json(event) for event in events]
    return {"cancelled": bench.heartbeat(attempt_id, _token(request), told)}


@endpoint("POST")
def result(request: HttpRequest, attempt_id: UUID) -> dict[str, Any]:
    verdict = flow.result_arrived(attempt_id, _token(request), Result.from_json(_body(request)))
    if verdict is None:
        raise Answer(
            409, f"attempt {attempt_id} has ended before: this result comes too late and is not used"
        )
    return {"accepted": True}


@endpoint("POST")
def fault(request: HttpRequest, attempt_id: UUID) -> dict[str, Any]:
    what = _object(request, "what")["what"]
    if not isinstance(what, str):
        raise ContractError("what: a text is needed")
    if not flow.attempt_failed(attempt_id, _token(request), what):
        raise Answer(409, f"attempt {attempt_id} has ended before")
    return {"accepted": True}


def _worker(request: HttpRequest) -> Worker:
    worker = worker_by_token(_token(request))
    if worker is None:
        raise Answer(401, "no worker has this token: make one with `manage.py add_worker NAME`")
    trace.bind(worker=worker.name)
    if worker.retired_at is not None:
        raise Answer(
            403, f"the worker {worker.name} is retired: register it again with `manage.py add_worker`"
        )
    return worker


def _token(request: HttpRequest) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Answer(401, "a token is needed: Authorization: Bearer …")
    return token.strip()


def _object(request: HttpRequest, *names: str) -> dict[str, Any]:
    body = _body(request)
    if not isinstance(body, dict) or set(body) != set(names):
        raise ContractError(f"an object with {', '.join(names)} and nothing else is needed")
    return body


def _body(request: HttpRequest) -> Any:
    """The decoded body. Read as a stream: Django's own limit is for forms."""
    text = request.read(MAX_BODY + 1)
    if len(text) > MAX_BODY:
        raise Answer(413, f"the body is longer than {MAX_BODY} bytes")
    try:
        body = json.loads(text, parse_float=_finite, parse_constant=_not_finite, parse_int=_whole)
        if _depth(body) > DEPTH_MOST:
            raise ContractError(f"the body is nested deeper than {DEPTH_MOST} levels")
        return body
    except (ValueError, RecursionError) as error:
        if isinstance(error, ContractError):
            raise
        raise ContractError(f"the body is not JSON: {error}") from error


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _not_finite(text)


def _whole(text: str) -> int:
    if len(text) > DIGITS_MOST:
        raise ContractError(f"the body holds the number {text[:30]}…: at most {DIGITS_MOST} digits are taken")
    return int(text)


def _depth(value: Any) -> int:
    """How deep lists and objects lie in each other; without recursion, so that none is too deep for it."""
    depth, level = 0, [value]
    while level := [item for found in level for item in _items(found)]:
        depth += 1
    return depth


def _items(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _not_finite(text: str) -> NoReturn:
    raise ContractError(f"the body holds the number {text}: only finite ones can be stored")


def _error(status: int, sentence: str) -> JsonResponse:
    response = JsonResponse({"error": sentence}, status=status)
    if status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="worker"'
    return response
