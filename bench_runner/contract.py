"""What hub and worker say to each other: plain records, to and from JSON. Standard library only.

Not in charge of transport (`client.py`, `hub/api/worker.py`) nor of the words of a reason (`messages.py`).

Every record is a frozen dataclass; `to_json` gives what `json.dumps` takes, `from_json` refuses anything that
does not fit, naming the field and the value. Files travel as a bundle: path -> bytes, base64 in JSON.

Format history of VERSION:
1  first.
2  Hello says since when a worker is up, and why it takes no job; canaries; the hub's answer says "deaf".
3  Result says what else than time was measured: size, memory, accuracy; and it holds the machine code of the
   entry function, where the task offers it.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import enum
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self

VERSION = 3
JOB_TIME_LIMIT = timedelta(minutes=10)  # every other time of a job follows from it: see TimeLimits

# What is measured of a submission beside its times. Of each the least is the best.
FIGURES = (
    "size",  # bytes of the built artefact; of the files where nothing is built
    "memory",  # bytes: median over its timed guests of the most that each held at once, by its control group
    "accuracy",  # the largest error over all check cases, in units of what is allowed: up to 1 is right
)

Bundle = dict[str, bytes]


class ContractError(ValueError):
    """A message that does not fit the contract; the text names the field, the value and what is allowed."""


@dataclass(frozen=True)
class TimeLimits:
    """Every time that depends on how long a job may take, derived from that one limit.

    The order matters: the worker gives up by itself (soft), is stopped (hard), the hub takes the attempt away
    (lease), the token dies (token), and only after all that may the broker deliver the wake-up again.
    """

    soft: timedelta
    hard: timedelta
    lease: timedelta
    token: timedelta
    visibility: timedelta

    @classmethod
    def derive(cls, limit: timedelta) -> Self:
        return cls(soft=limit * 0.9, hard=limit, lease=limit * 1.1, token=limit * 1.2, visibility=limit * 1.3)


class JobKind(enum.StrEnum):
    CHECK = "check"  # build, then every check case
    RANK = "rank"  # build, then the rank cases timed against the baseline
    CONFIRM = "confirm"  # rank once more with fresh seeds: a new first place
    MERGE = "merge"  # check of a merge commit before `main` moves


class Outcome(enum.StrEnum):
    """What is said about the contribution. There is no member for our own failures."""

    PASSED = "passed"
    BUILD_FAILED = "build_failed"
    WRONG_ANSWER = "wrong_answer"
    RUNTIME_ERROR = "runtime_error"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    REJECTED = "rejected"
    SUSPICIOUS = "suspicious"


class Speed(enum.StrEnum):
    FASTER = "faster"
    SLOWER = "slower"
    SAME = "same"
    INCONCLUSIVE = "inconclusive"


class Phase(enum.StrEnum):
    """Where an attempt is; the order of the members is the order of the run."""

    FETCHING = "fetching"
    BUILDING = "building"
    CHECKING = "checking"
    TIMING = "timing"
    DONE = "done"


class Record:
    """Base of every message: strict conversion from and to JSON values."""

    def to_json(self) -> dict[str, Any]:
        return {f.name: _dump(getattr(self, f.name)) for f in dataclasses.fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Build the record from a decoded JSON object.

        Raises:
            ContractError: a field is missing, unknown or of the wrong type.
        """
        if not isinstance(data, dict):
            raise ContractError(f"{cls.__name__}: an object is needed, got {_short(data)}")
        hints = typing.get_type_hints(cls)
        unknown = sorted(set(data) - set(hints))
        if unknown:
            raise ContractError(f"{cls.__name__}: unknown field {unknown[0]!r}; known are {', '.join(hints)}")
        values = {}
        for f in dataclasses.fields(cls):  # type: ignore[arg-type]
            if f.name in data:
                values[f.name] = _load(hints[f.name], data[f.name], f"{cls.__name__}.{f.name}")
            elif f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
                raise ContractError(f"{cls.__name__}.{f.name}: missing")
        return cls(**values)


@dataclass(frozen=True)
class Hello(Record):
    """A worker that reports; repeated whatever it does. It is what the workers page shows."""

    name: str
    hardware_class: str  # "cpu-x86-avx512"; earned by fingerprint
    fingerprint: dict[str, Any]  # cpu model, cores, memory, bandwidth and peak, versions
    sandboxed: bool  # False: started with --unsafe-no-sandbox, its verdicts are unranked
    up_seconds: float = 0.0  # since it started
    resting_seconds: float = 0.0  # for so long it takes no job, after many faults in a row
    trouble: str = ""  # why it takes no job though it should, with the cure: no sandbox, no room on its disk
    version: int = VERSION


@dataclass(frozen=True)
class Canary(Record):
    """A worker's answer to the small task that takes the road of a job: queue, process, sandbox, and back."""

    canary: str  # as it came with the task
    trouble: str = ""  # what keeps the worker from judging, or empty


@dataclass(frozen=True)
class JobSpec(Record):
    """All that a worker needs for one attempt; the token is good for this attempt alone."""

    job: str
    attempt: str
    token: str
    kind: JobKind
    task: str  # slug
    revision: str  # digest; the files come from GET revisions/<digest>
    hardware_class: str
    files: Bundle  # the submission: allowed paths only, prefix stripped
    time_limit_seconds: float  # JOB_TIME_LIMIT: the attempt is reaped after its lease, derived from it
    version: int = VERSION


