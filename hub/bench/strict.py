"""What a worker sends, made fit to be stored: lengths and ranges checked, text freed of what no column takes.

Not in charge of the shape of a message (`bench_runner/contract.py`) nor of how text is shown.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from bench_runner.contract import (
    FIGURES,
    VERSION,
    ContractError,
    Hello,
    JobKind,
    Measurement,
    Outcome,
    ProgressEvent,
    Result,
)
from hub.core import clock

HARDWARE_CLASS = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
# Terminal sequences first, then every control character but tab and line feed, then halves of surrogate
# pairs: PostgreSQL refuses NUL, UTF-8 the halves, and a log must not play tricks on a terminal.
UNFIT = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
LOG_LONGEST = 256_000
ASSEMBLY_LONGEST = 64 * 1024
LINE_LONGEST = 4_000
NOTE_LONGEST = 4_000
COUNT_MOST = 2**31 - 1


def clean_text(text: str, longest: int | None = None) -> str:
    """Printable text of at most `longest` characters; of a log the end is what matters, so that is kept."""
    text = UNFIT.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return text if longest is None or len(text) <= longest else text[-longest:]


def clean(value: Any) -> Any:
    """A JSON value with every text in it cleaned."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_text(str(key)): clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clean(item) for item in value]
    return value


def require_hello(hello: Hello) -> None:
    """Refuse a worker that this hub cannot work with.

    Raises:
        ContractError: another version, or a hardware class that is no name of a queue.
    """
    _version(hello.version)
    if not HARDWARE_CLASS.fullmatch(hello.hardware_class):
        raise ContractError(
            f"Hello.hardware_class: small letters, digits, hyphens are needed, got {hello.hardware_class!r}"
        )


def require_result(kind: str, result: Result) -> None:
    """Refuse a result that does not answer its job or does not fit the columns.

    Raises:
        ContractError: with the field, its value and what is allowed.
    """
    _version(result.version)
    _short("reason", result.reason, 60)
    _short("artefact_sha256", result.artefact_sha256, 64)
    _require_figures(result.figures)
    timed = kind in (JobKind.RANK, JobKind.CONFIRM)
    if timed and result.outcome is Outcome.PASSED and not (result.summary and result.measurements):
        raise ContractError(f"Result.summary: a passed {kind} job needs a summary and measurements")
    if result.summary:
        _positive("summary.ratio", result.summary.ratio, result.summary.low, result.summary.high)
        _short("summary.stopped", result.summary.stopped, 10)
        _short("summary.floor_case", result.summary.floor_case, 60)
    _require_measurements(result.measurements)


def at_time(seconds: float) -> datetime:
    """When an event was, by the worker's clock; now, if that clock is more than an hour off."""
    now = clock.now()
    if abs(seconds - now.timestamp()) > 3600:
        return now
    return datetime.fromtimestamp(seconds, UTC)


def seconds(value: float) -> timedelta:
    """A span that a worker tells: not negative, at most a year."""
    return timedelta(seconds=min(max(value, 0.0), 365 * 86_400.0))


def count(value: int) -> int:
    return min(max(value, 0), COUNT_MOST)


def note_of(event: ProgressEvent) -> dict[str, Any]:
    note: dict[str, Any] = clean(event.note)
    return note if len(json.dumps(note)) <= NOTE_LONGEST else {}


def _require_measurements(measurements: Iterable[Measurement]) -> None:
    seen = set()
    for found in measurements:
        _short("measurements.case", found.case, 60)
        _short("measurements.metric", found.metric, 20)
        if (found.case, found.metric) in seen:
            raise ContractError(f"Result.measurements: {found.metric} of {found.case!r} is there twice")
        seen.add((found.case, found.metric))
        _positive("measurements.ratio", found.ratio, found.low, found.high)
        _positive("measurements.seconds", found.baseline_seconds, found.candidate_seconds)
        if not 1 <= found.calls_per_sample <= COUNT_MOST:
            raise ContractError(
                f"Result.measurements.calls_per_sample: 1 or more is needed, got {found.calls_per_sample}"
            )


def _require_figures(figures: dict[str, float]) -> None:
    for name, value in figures.items():
        if name not in FIGURES:
            raise ContractError(f"Result.figures: one of {', '.join(FIGURES)} is needed, got {name[:20]!r}")
        if not (math.isfinite(value) and value >= 0):
            raise ContractError(f"Result.figures.{name}: a number from 0 is needed, got {value!r}")


def _positive(name: str, *values: float) -> None:
    """A time or ratio that is none would carry a whole mean away with it."""
    wrong = next((value for value in values if not (math.isfinite(value) and value > 0)), None)
    if wrong is not None:
        raise ContractError(f"Result.{name}: a positive number is needed, got {wrong!r}")


def _short(name: str, text: str, longest: int) -> None:
    if len(text) > longest:
        raise ContractError(
            f"Result.{name}: at most {longest} characters are allowed, got {text[:longest]!r}…"
        )


def _version(version: int) -> None:
    if version != VERSION:
        raise ContractError(
            f"version: this hub speaks {VERSION}, the worker {version}; run the same release on both"
        )
