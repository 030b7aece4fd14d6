"""What a task is: the checked dataclasses. Standard library only.

Not in charge of reading them from a folder (`reading.py`, `spec.py`). Import these names from `tasks.spec`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from tasks import formula, languages
from tasks.bundle import Bundle, under

FORMAT = 1
KINDS = ("operator", "port", "performance", "shrink", "doc", "exercise")
POLICIES = ("open", "exclusive", "proposal")
LIBRARIES = ("framework", "kernels")  # of ours, that a Python submission may import where its task says so
DTYPES = {"bfloat16": 2, "float16": 2, "float32": 4, "float64": 8}  # bytes of an element

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


def device_of(hardware_class: str) -> str:
    """On what a machine of this class computes: `gpu-h100` is a gpu, all else a cpu."""
    return "gpu" if hardware_class.startswith("gpu") else "cpu"


@dataclass(frozen=True)
class Reading:
    """Something to read before one begins, and what it is good for."""

    text: Text  # Markdown
    url: str = ""


@dataclass(frozen=True)
class ClaimRules:
    policy: str
    slots: int
    people: int = 1  # that may hold one slot together


@dataclass(frozen=True)
class Entry:
    libraries: tuple[str, ...]  # of LIBRARIES
    symbol: str
    languages: tuple[str, ...]  # of all devices; of one, in what `Task.on` gives
    baseline: str  # its language; of the one on a processor where nothing else is said
    gpu_baseline: str = ""  # of the one on a card
    assembly: bool = False  # whether a check shows the machine code of the entry function


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
    device: str = ""  # cpu | gpu; empty: both


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
    # Instead of those above where a card is used: its context takes half a gigabyte of the host, and in each
    # process what CuPy has to compile is compiled within the first call.
    gpu_check_seconds: float = 180
    gpu_time_seconds: float = 300
    gpu_call_seconds: float = 20
    gpu_memory_mb: int = 4096
    device_memory_mb: int = 8192  # of a card, beside inputs and outputs


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
    gpu_target: float = 1.0  # the same where the baseline is that of a card
    gpu_case_floor: float = 0.5


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
    requires: tuple[str, ...] = ()  # courses and exercises to be done before it is claimed
    readings: tuple[Reading, ...] = ()  # what to read first

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return tuple(tensor for tensor in self.tensors if tensor.role == "input")

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        return tuple(tensor for tensor in self.tensors if tensor.role == "output")

    @property
    def devices(self) -> tuple[str, ...]:
        """Those on which it is judged."""
        wanted = {device_of(prefix) for prefix in self.hardware}
        return tuple(device for device in languages.DEVICES if device in wanted)

    def on(self, hardware_class: str) -> Task:
        """The same task with the cases, languages, baseline, examples and speed that hold on such a machine.

        Without any case where it does not run there.
        """
        device, runs = device_of(hardware_class), self.runs_on(hardware_class)
        spoken = languages.for_device(device)
        entry, speed, limits = self.entry, self.speed, self.limits
        if device == "gpu":
            limits = replace(
                limits,
                check_seconds=limits.gpu_check_seconds,
                time_seconds=limits.gpu_time_seconds,
                call_seconds=limits.gpu_call_seconds,
                memory_mb=limits.gpu_memory_mb,
            )
            # Baselines there are operators of ours; whoever submits may call them as well.
            entry = replace(entry, baseline=entry.gpu_baseline, libraries=LIBRARIES)
            speed = replace(speed, target=speed.gpu_target, case_floor=speed.gpu_case_floor)
        return replace(
            self,
            entry=replace(entry, languages=tuple(id for id in entry.languages if id in spoken)),
            speed=speed,
            limits=limits,
            cases=tuple(case for case in self.cases if runs and case.device in ("", device)),
            examples=tuple(each for each in self.examples if each.language in spoken),
        )

    def on_any(self, device: str) -> Task:
        """The task on whatever machine of a device it asks for first; see `devices`."""
        return self.on(next(prefix for prefix in self.hardware if device_of(prefix) == device))

    def takes(self, names: Collection[str], hardware_class: str) -> bool:
        """Whether a submission with these file names has an entry file for such a machine."""
        return bool(languages.of_files(names, self.on(hardware_class).entry.languages))

    def cases_for(self, use: str) -> tuple[Case, ...]:
        return tuple(case for case in self.cases if case.use == use)

    def runs_on(self, hardware_class: str) -> bool:
        """Whether it asks for such a machine: it names prefixes, `cpu` fits `cpu-x86-avx2`."""
        return any(hardware_class.startswith(prefix) for prefix in self.hardware)