@dataclass(frozen=True)
class ProgressEvent(Record):
    """One line of the live run. `seq` counts from 1 within the attempt; the hub drops what it has already."""

    seq: int
    at: float  # Unix time, seconds
    phase: Phase
    text: str = ""  # bounded log text or empty
    case: str = ""  # id of the case it is about, or empty
    ok: bool | None = None  # outcome of that case, when there is one
    done: int = 0  # steps of the phase done …
    total: int = 0  # … out of so many, 0 if unknown
    note: dict[str, Any] = field(default_factory=dict)  # figures for the page: ratio so far, seconds


@dataclass(frozen=True)
class CaseResult(Record):
    """A check case. `detail` holds figures for the page: worst error, index, expected, got."""

    case: str
    ok: bool
    seconds: float = 0.0
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Measurement(Record):
    """One metric of one rank case, with its samples.

    `ratio` is baseline over candidate (above 1 is faster), the trimmed geometric mean over process pairs of
    the median ratio of neighbouring samples; `low` and `high` bound its 95 % interval. `pairs[i]` holds the
    samples of pair i, in seconds a call: sample k of both sides was taken in the same round.
    """

    case: str
    ratio: float
    low: float
    high: float
    speed: Speed
    baseline_seconds: float
    candidate_seconds: float
    roofline_percent: float | None  # share of this machine's limit that the candidate reaches
    calls_per_sample: int
    pairs: list[dict[str, list[float]]]  # [{"baseline": […], "candidate": […]}, …]
    metric: str = "time"


@dataclass(frozen=True)
class Summary(Record):
    """The ratio over all rank cases: geometric mean with its 95 % interval."""

    ratio: float
    low: float
    high: float
    speed: Speed
    stopped: str  # "narrow": narrow enough; "pairs": all planned were timed; "budget": the time was spent
    floor_case: str = ""  # a case below the task's case floor, else empty


class NoAssembly(enum.StrEnum):
    """Why there is none although the task offers it. It says nothing about the contribution."""

    NO_OBJDUMP = "no_objdump"  # the worker has none
    GAVE_UP = "gave_up"  # objdump did not get through this artefact within its limits


@dataclass(frozen=True)
class Assembly(Record):
    """The machine code of the entry function as objdump writes it; a stranger's text."""

    text: str = ""  # bounded
    cut: bool = False  # there was more
    missing: NoAssembly | None = None  # then there is no text


@dataclass(frozen=True)
class Result(Record):
    outcome: Outcome
    reason: str  # id in bench_runner.messages
    reason_args: dict[str, Any] = field(default_factory=dict)
    cases: list[CaseResult] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    summary: Summary | None = None
    environment: dict[str, Any] = field(default_factory=dict)
    log: str = ""  # bounded; build output and the guest's stdout and stderr, shown as text
    seconds: dict[str, float] = field(default_factory=dict)  # by step: build, check, time, timed_calls, …
    artefact_sha256: str = ""
    figures: dict[str, float] = field(default_factory=dict)  # by name of FIGURES, those that were measured
    sandboxed: bool = True
    assembly: Assembly | None = None  # of a check, where the task offers it and the language is compiled
    version: int = VERSION


def canary_queue(token_digest: str) -> str:
    """The queue of one worker alone. Named by its token, which hub and worker know before they meet."""
    return f"bench.canary.{token_digest[:16]}"


def encode_bundle(files: Bundle) -> dict[str, str]:
    return {path: base64.b64encode(files[path]).decode("ascii") for path in sorted(files)}


def decode_bundle(data: object) -> Bundle:
    """Undo `encode_bundle`.

    Raises:
        ContractError: not an object of base64 strings.
    """
    if not isinstance(data, dict):
        raise ContractError(f"bundle: an object path -> base64 is needed, got {_short(data)}")
    files = {}
    for path, text in data.items():
        try:
            files[str(path)] = base64.b64decode(text, validate=True)
        except (TypeError, ValueError, binascii.Error) as error:
            raise ContractError(f"bundle: {path!r} is not base64: {_short(text)}") from error
    return files


def _dump(value: Any) -> Any:
    if isinstance(value, Record):
        return value.to_json()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return {str(key): _dump(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_dump(item) for item in value]
    if isinstance(value, enum.Enum):
        return value.value
    return value


def _load(hint: Any, value: Any, where: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        return _load(next(a for a in args if a is not type(None)), value, where)
    if hint == Bundle:
        return decode_bundle(value)
    if origin is list:
        _need(isinstance(value, list), where, "a list", value)
        return [_load(args[0], item, f"{where}[{i}]") for i, item in enumerate(value)]
    if origin is dict:
        _need(isinstance(value, dict), where, "an object", value)
        return {str(key): _load(args[1], item, f"{where}[{key!r}]") for key, item in value.items()}
    if isinstance(hint, type) and issubclass(hint, Record):
        return hint.from_json(value)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        allowed = [member.value for member in hint]
        _need(value in allowed, where, f"one of {', '.join(map(str, allowed))}", value)
        return hint(value)
    if hint is float:
        _need(isinstance(value, int | float) and not isinstance(value, bool), where, "a number", value)
        return float(value)
    _need(type(value) is hint, where, hint.__name__, value)
    return value


def _need(holds: bool, where: str, wanted: str, value: object) -> None:
    if not holds:
        raise ContractError(f"{where}: {wanted} is needed, got {_short(value)}")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
