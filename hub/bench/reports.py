"""What a worker reports of an attempt, as rows: its progress within bounds, and its verdict.

Not in charge of whether the attempt may still report (`actions.py`).
"""

from __future__ import annotations

from typing import Any

from django.db.models import Sum
from django.db.models.functions import Length

from bench_runner.contract import ProgressEvent, Result
from hub.bench import strict
from hub.bench.models import Attempt, Job, Measurement, ProgressLine, Verdict
from hub.core import clock

LINES_MOST = 2_000  # progress events kept of one attempt …
TEXT_MOST = 256_000  # … and characters of their text


def keep_progress(attempt: Attempt, events: list[ProgressEvent]) -> None:
    """Store what is new, within bounds: a run that talks too much loses words, never its state."""
    kept = attempt.progress.aggregate(total=Sum(Length("text")))["total"] or 0
    lines = []
    for event in events:
        if not 1 <= event.seq <= LINES_MOST:
            continue
        text = strict.clean_text(event.text, strict.LINE_LONGEST) if kept < TEXT_MOST else ""
        kept += len(text)
        lines.append(
            ProgressLine(
                attempt=attempt,
                seq=event.seq,
                at=strict.at_time(event.at),
                phase=event.phase,
                text=text,
                case=strict.clean_text(event.case)[:60],
                ok=event.ok,
                done=strict.count(event.done),
                total=strict.count(event.total),
                note=strict.note_of(event),
            )
        )
    ProgressLine.objects.bulk_create(lines, ignore_conflicts=True)


def write_verdict(job: Job, attempt: Attempt, result: Result) -> Verdict:
    plain = strict.clean(result.to_json())
    summary = plain["summary"] or {}
    verdict = Verdict.objects.create(
        job=job,
        attempt=attempt,
        outcome=result.outcome,
        reason=plain["reason"],
        reason_args=plain["reason_args"],
        cases=plain["cases"],
        ratio=summary.get("ratio"),
        low=summary.get("low"),
        high=summary.get("high"),
        speed=summary.get("speed", ""),
        stopped=summary.get("stopped", ""),
        floor_case=summary.get("floor_case", ""),
        environment=plain["environment"],
        log=strict.clean_text(result.log, strict.LOG_LONGEST),
        assembly=_assembly(result),
        seconds=plain["seconds"],
        artefact_sha256=plain["artefact_sha256"],
        figures=plain["figures"],
        ranked=result.sandboxed and attempt.worker.sandboxed,
        at=clock.now(),
    )
    Measurement.objects.bulk_create(Measurement(verdict=verdict, **row) for row in plain["measurements"])
    return verdict


def _assembly(result: Result) -> dict[str, Any] | None:
    """The beginning of a listing is what matters."""
    if result.assembly is None:
        return None
    told = result.assembly.to_json()
    text = strict.clean_text(result.assembly.text)
    cut = result.assembly.cut or len(text) > strict.ASSEMBLY_LONGEST
    return told | {"text": text[: strict.ASSEMBLY_LONGEST], "cut": cut}
