"""/metrics: figures in the text format of Prometheus, 0.0.4.

Not in charge of counting (`hub/bench/census.py`, `hub/core/meter.py`). An exporter of our own: what matters
lies in rows that all processes share, while a client library counts in each process's memory and would have
to be kept the same across them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from hub.bench import alarms, census
from hub.bench.census import Figure
from hub.bench.queries import unsettled_jobs
from hub.core.meter import BOUNDS, meter
from hub.web.health import is_trusted

CLOSED = "Metrics are read on the hub's own machine, or with the token that METRICS_TOKEN holds there.\n"


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    if not is_trusted(request):
        return HttpResponse(CLOSED, status=403, content_type="text/plain; charset=utf-8")
    text = "\n".join(_lines()) + "\n"
    return HttpResponse(text, content_type="text/plain; version=0.0.4; charset=utf-8")


def _lines() -> Iterator[str]:
    jobs, tries, workers = census.live_jobs(), census.attempts(), census.workers()
    yield from _family("jobs", "gauge", "Live jobs.", jobs["jobs"])
    yield from _family("oldest_job_seconds", "gauge", "Age of the oldest queued job.", jobs["oldest"])
    ended = [Figure({}, float(unsettled_jobs().count()))]
    yield from _family("unsettled_jobs", "gauge", "Ended jobs of which nothing has followed yet.", ended)
    told = "Attempts begun in the last hour; infra_error and lost are faults of ours."
    yield from _family("attempts_last_hour", "gauge", told, tries["attempts"])
    told = "From queued to its first attempt, of attempts begun in the last hour."
    yield from _family("job_wait_seconds", "gauge", told, tries["waited"])
    told = "Duration of delivered attempts begun in the last hour."
    yield from _family("job_seconds", "gauge", told, tries["took"])
    yield from _family("verdicts_last_hour", "gauge", "Verdicts of the last hour.", census.verdicts())
    yield from _family("worker_up", "gauge", "Whether the worker is heard.", workers["up"])
    yield from _family("worker_takes_jobs", "gauge", "Whether it would take a job.", workers["taking"])
    yield from _family("worker_silent_seconds", "gauge", "Since it was heard.", workers["silent"])
    ringing = [Figure({}, float(len(alarms.alarms())))]
    yield from _family("alarms", "gauge", "What a person must look at, as on the workers' page.", ringing)
    yield from _requests()


def _requests() -> Iterator[str]:
    """A histogram since the data folder was made, over all processes."""
    yield from _head("http_request_seconds", "histogram", "Requests, by kind and class of status.")
    for reading in meter.readings():
        labels, so_far = {"kind": reading.kind, "status": reading.status}, 0.0
        for bound, count in zip(BOUNDS, reading.counts, strict=True):
            so_far += count
            le = "+Inf" if bound == math.inf else str(bound)
            yield _line("http_request_seconds_bucket", Figure({**labels, "le": le}, so_far))
        yield _line("http_request_seconds_sum", Figure(labels, reading.seconds))
        yield _line("http_request_seconds_count", Figure(labels, so_far))


def _family(name: str, kind: str, told: str, figures: list[Figure]) -> Iterator[str]:
    yield from _head(name, kind, told)
    yield from (_line(name, figure) for figure in figures)


def _head(name: str, kind: str, told: str) -> Iterator[str]:
    yield f"# HELP touchstone_{name} {told}"
    yield f"# TYPE touchstone_{name} {kind}"


def _line(name: str, figure: Figure) -> str:
    labels = ",".join(f'{key}="{_escaped(value)}"' for key, value in figure.labels.items())
    value = repr(figure.value).removesuffix(".0")
    return f"touchstone_{name}{{{labels}}} {value}" if labels else f"touchstone_{name} {value}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
