"""People, machines and tasks of the made-up community.

A task is one of the bundled ones under another name: its cases, limits and statement are real, so that every
page can show them, and the statement begins by saying so.
"""

from __future__ import annotations

import itertools
import json
import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from django.conf import settings

from bench_runner.contract import Bundle
from hub.accounts.models import User
from hub.bench.models import Worker
from hub.catalog.actions import pack
from hub.catalog.fulltext import cut
from hub.catalog.models import Programme, SearchText, Task, TaskRevision
from hub.demo.crowd import words
from hub.demo.crowd.rows import Table
from hub.publishing import HOUSE
from tasks.spec import Task as Spec
from tasks.spec import digest, load_files, read_folder, task_folders

CLASSES = (
    ("cpu-x86-avx512", "Intel Xeon Gold 6338", 32),
    ("cpu-x86-avx2", "AMD EPYC 7302", 16),
    ("cpu-arm64", "Kunpeng 920", 64),
)
ROOFS = {  # of one core, as a worker measures them: float32 operations and bytes a second
    "cpu-x86-avx512": {"flops": 1.1e11, "bandwidth": 1.2e10, "cache_bandwidth": 9.0e10},
    "cpu-x86-avx2": {"flops": 9.0e10, "bandwidth": 1.4e10, "cache_bandwidth": 6.0e10},
    "cpu-arm64": {"flops": 4.0e10, "bandwidth": 1.1e10, "cache_bandwidth": 4.5e10},
}
PEOPLE_A_MENTOR = 60
SLOTS = {Task.Policy.OPEN: 1, Task.Policy.EXCLUSIVE: 2, Task.Policy.PROPOSAL: 1}
POLICIES = (Task.Policy.OPEN, Task.Policy.OPEN, Task.Policy.EXCLUSIVE, Task.Policy.PROPOSAL)
NOTE_EN = "> Demo data: judged by the rules of the bundled task `{slug}`, under another name.\n\n"
NOTE_ZH = "> 演示数据：沿用内置任务 `{slug}` 的评测规则，只是换了名字。\n\n"


@dataclass(frozen=True)
class Member:
    key: int
    username: str
    is_mentor: bool


@dataclass(frozen=True)
class Made:
    """A task with what its verdicts are made of."""

    key: int
    revision: int
    policy: str
    slots: int
    points: int
    level: int
    mentors: tuple[int, ...]  # keys of users
    checks: tuple[str, ...]  # ids of check cases
    ranks: tuple[str, ...]  # of rank cases that a processor is timed on
    hardware: tuple[str, ...]  # classes of which each can judge it


@dataclass(frozen=True)
class Machine:
    key: int
    hardware_class: str
    environment: str  # JSON


def people(count: int, rng: Random, until: datetime) -> tuple[Table, list[Member]]:
    """Most names are Chinese; usernames carry a number, as on every large site."""
    table = Table(
        User,
        "username",
        "display_name",
        "bio",
        "is_mentor",
        "is_demo",
        "password",
        "date_joined",
        "is_active",
    )
    made = [
        Member(
            table.add(HOUSE, "Touchstone 试金石", "", False, True, "!", until, False), HOUSE, is_mentor=False
        )
    ]
    table.change(0, is_house=True)
    for number in range(count):
        is_mentor = number % PEOPLE_A_MENTOR == 0
        username, shown = _name(number, rng)
        joined = until - timedelta(days=900 * rng.random() ** 1.5, seconds=number)
        key = table.add(username, shown, rng.choice(words.BIOS), is_mentor, True, "!", joined, True)
        made.append(Member(key, username, is_mentor))
    return table, made[1:]


def _name(number: int, rng: Random) -> tuple[str, str]:
    if rng.random() < 0.2:
        shown = rng.choice(words.ABROAD)
        plain = re.sub("[^a-z]+", "-", shown.lower().replace("á", "a").replace("ć", "c").replace("í", "i"))
        return f"{plain.strip('-')}-{number}", shown
    (family, family_zh), (given, given_zh) = rng.choice(words.FAMILIES), rng.choice(words.GIVEN)
    return f"{family}-{given}-{number}", f"{family_zh}{given_zh}"


def machines(rng: Random, until: datetime) -> tuple[Table, list[Machine]]:
    table = Table(
        Worker, "name", "token_digest", "hardware_class", "fingerprint", "registered_at", "last_seen_at"
    )
    made = []
    for (name, cpu, cores), number in itertools.product(CLASSES, range(1, 4)):
        facts = {"cpu": cpu, "cores": cores, "memory_bytes": 2**37, "numpy": "2.4.0", "gcc": "12.2.0"}
        fingerprint = json.dumps(facts | ROOFS[name])
        secret = f"{rng.getrandbits(256):064x}"
        key = table.add(f"{name}-{number}", secret, name, fingerprint, until - timedelta(days=700), until)
        made.append(Machine(key, name, json.dumps(facts)))
    return table, made


