"""The history of a task: its revisions, and what changed between two of them.

Only what contributors can read anyway is shown line by line: task.toml, statements, starters. Of the rest
(oracle, inputs, examples) the page says that it changed. Not in charge of showing lines (`diffs.py`).
"""

from __future__ import annotations

import difflib
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from bench_runner.contract import Bundle
from hub.audit.queries import events_about
from hub.catalog.models import Task, TaskRevision
from hub.catalog.queries import files_of
from hub.repos.diffs import FileDiff, parse_hunks
from hub.web.diffs import FileView, file_views
from hub.web.shared import shared

REVISIONS = 100  # the newest ones that are listed
OPEN_FILES = ("task.toml", "statement.en.md", "statement.zh.md", "README.md")
OPEN_FOLDERS = ("starter/",)


@shared
@require_safe
def revision_list(request: HttpRequest, slug: str) -> HttpResponse:
    """Newest first; `from` and `to` name two of them by the beginning of the digest, else the newest two."""
    task = get_object_or_404(Task.objects.select_related("current"), slug=slug)
    revisions = list(task.revisions.defer("files")[:REVISIONS])
    after = _named(revisions, request.GET.get("to", "")) or revisions[0]
    before = _named(revisions, request.GET.get("from", "")) or _earlier(revisions, after)
    shown: dict[str, Any] = {
        "task": task,
        "rows": [(revision, _earlier(revisions, revision)) for revision in revisions],
        "publishers": _publishers(task),
        "before": before,
        "after": after,
        "files": [],
        "here": f"?from={before.digest[:12]}&to={after.digest[:12]}" if before else "?",
    }
    if before is not None and before != after:
        old, new = files_of(before), files_of(after)
        shown["files"] = compared(old, new, request.GET.get("open", ""))
        shown["unshown"] = sorted(name for name in _changed(old, new) if not _is_open(name))
    return render(request, "tasks/revisions.html", shown)


def compared(old: Bundle, new: Bundle, opened: str = "") -> list[FileView]:
    """The open files that differ, as rows to show."""
    files = [_difference(name, old, new) for name in sorted(_changed(old, new)) if _is_open(name)]
    views = file_views(files, opened=opened)
    for row in (row for view in views for block in view.blocks for row in block.rows):
        row.spot = None  # nobody comments here
    return views


def _changed(old: Bundle, new: Bundle) -> set[str]:
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}


def _is_open(name: str) -> bool:
    return name in OPEN_FILES or name.startswith(OPEN_FOLDERS)


def _difference(name: str, old: Bundle, new: Bundle) -> FileDiff:
    status = "added" if name not in old else "deleted" if name not in new else "modified"
    before, after = (files.get(name, b"").decode("utf-8", "replace").split("\n") for files in (old, new))
    lines = difflib.unified_diff(before, after, lineterm="")
    hunks, truncated = parse_hunks("\n".join(list(lines)[2:]).encode() + b"\n")
    return FileDiff(name, None, status, is_binary=False, hunks=hunks, truncated=truncated)


def _named(revisions: list[TaskRevision], start: str) -> TaskRevision | None:
    found = [revision for revision in revisions if len(start) >= 8 and revision.digest.startswith(start)]
    return found[0] if found else None


def _earlier(revisions: list[TaskRevision], later: TaskRevision) -> TaskRevision | None:
    return next((revision for revision in revisions if revision.pk < later.pk), None)


def _publishers(task: Task) -> dict[str, Any]:
    """Who published each digest, as far as it was booked with a person."""
    events = events_about(task).filter(verb="task.published", actor__isnull=False)
    return {event.data.get("digest"): event.actor for event in events.select_related("actor")}
