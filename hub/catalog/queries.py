"""Reads about tasks: the list with its facets, the parsed revision, the statement as HTML."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.safestring import SafeString

from bench_runner.contract import Bundle, decode_bundle
from hub.catalog.markup import render_markdown
from hub.catalog.models import Task, TaskRevision
from tasks.spec import Task as Spec
from tasks.spec import load_files


@dataclass(frozen=True)
class TaskFilter:
    """What a visitor asked for; an empty field does not filter."""

    text: str = ""
    kind: str = ""
    level: str = ""
    sig: str = ""
    language: str = ""
    policy: str = ""


@dataclass(frozen=True)
class Facet:
    """One filter with its values and how many published tasks have each."""

    name: str
    values: tuple[tuple[str, int], ...]


def published_tasks(wanted: TaskFilter | None = None) -> QuerySet[Task]:
    """Published tasks that fit, easy ones first."""
    rows = (
        Task.objects.filter(state=Task.State.PUBLISHED)
        .exclude(kind=Task.Kind.EXERCISE)
        .select_related("current")
    )
    if wanted is None:
        return rows
    for word in wanted.text.split():
        rows = rows.filter(
            Q(title_en__icontains=word)
            | Q(title_zh__icontains=word)
            | Q(summary_en__icontains=word)
            | Q(summary_zh__icontains=word)
            | Q(slug__icontains=word)
        )
    for column in ("kind", "sig", "policy"):
        if value := getattr(wanted, column):
            rows = rows.filter(**{column: value})
    if wanted.level:
        fits = wanted.level.isdecimal() and len(wanted.level) < 4
        rows = rows.filter(level=int(wanted.level)) if fits else rows.none()
    if wanted.language:
        # JSON containment is not the same on SQLite and PostgreSQL: a task's languages are few, so by key.
        having = [task.pk for task in rows if wanted.language in task.languages]
        rows = rows.filter(pk__in=having)
    return rows


def facets() -> list[Facet]:
    rows = list(published_tasks())

    def count(name: str, values: Iterable[Any]) -> Facet:
        return Facet(name, tuple(sorted((str(value), n) for value, n in Counter(values).items())))

    return [
        count("kind", (task.kind for task in rows)),
        count("level", (task.level for task in rows)),
        count("sig", (task.sig for task in rows)),
        count("language", (language for task in rows for language in task.languages)),
        count("policy", (task.policy for task in rows)),
    ]


def files_of(revision: TaskRevision) -> Bundle:
    return decode_bundle(json.loads(zlib.decompress(revision.files)))


def spec_of(revision: TaskRevision) -> Spec:
    """The parsed task of a revision; a revision never changes, so it is read once per process."""
    return _spec_by_digest(revision.digest)


@lru_cache(maxsize=64)
def _spec_by_digest(digest: str) -> Spec:
    revision = TaskRevision.objects.select_related("task").get(digest=digest)
    return load_files(revision.task.slug, files_of(revision))


def statement_html(revision: TaskRevision, language: str) -> SafeString:
    """The statement in a language of the site ("en" or "zh-hans") as safe HTML with MathML."""
    return render_markdown(spec_of(revision).statement.get(language))
