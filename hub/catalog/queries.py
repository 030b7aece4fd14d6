"""Reads about tasks: the parsed revision, its files, the statement as HTML. To find tasks: `finding.py`."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from django.db.models import Q, QuerySet
from django.utils.safestring import SafeString

from bench_runner.contract import Bundle, decode_bundle
from hub.catalog.markup import render_markdown
from hub.catalog.models import Task, TaskRevision
from hub.core.prepared import prepared
from tasks.spec import Task as Spec
from tasks.spec import load_files


def published_tasks() -> QuerySet[Task]:
    """Published tasks, easy ones first. To find some by what they are: `finding.py`."""
    return (
        Task.objects.filter(state=Task.State.PUBLISHED)
        .exclude(kind=Task.Kind.EXERCISE)
        .select_related("current")
    )


def open_to_all(now: datetime) -> Q:
    """Tasks whose work no programme hides then from who does not look after them."""
    return Q(programme=None) | Q(programme__hides_entries=False) | Q(programme__ends_at__lte=now)


@prepared
def tasks_named(slug: str) -> QuerySet[Task]:
    """One or none, with its revision, programme and mentors."""
    rows = Task.objects.select_related("current", "programme").defer("current__files")
    return rows.prefetch_related("mentors").filter(slug=slug)


def tasks_of(keys: Sequence[int]) -> list[Task]:
    """These tasks in this order, with their mentors."""
    rows = Task.objects.prefetch_related("mentors").in_bulk(keys)
    return [rows[key] for key in keys if key in rows]


def files_of(revision: TaskRevision) -> Bundle:
    return decode_bundle(json.loads(zlib.decompress(revision.files)))


def spec_of(revision: TaskRevision) -> Spec:
    """The parsed task of a revision; a revision never changes, so it is read once per process."""
    return _spec_by_digest(revision.digest)


@lru_cache(maxsize=512)
def _spec_by_digest(digest: str) -> Spec:
    revision = TaskRevision.objects.select_related("task").get(digest=digest)
    return load_files(revision.task.slug, files_of(revision))


def statement_html(revision: TaskRevision, language: str) -> SafeString:
    """The statement in a language of the site ("en" or "zh-hans") as safe HTML with MathML."""
    return render_markdown(spec_of(revision).statement.get(language))