def tasks(count: int, members: list[Member], rng: Random, until: datetime) -> tuple[list[Table], list[Made]]:
    """Programmes, tasks, their revisions, mentors and words, in the order in which they are written."""
    patterns = [
        (load_files(folder.name, files := read_folder(folder)), files)
        for folder in task_folders(settings.TASKS_DIR)
    ]
    programme = Table(
        Programme,
        "slug",
        "kind",
        "title_en",
        "title_zh",
        "starts_at",
        "ends_at",
        "time_zone",
        "checks_a_day",
        "ranks_a_day",
    )
    season = [
        programme.add(
            f"demo-{name}",
            name,
            en,
            zh,
            until - timedelta(days=90),
            until + timedelta(days=40),
            "Asia/Shanghai",
            50,
            20,
        )
        for name, en, zh in (
            (Programme.Kind.SUMMER.value, "Summer of operators", "算子夏令营"),
            (Programme.Kind.CROWD.value, "Crowd tasks", "众智任务"),
        )
    ]
    task = Table(
        Task,
        "uuid",
        "slug",
        "title_en",
        "title_zh",
        "summary_en",
        "summary_zh",
        "kind",
        "level",
        "points",
        "sig",
        "languages",
        "hardware",
        "policy",
        "slots",
        "programme_id",
        "current_id",
        "created_at",
    )
    revision = Table(TaskRevision, "task_id", "digest", "files", "created_at")
    mentor = Table(Task.mentors.through, "task_id", "user_id")
    search = Table(SearchText, "task_id", "title", "body")
    mentors = [member.key for member in members if member.is_mentor]
    made = []
    every = names()
    rng.shuffle(every)
    for number, (slug, en, zh) in enumerate(every[:count]):
        spec, files = patterns[number % len(patterns)]
        level, policy = 1 + min(4, int(rng.expovariate(0.8))), rng.choice(POLICIES)
        summary_en, summary_zh = rng.choice(words.SUMMARIES)
        texts = (en, zh, summary_en.format(title=en), summary_zh.format(title=zh))
        begun = until - timedelta(days=720 * (1 - number / count))
        sig, points = rng.choice(words.SIGS), level * 10
        identity = uuid.UUID(int=rng.getrandbits(128), version=4)
        own = _renamed(files, spec, identity, texts, level, points, sig)
        key = task.add(
            identity,
            slug,
            *texts,
            spec.kind,
            level,
            points,
            sig,
            json.dumps(list(spec.entry.languages)),
            json.dumps(list(spec.hardware)),
            policy,
            SLOTS[policy],
            rng.choice([None, None, None, *season]),
            None,
            begun,
        )
        written = revision.add(key, digest(own), pack(own), begun)
        task.change(-1, current_id=written)
        guides = tuple(rng.sample(mentors, min(len(mentors), rng.choice((1, 1, 2)))))
        for guide in guides:
            mentor.add(key, guide)
        search.add(key, cut(slug, en, zh, spec.entry.symbol), cut(*texts, sig, spec.kind))
        made.append(_made(key, written, spec, policy, points, level, guides))
    return [programme, task, revision, mentor, search], made


def names() -> list[tuple[str, str, str]]:
    """Slug and both titles of every task that there may be."""
    return [
        (
            "-".join(filter(None, (name, dtype, form))),
            " ".join(filter(None, (f"{en} in {dtype}", form_en))),
            "，".join(filter(None, (f"{zh}（{dtype}）", form_zh))),
        )
        for form, form_en, form_zh in words.FORMS
        for name, en, zh in words.OPERATORS
        for dtype in words.DTYPES
    ]


def _renamed(
    files: Bundle, spec: Spec, identity: uuid.UUID, texts: tuple[str, ...], level: int, points: int, sig: str
) -> Bundle:
    toml = files["task.toml"].decode()
    toml = re.sub(r'(?m)^id = ".*"$', f'id = "{identity}"', toml, count=1)
    toml = re.sub(r"(?m)^level = \d+$", f"level = {level}", toml, count=1)
    toml = re.sub(r"(?m)^points = \d+$", f"points = {points}", toml, count=1)
    toml = re.sub(r'(?m)^sig = ".*"$', f'sig = "{sig}"', toml, count=1)
    for table, en, zh in (("title", *texts[:2]), ("summary", *texts[2:])):
        toml = re.sub(
            rf'\[{table}\]\nen = ".*"\nzh = ".*"\n',
            lambda _, t=table, e=en, z=zh: f'[{t}]\nen = "{e}"\nzh = "{z}"\n',  # type: ignore[misc]
            toml,
            count=1,
        )
    notes = {"statement.en.md": NOTE_EN, "statement.zh.md": NOTE_ZH}
    told = {name: note.format(slug=spec.slug).encode() + files[name] for name, note in notes.items()}
    return {**files, **told, "task.toml": toml.encode()}


def _made(
    key: int, revision: int, spec: Spec, policy: str, points: int, level: int, mentors: tuple[int, ...]
) -> Made:
    classes = tuple(name for name, _cpu, _cores in CLASSES if spec.runs_on(name))
    here = spec.on(classes[0])
    checks = tuple(case.id for case in here.cases_for("check"))
    ranks = tuple(case.id for case in here.cases_for("rank"))
    return Made(
        key, revision, policy, SLOTS[Task.Policy(policy)], points, level, mentors, checks, ranks, classes
    )
