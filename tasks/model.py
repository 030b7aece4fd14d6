"""What a task is: the checked dataclasses. Standard library only.

Not in charge of reading them from a folder (`reading.py`, `spec.py`). Import these names from `tasks.spec`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tasks import formula
from tasks.bundle import Bundle, under

FORMAT = 1
KINDS = ("operator", "port", "performance", "shrink", "doc")
POLICIES = ("open", "exclusive", "proposal")
DTYPES = {"float32": 4, "float64": 8}  # bytes of an element

# One of bench_runner's outcomes each; the loader must not import the judge, a test compares the two lists.
VERDICTS = (
    "passed", "build_failed", "wrong_answer", "runtime_error",
    "time_limit", "memory_limit", "rejected", "suspicious",
)  # fmt: skip


class TaskError(Exception):
    """A task folder that cannot be used. `problems`: one sentence each, with file, key, value and cure."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Text:
    """The same words in both languages of the site."""

    en: str
    zh: str

    def get(self, language: str) -> str:
        return self.zh if language.lower().startswith("zh") else self.en


@dataclass(frozen=True)
class ClaimRules:
    policy: str
    slots: int


@dataclass(frozen=True)
class Entry:
    symbol: str
    languages: tuple[str, ...]
    baseline: str  # language of baseline/


@dataclass(frozen=True)
class Paths:
    """What a contributor may touch; `{username}` stands for their name."""

    allowed: tuple[str, ...]
    max_files: int
    max_bytes: int

    def allowed_for(self, username: str) -> tuple[str, ...]:
        return tuple(pattern.replace("{username}", username) for pattern in self.allowed)


@dataclass(frozen=True)
class Tensor:
    name: str
    role: str  # input | output
    dtype: str
    shape: tuple[str | int, ...]

    def shape_of(self, dims: Mapping[str, int]) -> tuple[int, ...]:
        return tuple(dims[side] if isinstance(side, str) else side for side in self.shape)

    def bytes_of(self, dims: Mapping[str, int]) -> int:
        size = DTYPES[self.dtype]
        for side in self.shape_of(dims):
            size *= side
        return size


@dataclass(frozen=True)
class Case:
    id: str
    use: str  # check | rank
    dims: dict[str, int]


@dataclass(frozen=True)
class Tolerance:
    rtol: float
    atol: float


@dataclass(frozen=True)
class Limits:
    build_seconds: float = 60
    check_seconds: float = 60  # the whole check phase
    time_seconds: float = 120  # the whole timing phase
    call_seconds: float = 5
    memory_mb: int = 1024
    processes: int = 64
    output_mb: int = 32
    log_kb: int = 64


@dataclass(frozen=True)
class Work:
    """What a case must at least move and compute, for the physics floor and the roofline."""

    bytes: str
    flops: str

    def bytes_of(self, case: Case) -> float:
        return formula.evaluate(formula.parse(self.bytes, case.dims), case.dims)

    def flops_of(self, case: Case) -> float:
        return formula.evaluate(formula.parse(self.flops, case.dims), case.dims)


# warm: just written by the judge, as by the operator before this one; cold: in memory, in no cache.
CACHES = ("warm", "cold")


@dataclass(frozen=True)
class Speed:
    target: float
    case_floor: float
    cache: str = "warm"  # where a timed call finds its tensors; see CACHES


@dataclass(frozen=True)
class Example:
    """A bundled submission with the verdict that it must get; its files are `examples/<name>/`."""

    name: str  # accept-… | reject-…
    language: str
    verdict: str
    reason: str
    about: Text

    def files_of(self, files: Mapping[str, bytes]) -> Bundle:
        """What a contributor would have pushed."""
        found = under(files, f"examples/{self.name}")
        found.pop("expect.toml", None)
        return found


@dataclass(frozen=True)
class Task:
    slug: str
    id: str
    title: Text
    summary: Text
    background: Text | None
    kind: str
    level: int
    points: int
    sig: str
    license: str
    mentors: tuple[str, ...]
    claim: ClaimRules
    entry: Entry
    paths: Paths
    tensors: tuple[Tensor, ...]
    dims_order: tuple[str, ...]
    cases: tuple[Case, ...]
    tolerance: dict[str, Tolerance]
    limits: Limits
    work: Work
    hardware: tuple[str, ...]  # prefixes of hardware classes
    speed: Speed
    examples: tuple[Example, ...]
    statement: Text
    digest: str

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return tuple(tensor for tensor in self.tensors if tensor.role == "input")

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        return tuple(tensor for tensor in self.tensors if tensor.role == "output")

    def cases_for(self, use: str) -> tuple[Case, ...]:
        return tuple(case for case in self.cases if case.use == use)

    def runs_on(self, hardware_class: str) -> bool:
        return any(hardware_class.startswith(prefix) for prefix in self.hardware)
