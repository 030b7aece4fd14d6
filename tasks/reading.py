"""From a bundle to a `Task`: the fields of task.toml and the files a folder must have. Standard library only.

Not in charge of whether the task is a *good* one, which needs running it (`check.py`).
Every function reads one table and appends what is wrong to the shared list of problems.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Mapping
from typing import Any

from tasks import formula, languages
from tasks.bundle import UnsafeName, check_names, digest
from tasks.bundled import CHINESE, both, check_language_folders, examples, open_toml
from tasks.courses import fill_exercise
from tasks.fields import Section
from tasks.model import (
    CACHES,
    DTYPES,
    FORMAT,
    KINDS,
    LIBRARIES,
    POLICIES,
    Case,
    ClaimRules,
    Entry,
    Limits,
    Paths,
    Reading,
    Speed,
    Task,
    Tensor,
    Text,
    Tolerance,
    Work,
)

NAME = r"[a-z][a-z0-9_]{0,30}"  # of tensors and dims: they become C and Python arguments
SLUG = r"[a-z0-9][a-z0-9-]{1,62}"
USERNAME = r"[a-z0-9][a-z0-9-]{1,31}"
NEEDED_FILES = {
    "statement.en.md": "write what to make, in English",
    "statement.zh.md": "write what to make, in Chinese",
    "reference.py": "write `reference(inputs)`, the float64 oracle",
    "inputs.py": "write `make(dims, rng)`, fresh inputs of a case",
}
# Loosest tolerance that still tells a kind of operator from a sloppy one: (rtol, atol).
RULES = {
    ("elementwise", "bfloat16"): (1.6e-2, 4e-3),
    ("reduction", "bfloat16"): (1.6e-2, 4e-3),
    ("elementwise", "float16"): (2e-3, 1e-3),
    ("reduction", "float16"): (2e-3, 1e-3),
    ("elementwise", "float32"): (1e-5, 1e-6),
    ("reduction", "float32"): (1e-4, 1e-5),
    ("elementwise", "float64"): (1e-10, 1e-12),
    ("reduction", "float64"): (1e-10, 1e-12),
}


def read_task(slug: str, files: Mapping[str, bytes], problems: list[str]) -> Task | None:
    """Everything in one pass; the result is only meant for use when `problems` stayed empty."""
    where = f"tasks/{slug}"
    top = open_toml(f"{where}/task.toml", files.get("task.toml"), problems)
    if top is None:
        return None
    if top.table.get("kind") == "exercise":
        top.table = fill_exercise(top.table)
    _check_files(slug, where, files, problems)
    top.integer("format", f"this version reads format {FORMAT}", FORMAT, FORMAT)
    entry = _entry(top)
    dims = _dims(top)
    tensors = _tensors(top, dims)
    task = Task(
        slug=slug,
        id=_uuid(top),
        title=both(top, "title"),
        summary=both(top, "summary"),
        background=both(top, "background") if top.has("background") else None,
        kind=top.choice("kind", KINDS),
        level=top.integer("level", "give the difficulty from 1 to 5", 1, 5),
        points=top.integer("points", "give the points on merge", 1, 1000, default=10 * _level(top)),
        sig=top.text("sig", 'name the interest group, e.g. "kernels"', pattern=SLUG),
        license=top.text("license", 'give an SPDX name, e.g. "Apache-2.0"', pattern=r"[A-Za-z0-9.+-]+"),
        mentors=top.texts("mentors", "name at least one mentor by username", pattern=USERNAME),
        claim=_claim(top),
        entry=entry,
        paths=_paths(top),
        tensors=tensors,
        dims_order=dims,
        cases=_cases(top, dims),
        tolerance=_tolerance(top, tensors),
        limits=_limits(top),
        work=_work(top, dims),
        hardware=_hardware(top),
        speed=_speed(top),
        examples=examples(where, files, entry, problems),
        statement=Text(_decode(files, "statement.en.md"), _decode(files, "statement.zh.md")),
        digest=digest(files),
        requires=_requires(top),
        readings=_readings(top),
    )
    top.no_others()
    _check_devices(top, task)
    check_language_folders(where, files, entry, problems)
    return task


def _check_files(slug: str, where: str, files: Mapping[str, bytes], problems: list[str]) -> None:
    try:
        check_names(files)
    except UnsafeName as problem:
        problems.append(f"{where}: {problem}")
    for name, cure in NEEDED_FILES.items():
        content = files.get(name)
        if content is None or not content.strip():
            problems.append(f"{where}/{name}: {'missing' if content is None else 'empty'}; {cure}")
    for name in ("statement.en.md", "statement.zh.md"):
        try:
            files.get(name, b"").decode("utf-8")
        except UnicodeDecodeError as error:
            problems.append(f"{where}/{name}: byte {error.start}: not UTF-8; save the file as UTF-8")


def _decode(files: Mapping[str, bytes], name: str) -> str:
    return files.get(name, b"").decode("utf-8", errors="replace")


def _uuid(top: Section) -> str:
    value = top.text("id", "make one with `python3 -m uuid`")
    try:
        return str(uuid.UUID(value)) if value else ""
    except ValueError:
        top.problem("id", f"{value!r} is not a UUID", "make one with `python3 -m uuid` and never change it")
        return ""


def _level(top: Section) -> int:
    value = top.table.get("level")
    return value if type(value) is int and 1 <= value <= 5 else 1


def _claim(top: Section) -> ClaimRules:
    section = top.section("claim", f'give policy = "{" | ".join(POLICIES)}"')
    policy = section.choice("policy", POLICIES)
    slots = section.integer("slots", "give how many may hold it at once", 1, 100, default=1)
    people = section.integer("people", "give how many may hold one slot together", 1, 10, default=1)
    section.no_others()
    return ClaimRules(policy, slots, people)


def _readings(top: Section) -> tuple[Reading, ...]:
    found = []
    cure = "give [[read]] tables with en, zh and, if it has one, url"
    for section in top.sections("read", cure) if top.has("read") else ():
        text = Text(
            section.text("en", "say in English what it is and what it is good for"),
            section.text("zh", "say in Chinese what it is and what it is good for", pattern=CHINESE),
        )
        url = section.text("url", "give the whole address, with https", pattern=r"https?://\S+", default="")
        section.no_others()
        found.append(Reading(text, url))
    return tuple(found)


def _requires(top: Section) -> tuple[str, ...]:
    if not top.has("requires"):
        return ()
    if top.table.get("claim") == {"policy": "open"}:
        cure = 'use policy = "exclusive" or "proposal"'
        top.problem("requires", "the task is open: whoever pushes has claimed it", cure)
    return top.texts("requires", "name courses or exercises to be done first", pattern=SLUG)


def _entry(top: Section) -> Entry:
    section = top.section("entry", "give symbol, languages and baseline")
    known = tuple(languages.LANGUAGES)
    allowed = section.texts("languages", f"use of {', '.join(known)}", pattern="|".join(known))
    entry = Entry(
        libraries=_libraries(section),
        symbol=section.text("symbol", 'name the function, e.g. "row_softmax"', pattern=NAME),
        languages=allowed,
        baseline=section.choice("baseline", languages.for_device("cpu"), default=""),
        gpu_baseline=section.choice("gpu_baseline", languages.for_device("gpu"), default=""),
        assembly=section.flag("assembly", "say whether a check shows the machine code of the function"),
    )
    if entry.assembly and not set(allowed) & set(languages.NATIVE):
        cure = f"add one of {', '.join(languages.NATIVE)}, or delete the key"
        section.problem("assembly", "none of the languages becomes machine code of a processor", cure)
    section.no_others()
    return entry


def _libraries(section: Section) -> tuple[str, ...]:
    if not section.has("libraries"):
        return ()
    return section.texts("libraries", f"use of {', '.join(LIBRARIES)}", pattern="|".join(LIBRARIES))


def _paths(top: Section) -> Paths:
    section = top.section("paths", "give allowed, max_files and max_bytes")
    pattern = r"[A-Za-z0-9_.{}*/-]+"
    paths = Paths(
        allowed=section.texts("allowed", 'e.g. ["solutions/{username}/*"]', pattern=pattern),
        max_files=section.integer("max_files", "give the most files of a submission", 1, 1000),
        max_bytes=section.integer("max_bytes", "give the most bytes of a submission", 1, 64 * 2**20),
    )
    for index, allowed in enumerate(paths.allowed):
        if "{username}" not in allowed or ".." in allowed or allowed.startswith("/"):
            cure = 'keep people apart, e.g. "solutions/{username}/*"'
            fault = f"{allowed!r} has no {{username}} or leaves the repository"
            section.problem(f"allowed[{index}]", fault, cure)
    section.no_others()
    return paths


def _dims(top: Section) -> tuple[str, ...]:
    section = top.section("dims", 'give order = ["rows", "cols"]: the integers after the tensors of a call')
    order = section.texts("order", 'name the dims in call order, e.g. ["rows", "cols"]', pattern=NAME)
    section.no_others()
    return order


def _tensors(top: Section, dims: tuple[str, ...]) -> tuple[Tensor, ...]:
    tensors: list[Tensor] = []
    for section in top.sections("tensor", "give a [[tensor]] for every input and output, in call order"):
        tensor = Tensor(
            name=section.text("name", "use lower-case letters, digits and _", pattern=NAME),
            role=section.choice("role", ("input", "output")),
            dtype=section.choice("dtype", tuple(DTYPES)),
            shape=_shape(section, dims),
        )
        if any(tensor.name == other.name for other in tensors):
            section.problem("name", f"{tensor.name!r} is there twice", "give every tensor its own name")
        if tensor.role == "input" and any(other.role == "output" for other in tensors):
            section.problem("role", "'input' comes after an output", "put all inputs before the outputs")
        section.no_others()
        tensors.append(tensor)
    if "tensor" in top.table:
        for role in {"input", "output"} - {tensor.role for tensor in tensors}:
            top.problem("tensor", f"no {role} among them", f'give one with role = "{role}"')
    return tuple(tensors)


def _shape(section: Section, dims: tuple[str, ...]) -> tuple[str | int, ...]:
    cure = f"use a dim ({', '.join(dims)}) or a positive integer"
    shape = []
    for index, side in enumerate(section.array("shape", "give the dims of the tensor")):
        if (isinstance(side, str) and side in dims) or (type(side) is int and side > 0):
            shape.append(side)
        else:
            section.problem(f"shape[{index}]", f"{side!r} is neither a dim nor a size", cure)
    return tuple(shape)


def _cases(top: Section, dims: tuple[str, ...]) -> tuple[Case, ...]:
    cases: list[Case] = []
    for section in top.sections("case", "give [[case]] tables with id, use and dims"):
        use = section.choice("use", ("check", "rank"))
        case = Case(
            id=section.text("id", "use lower-case letters, digits and -", pattern=r"[a-z0-9][a-z0-9-]{0,40}"),
            use=use,
            dims=_case_dims(section.section("dims", f"give {', '.join(dims)}"), dims, use),
            device=section.choice("device", languages.DEVICES, default=""),
        )
        if any(case.id == other.id for other in cases):
            section.problem("id", f"{case.id!r} is there twice", "give every case its own id")
        section.no_others()
        cases.append(case)
    if "case" in top.table:
        for use in sorted({"check", "rank"} - {case.use for case in cases}):
            what = "right or wrong is decided" if use == "check" else "speed is measured"
            top.problem("case", f"none has use = {use!r}", f"add one: {what} on these cases")
    return tuple(cases)


def _case_dims(section: Section, dims: tuple[str, ...], use: str) -> dict[str, int]:
    low = 0 if use == "check" else 1
    cure = "give the size of the dimension" + ("" if low else " (0 is allowed in check cases)")
    sizes = {name: section.integer(name, cure, low, 2**31 - 1) for name in dims}
    section.no_others()
    return sizes


def _tolerance(top: Section, tensors: tuple[Tensor, ...]) -> dict[str, Tolerance]:
    section = top.section("tolerance", 'give rule = "elementwise" or "reduction", or a table per dtype')
    rule = section.choice("rule", ("elementwise", "reduction"), default="reduction")
    found = {}
    for dtype in sorted({tensor.dtype for tensor in tensors if tensor.role == "output" and tensor.dtype}):
        rtol, atol = RULES.get((rule, dtype), (0.0, 0.0))
        own = section.section(dtype, "give rtol and atol", optional=True)
        found[dtype] = Tolerance(
            own.number("rtol", "give the relative tolerance", 0, 0.5, default=rtol),
            own.number("atol", "give the part of the output's rms that is allowed", 0, 0.25, default=atol),
        )
        own.no_others()
    section.no_others()
    return found


def _limits(top: Section) -> Limits:
    section = top.section("limits", "give the limits", optional=True)
    whole = {
        "memory_mb": 65536,
        "gpu_memory_mb": 2**20,
        "device_memory_mb": 2**20,
        "processes": 4096,
        "output_mb": 1024,
        "log_kb": 1024,
    }
    values: dict[str, Any] = {}
    for field in dataclasses.fields(Limits):
        default = getattr(Limits, field.name)
        if field.name in whole:
            most = whole[field.name]
            values[field.name] = section.integer(field.name, "give a limit", 1, most, default=default)
        else:
            values[field.name] = section.number(field.name, "give seconds", 0.1, 3600, default=default)
    section.no_others()
    return Limits(**values)


def _work(top: Section, dims: tuple[str, ...]) -> Work:
    section = top.section("work", 'give bytes and flops, e.g. bytes = "8*rows*cols"')
    work = Work(
        bytes=section.text("bytes", "say how many bytes a call must move"),
        flops=section.text("flops", "say how many operations a call needs"),
    )
    for key, text in (("bytes", work.bytes), ("flops", work.flops)):
        try:
            formula.parse(text or "0", dims)
        except formula.BadFormula as problem:
            fault, _, cure = str(problem).partition("; ")
            section.problem(key, f"{text!r}: {fault}", cure or "correct the formula")
    section.no_others()
    return work


def _hardware(top: Section) -> tuple[str, ...]:
    section = top.section("hardware", 'give classes = ["cpu"]')
    classes = section.texts("classes", 'give prefixes of hardware classes, e.g. "cpu"', pattern=r"[a-z0-9-]+")
    section.no_others()
    return classes


def _check_devices(top: Section, task: Task) -> None:
    """What is asked for a device must be there, and nothing for one that is not asked for."""
    for device in languages.DEVICES:
        here = task.on_any(device) if device in task.devices else None
        key = "baseline" if device == "cpu" else "gpu_baseline"
        given = task.entry.baseline if device == "cpu" else task.entry.gpu_baseline
        if here is None:
            _not_asked_for(top, task, device, key if given else "")
            continue
        of_it = ", ".join(languages.for_device(device))
        if not given:
            top.problem(f"entry.{key}", "missing", f"name the language of baseline/, one of {of_it}")
        if not here.entry.languages:
            top.problem("entry.languages", f"none computes on a {device}", f"add one of {of_it}")
        if len(task.devices) == 1:
            continue  # what is said of all cases and all examples says it of these
        for use in ("check", "rank"):
            if task.cases and not here.cases_for(use):
                top.problem("case", f"none with use = {use!r} holds on a {device}", "add one")
        for kind, accepts in (("accept-*", True), ("reject-*", False)):
            if not any((each.verdict == "passed") == accepts for each in here.examples):
                top.problem("examples", f"no {kind} for a {device}", f"add one in {of_it}")


def _not_asked_for(top: Section, task: Task, device: str, baseline: str) -> None:
    cure = f'add "{device}" to [hardware] classes, or delete'
    if baseline:
        top.problem(f"entry.{baseline}", f"no class asks for a {device}", f"{cure} the key")
    for id in task.entry.languages:
        if id in languages.for_device(device):
            top.problem(
                "entry.languages", f"{id!r} computes on a {device}, no class asks for it", f"{cure} it"
            )
    for case in task.cases:
        if case.device == device:
            top.problem(f"case {case.id!r}", f"no class asks for a {device}", f"{cure} the case")


def _speed(top: Section) -> Speed:
    section = top.section("speed", "give target and case_floor")
    speed = Speed(
        target=section.number("target", "give the ratio to the baseline to reach", 0.05, 100, default=1.10),
        case_floor=section.number("case_floor", "give the least ratio in a case", 0.01, 100, default=0.90),
        cache=section.choice("cache", CACHES, default="warm"),
        gpu_target=section.number("gpu_target", "give the same for a card", 0.05, 100, default=1.0),
        gpu_case_floor=section.number("gpu_case_floor", "give the same for a card", 0.01, 100, default=0.5),
    )
    if speed.case_floor > speed.target:
        section.problem("case_floor", f"{speed.case_floor:g} is above target {speed.target:g}", "lower it")
    if speed.gpu_case_floor > speed.gpu_target:
        fault = f"{speed.gpu_case_floor:g} is above gpu_target {speed.gpu_target:g}"
        section.problem("gpu_case_floor", fault, "lower it")
    section.no_others()
    return speed
