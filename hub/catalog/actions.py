"""Writes about tasks and programmes: publishing, retiring, what a programme has; searches that are kept."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from urllib.parse import urlencode

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from bench_runner.contract import Bundle, encode_bundle
from hub.accounts.models import User
from hub.accounts.queries import mentors_among
from hub.audit.actions import record
from hub.catalog.finding import TaskFilter
from hub.catalog.fulltext import cut
from hub.catalog.models import Programme, SavedFilter, SearchText, Task, TaskRevision
from hub.catalog.queries import spec_of
from hub.core import clock
from hub.core.errors import BadInput, NotNow
from tasks.spec import Task as Spec
from tasks.spec import load_files

NAME_LONGEST, QUERY_LONGEST = 40, 500  # characters
SAVED_MOST = 20  # searches that a person keeps


@transaction.atomic
def publish(slug: str, files: Bundle, by: User | None = None) -> TaskRevision:
    """Make `files` the current revision of a task, creating the task if it is new.

    Publishing the same files again changes nothing. Identity is the uuid: a known uuid under another slug is
    refused.

    Raises:
        tasks.spec.TaskError: the files are not a valid task.
        NotNow: the uuid or the slug belongs to another task.
    """
    spec = load_files(slug, files)
    task = _task_for(spec)
    revision, created = TaskRevision.objects.get_or_create(
        digest=spec.digest,
        defaults={"task": task, "files": pack(files), "created_at": clock.now()},
    )
    task.current = revision
    task.save(update_fields=["current"])
    task.mentors.set(mentors_among(spec.mentors))
    SearchText.objects.update_or_create(task=task, defaults=_words_of(spec))
    if created:
        record(by, "task.published", task, digest=spec.digest)
    return revision


def retire(task: Task, by: User | None = None) -> None:
    """Take a task off the list. It is never deleted: its verdicts and merged work stay."""
    if Task.moves.move(task, Task.State.RETIRED):
        record(by, "task.retired", task)


@transaction.atomic
def set_programme(programme: Programme, tasks: Iterable[Task], by: User | None = None) -> None:
    """Make or change a programme; exactly these tasks belong to it from now on, claimed as it says.

    Who may is asked in the layer above (`hub/programmes/actions.py`).

    Raises:
        ValidationError: a column does not fit; the text says which and why.
    """
    programme.full_clean()
    chosen = {task.pk for task in tasks}
    before = Task.objects.filter(Q(pk__in=chosen) | Q(programme=programme.pk)).exclude(programme=None)
    governed = list(before.exclude(programme__policy="").select_related("current"))
    programme.save()
    Task.objects.filter(programme=programme).exclude(pk__in=chosen).update(programme=None)
    Task.objects.filter(pk__in=chosen).update(programme=programme)
    if programme.policy:
        Task.objects.filter(pk__in=chosen).update(policy=programme.policy)
    for task in governed:
        if task.current is not None and not (programme.policy and task.pk in chosen):
            Task.objects.filter(pk=task.pk).update(policy=spec_of(task.current).claim.policy)
    columns = ("checks_a_day", "ranks_a_day", "runs_in_total", "live_at_once")
    limits = {name: getattr(programme, name) for name in columns}
    record(by, "programme.set", programme, tasks=sorted(chosen), **limits)


def save_filter(user: User, name: str, wanted: TaskFilter) -> SavedFilter:
    """Keep a search under a name; the same name again replaces it.

    Raises:
        BadInput: no name, nothing to keep, or too many of them.
    """
    name, query = " ".join(name.split())[:NAME_LONGEST], urlencode(wanted.pairs())
    if not name:
        raise BadInput(_("Give the search a name, such as “easy, in Python”."))
    if not query or len(query) > QUERY_LONGEST:
        raise BadInput(_("There is no filter to keep, or there are too many: choose some, then keep them."))
    others = SavedFilter.objects.filter(user=user).exclude(name=name)
    if others.count() >= SAVED_MOST:
        raise BadInput(_("You keep %(most)s searches already: delete one first.") % {"most": SAVED_MOST})
    saved, _made = SavedFilter.objects.update_or_create(user=user, name=name, defaults={"query": query})
    return saved


def forget_filter(user: User, key: int) -> None:
    """Delete one of a person's own searches; what is gone or somebody else's is left as it is."""
    SavedFilter.objects.filter(user=user, pk=key).delete()


def pack(files: Bundle) -> bytes:
    return zlib.compress(json.dumps(encode_bundle(files), separators=(",", ":")).encode())


def _words_of(spec: Spec) -> dict[str, str]:
    """What the task is found by: the names of it weigh more than what is said about it."""
    texts = [spec.summary, spec.statement, *([spec.background] if spec.background else [])]
    said = [words for text in texts for words in (text.en, text.zh)]
    return {
        "title": cut(spec.slug, spec.title.en, spec.title.zh, spec.entry.symbol),
        "body": cut(*said, spec.kind, spec.sig, *spec.entry.languages),
    }


def _task_for(spec: Spec) -> Task:
    other = Task.objects.filter(slug=spec.slug).exclude(uuid=spec.id).first()
    if other is not None:
        raise NotNow(f"tasks/{spec.slug}: the slug belongs to the task with id {other.uuid}; keep that id")
    renamed = Task.objects.filter(uuid=spec.id).exclude(slug=spec.slug).first()
    if renamed is not None:
        raise NotNow(f"tasks/{spec.slug}: id {spec.id} belongs to the task {renamed.slug}; give a new uuid")
    governing = Programme.objects.filter(tasks__uuid=spec.id).exclude(policy="").first()
    columns = {
        "slug": spec.slug,
        "state": Task.State.PUBLISHED,
        "title_en": spec.title.en,
        "title_zh": spec.title.zh,
        "summary_en": spec.summary.en,
        "summary_zh": spec.summary.zh,
        "kind": spec.kind,
        "level": spec.level,
        "points": spec.points,
        "sig": spec.sig,
        "languages": list(spec.entry.languages),
        "hardware": list(spec.hardware),
        "policy": governing.policy if governing else spec.claim.policy,
        "slots": spec.claim.slots,
        "together": spec.claim.people,
    }
    task, _made = Task.objects.update_or_create(
        uuid=spec.id, defaults=columns, create_defaults={**columns, "created_at": clock.now()}
    )
    return task
